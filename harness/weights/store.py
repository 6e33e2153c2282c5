"""The weights that are here: each under its official name, beside it a note of what came.

A file gets its place only when it has passed every check, and whole or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ..atomic import write_atomic
from ..cache import default_cache
from ..download import is_page
from ..errors import message
from ..file_hashes import file_sha256
from ..model import Unavailable
from .files import WeightsFile, chosen

Checksum = Literal["published", "recorded", "unknown"]


@dataclass(frozen=True)
class Note:
    """What came: ``origin`` is an address or a path, ``date`` the day."""

    sha256: str
    size: int
    origin: str
    date: str


def place(file: WeightsFile) -> Path:
    """Where ``file`` lies if it is here."""
    return default_cache() / "weights" / file.model / file.file


def local_files(names: Iterable[str]) -> dict[str, Path]:
    """The files called ``names``, as they lie here.

    Raises UnknownName; Unavailable with the command that fetches all that are lacking; ValueError
    for a file that is not what it was when it came.
    """
    files = chosen(names)
    if lacking := [file for file in files if not place(file).is_file()]:
        what = " and ".join(f"{file.file} of {file.model}" for file in lacking)
        command = " ".join(["iqa-eval weights fetch", *(file.name for file in lacking)])
        raise Unavailable(f"{what} {'is' if len(lacking) == 1 else 'are'} not here", command)
    for file in files:
        try:
            compare(file, file_sha256(place(file)))
        except ValueError as error:
            raise ValueError(
                f"weights {place(file)}: {error}; to mend it: iqa-eval weights fetch {file.name}"
            ) from None
    return {file.name: place(file) for file in files}


def note_path(file: WeightsFile) -> Path:
    """Where the note of ``file`` lies."""
    path = place(file)
    return path.with_name(f"{path.name}.json")


def checksum(file: WeightsFile) -> Checksum:
    """Whose SHA-256 ``file`` is compared with: its publisher's, or that of the day it came."""
    if file.sha256 is not None:
        return "published"
    return "recorded" if note_path(file).is_file() else "unknown"


def examine(file: WeightsFile, path: Path) -> str:
    """The SHA-256 of ``path``. Raises ValueError with the reason if it is not ``file``."""
    size = path.stat().st_size
    if is_page(path):
        raise ValueError("it is a web page")
    if file.size not in (None, size):
        raise ValueError(f"it has {size} bytes, the published file has {file.size}")
    sha256 = file_sha256(path)
    if file.sha256 not in (None, sha256):
        raise ValueError(f"its SHA-256 is {sha256}, the published one is {file.sha256}")
    if file.check is not None:
        try:
            file.check(path)
        except Exception as error:  # a stranger's check may fail in any way
            reason = message(error) or type(error).__name__
            raise ValueError(reason.replace(str(path), file.file)) from error
    return sha256


def verify(file: WeightsFile) -> None:
    """Raise ValueError with the reason if the file that is here is not what it was or should be."""
    compare(file, examine(file, place(file)))


def compare(file: WeightsFile, sha256: str) -> None:
    """Raise ValueError if ``sha256`` is neither the published one nor that of the day it came."""
    if file.sha256 not in (None, sha256):
        raise ValueError(f"its SHA-256 is {sha256}, the published one is {file.sha256}")
    note = read_note(file)
    if note is not None and note.sha256 != sha256:
        raise ValueError(f"its SHA-256 is {sha256}, it was {note.sha256} on {note.date}")


def read_note(file: WeightsFile) -> Note | None:
    """The note of ``file``; None for a file that was put there by hand. Raises ValueError."""
    try:
        return Note(**json.loads(note_path(file).read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"its note {note_path(file)} is damaged: remove it") from error


def accept(file: WeightsFile, part: Path, origin: str) -> str:
    """Give ``part``, which lies in the folder of ``file``, its place; its SHA-256.

    Raises ValueError with the reason, and removes ``part``, if it is not ``file``.
    """
    try:
        sha256 = examine(file, part)
    except ValueError:
        part.unlink()
        raise
    with part.open("rb+") as opened:
        os.fsync(opened.fileno())
    note = Note(sha256, part.stat().st_size, origin, datetime.now(UTC).date().isoformat())
    # The note first: a kill between the two leaves no file without its checksum.
    write_atomic(note_path(file), (json.dumps(asdict(note), indent=2) + "\n").encode())
    os.replace(part, place(file))
    return sha256
