"""SHA-256 of files, remembered between runs: to know a dataset of 40 GB, it is not read again.

A file is taken for the one that was read if its inode, size, time of writing and time of change
(which no program can set) are the same. One that changed just before it was read is not
remembered: it may change again within one tick of the clock.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

SETTLED = 2.0  # seconds since its last change after which a file is remembered
BATCH = 1000  # files that are written to the table together

_memory: _Memory | None = None


def file_sha256(path: Path) -> str:
    """The SHA-256 of the bytes of ``path``, in hex. Raises OSError."""
    state = path.stat()
    seen = f"{state.st_dev} {state.st_ino} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"
    if _memory is not None and (known := _memory.get(path, seen)) is not None:
        return known
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if _memory is not None and time.time() - max(state.st_mtime, state.st_ctime) > SETTLED:
        _memory.put(path, seen, found)
    return found


@contextmanager
def remembering(folder: Path) -> Iterator[None]:
    """Remember what is hashed in a file of ``folder``; where that cannot be written, nothing is."""
    global _memory
    try:
        folder.mkdir(parents=True, exist_ok=True)
        memory = _Memory(folder / "file-hashes.sqlite")
    except (OSError, sqlite3.Error):
        yield
        return
    with closing(memory):
        _memory = memory
        try:
            yield
        finally:
            _memory = None


class _Memory:
    """A table path → state, SHA-256. What goes wrong with it costs only its benefit."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._new: dict[str, tuple[str, str]] = {}  # written together: others may write, too
        try:
            self._open(path)
        except sqlite3.DatabaseError:  # damaged
            path.unlink(missing_ok=True)
            self._open(path)

    def _open(self, path: Path) -> None:
        self._table = sqlite3.connect(path, timeout=5, check_same_thread=False)
        self._table.execute(
            "CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, state TEXT, sha256 TEXT)"
        )

    def get(self, path: Path, state: str) -> str | None:
        name = os.path.abspath(path)
        with self._lock, suppress(sqlite3.Error):
            found = (
                self._new.get(name)
                or self._table.execute(
                    "SELECT state, sha256 FROM files WHERE path = ?", (name,)
                ).fetchone()
            )
            return found[1] if found and found[0] == state else None
        return None

    def put(self, path: Path, state: str, sha256: str) -> None:
        with self._lock:
            self._new[os.path.abspath(path)] = state, sha256
            if len(self._new) >= BATCH:
                self._write()

    def close(self) -> None:
        self._write()
        self._table.close()

    def _write(self) -> None:
        rows = [(name, *found) for name, found in self._new.items()]
        with suppress(sqlite3.Error), self._table:
            self._table.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", rows)
        self._new = {}
