"""Download a dataset's archive from the Hugging Face hub, and unpack it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from .. import download as http
from ..errors import one_line
from .spec import HubFile, Spec
from .unpack import unpack

NOTE = ".iqa-eval.json"  # beside the images: where they came from

_COMMIT, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Offer:
    """A file as the hub has it now, ``commit`` being what the revision stands for today."""

    hub: HubFile
    address: str
    commit: str
    size: int  # bytes
    sha256: str | None  # None where the hub does not say

    @property
    def pinned(self) -> bool:
        """Whether the dataset names a commit, and not a branch that others may move."""
        return _COMMIT.fullmatch(self.hub.revision) is not None


def ask(hub: HubFile) -> Offer:
    """What the hub says of ``hub``. Raises ConnectionError if it cannot be asked."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    def address(revision: str) -> str:
        return hf_hub_url(hub.repository, hub.file, repo_type="dataset", revision=revision)

    try:
        found = get_hf_file_metadata(asked := address(hub.revision))
    except Exception as error:  # its libraries for the network have many kinds
        raise ConnectionError(f"{asked} cannot be had: {one_line(error)}") from error
    if found.size is None or found.commit_hash is None:
        raise ConnectionError(f"{asked}: the hub says neither size nor commit")
    sha256 = found.etag if _SHA256.fullmatch(found.etag or "") else None
    return Offer(hub, address(found.commit_hash), found.commit_hash, found.size, sha256)


def fetch(spec: Spec, offer: Offer, folder: Path) -> str:
    """Download what ``offer`` is and unpack it to the new folder ``folder``; its SHA-256.

    A download that was interrupted goes on where it stopped; the archive is removed once it is
    unpacked. Raises FileExistsError if ``folder`` is there, ConnectionError if the transfer
    breaks off, OSError without disk space or where another process fetches the same, and
    ArchiveError.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        with lock.acquire(timeout=0):
            if folder.exists():
                raise FileExistsError(f"{folder} is there already: nothing was fetched")
            archive = folder.with_name(f".{folder.name}-{offer.commit[:12]}.download")
            sha256 = download(offer, archive)
            unpack(archive, folder)
            _note(offer, sha256, folder / NOTE)
            archive.unlink()
    except Timeout:
        raise OSError(f"another process is fetching {spec.name} to {folder}") from None
    return sha256


def download(offer: Offer, path: Path) -> str:
    """Bring ``path`` up to the whole file, and give its SHA-256.

    Raises ConnectionError if the transfer breaks off (what has come is kept), OSError for too
    little disk space or for bytes that are not what the hub says (they are removed).
    """
    from huggingface_hub.utils import build_hf_headers

    # The archive, and about as much again for what is in it.
    http.require_room(path.parent, 2 * offer.size - http.held(path, offer.size), "--to")
    try:
        http.download(
            offer.address,
            path,
            size=offer.size,
            shown=offer.hub.file,
            headers=build_hf_headers(),
        )
    except ConnectionError as error:
        raise ConnectionError(f"{error}; what has come is kept: run again to go on") from error
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if offer.sha256 not in (None, sha256):
        path.unlink()
        raise OSError(f"{offer.address}: damaged on its way (removed): run again")
    return sha256


def _note(offer: Offer, sha256: str, path: Path) -> None:
    note = {
        "repository": offer.hub.repository,
        "revision": offer.commit,
        "file": offer.hub.file,
        "sha256": sha256,
        "date": datetime.now(UTC).date().isoformat(),
    }
    path.write_text(json.dumps(note, indent=2) + "\n")
