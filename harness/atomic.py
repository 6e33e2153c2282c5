"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

STALE = 24 * 3600  # seconds; no part takes as long to write


def write_atomic(path: Path, data: bytes) -> None:
    """Write ``data`` so that ``path`` holds either all of it or what it held before."""

    def write(file: BinaryIO) -> str:
        file.write(data)
        return path.name

    publish(path.parent, write)


def write_below(out: Path, files: Mapping[str, bytes], earlier: Iterable[str] = ()) -> None:
    """Let ``files``, by path below ``out``, be what lies there, in place of the ``earlier`` ones.

    What is there in the same bytes is left alone, and so is whatever a link takes out of ``out``.
    Raises ValueError, with nothing written, where one is in the way of a file.
    """

    def leads_out(name: str) -> bool:
        return not (out / name).parent.resolve().is_relative_to(out.resolve())

    if lost := next(filter(leads_out, sorted(files)), None):
        folder = (out / lost).parent
        raise ValueError(f"{folder} is a link to {folder.resolve()}, which is not in {out}")
    for name in earlier:
        if name not in files and not leads_out(name):
            (out / name).unlink(missing_ok=True)
    for name, data in files.items():
        path = out / name
        if not path.is_file() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, data)


def publish(folder: Path, write: Callable[[BinaryIO], str]) -> None:
    """Let ``write`` fill a file in ``folder``, which then gets the name that it returns."""
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            name = write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, folder / name)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def sweep(folder: Path) -> None:
    """Remove what writers that were killed have left in ``folder``."""
    for path in folder.glob(".*.tmp"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > STALE:
                path.unlink()
