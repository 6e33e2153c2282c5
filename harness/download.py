"""Download one file over HTTP; a download that was interrupted goes on where it stopped."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import one_line

WAIT = 20.0  # seconds for a server's first answer
LIMIT = 4 * 10**9  # bytes, of a file whose size nobody knows
RESTARTS = 3  # of a server that cannot go on in the middle of a file

_UNCHANGED = {"Accept-Encoding": "identity"}  # sizes and ranges are those of the file itself
_MARKUP = re.compile(rb"(\xef\xbb\xbf)?\s*<[!?a-z]", re.IGNORECASE)


@dataclass(frozen=True)
class Remote:
    """What a server says of a file before it sends it; None for what it does not say."""

    size: int | None  # bytes
    version: str | None  # changes with the bytes
    is_page: bool  # a page for people instead of the file


def ask(address: str) -> Remote:
    """What lies at ``address`` now, redirects followed. Raises ConnectionError in one line."""
    from huggingface_hub.utils import http_stream_backoff

    # One byte is asked for, and no body is read: servers answer this that refuse a HEAD.
    headers = {**_UNCHANGED, "Range": "bytes=0-0"}
    try:
        with http_stream_backoff(
            "GET",
            address,
            headers=headers,
            timeout=WAIT,
            retry_on_exceptions=(),
            retry_on_status_codes=(),
        ) as answer:
            status, found = answer.status_code, answer.headers
    except Exception as error:  # libraries for the network have many kinds
        raise ConnectionError(f"{address} cannot be had: {one_line(error)}") from error
    if status >= 400:
        raise ConnectionError(f"{address} cannot be had: the server answers {status}")
    if status == 206:
        length = found.get("Content-Range", "").rpartition("/")[2]
    else:
        length = "" if "Content-Encoding" in found else found.get("Content-Length", "")
    return Remote(
        size=int(length) if length.isdecimal() and len(length) < 16 else None,
        version=found.get("ETag") or found.get("Last-Modified"),
        is_page=found.get("Content-Type", "").lower().startswith("text/html"),
    )


def download(
    address: str,
    path: Path,
    *,
    size: int | None,
    shown: str,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Bring ``path`` up to the whole file of ``size`` bytes, with a progress bar for ``shown``.

    What ``path`` holds must be the beginning of the same file; where ``size`` is None it is
    overwritten. Raises ConnectionError if the transfer breaks off (what has come is kept),
    OSError if ``path`` cannot be written.
    """
    # The hub's own hf_hub_download starts anew after a kill, which may cost hours here.
    from huggingface_hub.file_download import http_get

    have = 0 if size is None else held(path, size)
    try:
        with _Part(io.FileIO(path, "ab" if have else "wb")) as file:
            file.limit = LIMIT if size is None else size
            http_get(
                address,
                file,
                resume_size=have,
                headers={**_UNCHANGED, **(headers or {})},
                expected_size=size,
                displayed_filename=shown,
            )
    except Exception as error:
        # Only the disk's errors have a number: the network's come wrapped.
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(
                f"{path.parent} cannot hold {shown}: {error.strerror}; put that right and run again"
            ) from error
        raise ConnectionError(f"{address}: the transfer broke off: {one_line(error)}") from error


def held(path: Path, size: int) -> int:
    """How many of the ``size`` bytes ``path`` holds; a longer file is no part, and is removed."""
    have = path.stat().st_size if path.exists() else 0
    if have <= size:
        return have
    path.unlink()
    return 0


def require_room(folder: Path, needed: int, elsewhere: str) -> None:
    """Raise OSError if ``folder`` has less than ``needed`` bytes free.

    ``elsewhere`` is how the user names another folder.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(
            f"{folder} has {readable(free)} free; fetching takes {readable(needed)}: "
            f"make room, or name another folder with {elsewhere}"
        )


def is_page(path: Path) -> bool:
    """Whether ``path`` holds HTML or XML: a login, quota or error page instead of a file."""
    with path.open("rb") as file:
        head = file.read(1024)
    # Text has no NUL byte; a binary header may begin with "<" by chance.
    return _MARKUP.match(head) is not None and b"\0" not in head


def readable(size: int) -> str:
    """``size`` bytes for people to read."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.2f} MB"


class _Part(io.BufferedWriter):
    """A file of at most ``limit`` bytes that is begun anew at most ``RESTARTS`` times.

    http_get itself would take whatever comes, and never end.
    """

    restarts = 0
    limit = LIMIT

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > self.limit:
            raise ConnectionError(f"the server sends more than {self.limit:,} bytes")
        return super().write(data)

    def truncate(self, pos: int | None = None, /) -> int:
        self.restarts += 1
        if self.restarts > RESTARTS:
            raise ConnectionError("the server begins anew each time and never comes to an end")
        return super().truncate(pos)
