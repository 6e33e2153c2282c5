"""The weights that are here: each under its official name, beside it a note of what came.

A file gets its place only when it has passed every check, and whole or not at all.
"""

from __future__ import annotations

import json
import os
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


def local_file(name: str) -> Path:
    """The file called ``name``, as it lies here.

    Raises UnknownName, or Unavailable with the command that fetches it.
    """
    (file,) = chosen([name])
    if not (path := place(file)).is_file():
        raise Unavailable(
            f"{file.file} of {file.model} is not here", f"iqa-eval weights fetch {name}"
        )
    return path


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
    sha256 = examine(file, place(file))
    try:
        note = Note(**json.loads(note_path(file).read_bytes()))
    except FileNotFoundError:  # put there by hand
        return
    except (ValueError, TypeError) as error:
        raise ValueError(f"its note {note_path(file)} is damaged") from error
    if note.sha256 != sha256:
        raise ValueError(f"its SHA-256 is {sha256}, it was {note.sha256} on {note.date}")


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
