"""Bring weights here: from the owners' address, or from a file that the user has."""

from __future__ import annotations

import glob
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..canonical import digest
from ..download import ask, download, held, is_page, require_room
from ..file_hashes import file_sha256
from .files import WeightsFile, chosen, of_model, table
from .store import accept, place, read_note


def fetch(file: WeightsFile) -> str:
    """Download ``file``, check it and give it its place; its SHA-256.

    A download that was interrupted goes on where it stopped if the server still offers the
    same file. Raises ConnectionError if it cannot be had, ValueError if what comes is not
    ``file`` (it is removed), OSError without disk space or while another process does the same.
    """
    by_hand = (
        f"get {file.file} in a browser from {file.page}, then: iqa-eval weights add {file.name} "
        "FILE"
    )
    page = f"{file.address} gives a web page and not {file.file}: {by_hand}"
    with _alone(file) as path:
        try:
            remote = ask(file.address)
        except ConnectionError as error:
            raise ConnectionError(f"{error}; try again later, or {by_hand}") from error
        if remote.is_page:
            raise ValueError(page)
        if None not in (file.size, remote.size) and file.size != remote.size:
            raise ValueError(
                f"{file.address} offers {remote.size} bytes, the published {file.file} has "
                f"{file.size}: {by_hand}"
            )
        size = remote.size if file.size is None else file.size
        # Its name says of what it is a part: that of another version is not gone on with.
        same = file.sha256 or remote.version
        part = path.with_name(f".{path.name}-{digest([file.address, same, size])[:12]}.part")
        for other in _parts(path):
            if other != part or same is None:
                other.unlink()
        if size is not None:
            require_room(path.parent, size - held(part, size), "the variable IQA_EVAL_CACHE")
        try:
            download(file.address, part, size=size, shown=file.file)
        except ConnectionError as error:
            if _is_removed_page(part):
                raise ValueError(page) from error
            go_on = "run again" if None in (same, size) else "what has come is kept: run again"
            raise ConnectionError(f"{error}; {go_on} to go on, or {by_hand}") from error
        if _is_removed_page(part):
            raise ValueError(page)
        try:
            return accept(file, part, file.address)
        except ValueError as error:
            raise ValueError(
                f"{file.address}: not {file.file} (removed): {error}; run again, or {by_hand}"
            ) from error


def add(name: str, given: Path, replace: bool = False) -> tuple[WeightsFile, str]:
    """Copy ``given``, check it and give it its place; what it is, and its SHA-256.

    ``name`` is that of the file, or of its model where ``given`` has an official name. Raises
    UnknownName, ValueError if ``given`` is another file or, unless ``replace``, one with other
    bytes is here; OSError if it cannot be read or copied.
    """
    file = _meant(name, given)
    with _alone(file) as path:
        _refuse_known(file, given, replace)
        part = path.with_name(f".{path.name}-added.part")
        try:
            shutil.copyfile(given, part)
            sha256 = accept(file, part, str(given.absolute()))
            for other in _parts(path):  # of a download that is no longer needed
                other.unlink()
            return file, sha256
        except ValueError as error:
            raise ValueError(
                f"{given} is not {file.file} of {file.model}: {error}; it is found at {file.page}"
            ) from error
        finally:
            part.unlink(missing_ok=True)


def _refuse_known(file: WeightsFile, given: Path, replace: bool) -> None:
    """Raise ValueError if these bytes are here as another file, or other bytes as this one."""
    sha256 = file_sha256(given)
    for other in table().values():
        note = read_note(other) if place(other).is_file() else None
        if note is not None and other is not file and note.sha256 == sha256:
            raise ValueError(f"{given} is not {file.name}: it is here already as {other.name}")
        if note is not None and other is file and note.sha256 != sha256 and not replace:
            raise ValueError(
                f"another {file.name} is here since {note.date}: --replace puts {given} there"
            )


def _meant(name: str, given: Path) -> WeightsFile:
    files = chosen([name])
    for file in files:
        if file.file == given.name:
            return file
    others = [file for file in table().values() if file.file == given.name]
    if others:
        probably = " or ".join(f"iqa-eval weights add {file.name}" for file in others)
        raise ValueError(f"{given} has the name of another file: try {probably} {given}")
    if len(files) > 1:
        known = ", ".join(f"{file.name} ({file.file})" for file in of_model(name))
        raise ValueError(f"which file of {name} is {given}? name it: {known}")
    return files[0]


@contextmanager
def _alone(file: WeightsFile) -> Iterator[Path]:
    """The place of ``file``, in a folder that is there, while no other process writes it."""
    path = place(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=0):
            yield path
    except Timeout:
        raise OSError(f"another process is fetching or adding {file.name}") from None


def _parts(path: Path) -> list[Path]:
    return list(path.parent.glob(f".{glob.escape(path.name)}-*.part"))


def _is_removed_page(part: Path) -> bool:
    """Whether ``part`` is a web page; if so, it is gone."""
    if not (part.exists() and is_page(part)):
        return False
    part.unlink()
    return True
