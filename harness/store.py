"""The cell store: what a cell has computed, in immutable numbered parts.

A part is one safetensors file, ``000003-<first 16 hex of its SHA-256>.safetensors``, written
to a temporary name, flushed to disk and renamed: it is there whole or not at all, a kill
costs only results not yet in a part, and two processes never overwrite each other. A part
whose bytes do not match its name is set aside and its samples are computed again. The parts of
a large cell are merged into one when it is read, which is then mapped into memory.
"""

from __future__ import annotations

import errno
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .atomic import publish, sweep, write_atomic
from .canonical import canonical_json
from .cells import Cell
from .part_file import checksum, read_part, write_part

OUT_OF_MEMORY, NOT_FITTED = "out of memory", "not fitted"
PASSING = OUT_OF_MEMORY, NOT_FITTED  # a failure that begins so is tried again by the next run
FULL = errno.ENOSPC, errno.EDQUOT  # errors of a full disk
MAPPED = 8 << 20  # bytes of a cell from which on it is mapped into memory


class StoreError(Exception):
    """The store cannot be written: the disk is full, or the folder is not ours."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """What the system says against writing to ``folder``, inside, is a StoreError."""
    try:
        yield
    except OSError as error:
        why = "the disk is full" if error.errno in FULL else error.strerror or error
        raise StoreError(
            f"cannot write to {folder}: {why}; what was finished is kept; --cache or the variable "
            "IQA_EVAL_CACHE names another folder"
        ) from error


@dataclass(frozen=True)
class Output:
    """What a cell holds. Row i of ``values`` belongs to ``ids[i]``; failed ids are in neither."""

    ids: tuple[str, ...]
    # float64 [N] of scores, float32 [N, V, D] of features (which may be a read-only memory map
    # of gigabytes), [N, K] of statistics
    values: np.ndarray
    failures: Mapping[str, str]  # id → reason
    warnings: Mapping[str, str] = field(default_factory=dict)  # id → what to know of its pixels

    def at(self, ids: Sequence[str]) -> np.ndarray:
        """Rows of ``values`` in the order of ``ids``; KeyError for an id that is not there."""
        row = {name: i for i, name in enumerate(self.ids)}
        return self.values[[row[name] for name in ids]]


class Store:
    """A folder of cells."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def cell(self, cell: Cell) -> CellFiles:
        return CellFiles(self.root / cell.folder, cell)


class CellFiles:
    """The files of one cell."""

    def __init__(self, folder: Path, cell: Cell) -> None:
        self.folder = folder
        self._cell = cell

    def done(self, retry_failed: bool = False) -> frozenset[str]:
        """Ids that need not be computed again: results and, unless retried, failures."""
        parts = self._parts().values()
        done = {name for part in parts for name in part.ids}
        if not retry_failed:
            done |= {
                name
                for part in parts
                for name, why in part.failures.items()
                if not why.startswith(PASSING)
            }
        return frozenset(done)

    def read(self) -> Output:
        """Everything, sorted by id: the order of the parts is a matter of timing.

        An id that two processes wrote counts once. Rows of another shape than that of the
        first id are failures: a model's features have one shape.
        """
        parts = self._parts()
        if len(parts) == 1:
            (part,) = parts.values()
            if list(part.ids) == sorted(part.ids):
                return part
        rows = {name: part.values[i] for part in parts.values() for i, name in enumerate(part.ids)}
        rows = {name: rows[name] for name in sorted(rows)}
        failures = {
            name: why
            for part in parts.values()
            for name, why in part.failures.items()
            if name not in rows
        }
        if rows:
            first, row = next(iter(rows.items()))
            for name in [name for name in rows if rows[name].shape != row.shape]:
                found = list(rows.pop(name).shape)
                failures[name] = f"shape {found}, where {first} has {list(row.shape)}"
        warned = {name: why for part in parts.values() for name, why in part.warnings.items()}
        if sum(row.nbytes for row in rows.values()) > MAPPED:
            try:
                self._write(list(rows), rows.values(), failures, warned)
            except StoreError as error:
                warnings.warn(f"{error}; it is read into memory", stacklevel=2)
            else:
                for path in parts:
                    path.unlink(missing_ok=True)
                return self.read()
        values = np.stack(list(rows.values())) if rows else np.empty(0)
        return Output(tuple(rows), values, failures, warned)

    def write_part(
        self,
        ids: Sequence[str],
        values: np.ndarray | None,
        failures: Mapping[str, str],
        warned: Mapping[str, str] | None = None,
    ) -> None:
        """Commit one part. Raises StoreError if it cannot be written."""
        self._write(ids, () if values is None else values, failures, warned or {})

    def _write(
        self,
        ids: Sequence[str],
        rows: Iterable[np.ndarray],
        failures: Mapping[str, str],
        warned: Mapping[str, str],
    ) -> None:
        about = {
            "ids": json.dumps(list(ids)),
            "failures": json.dumps(dict(failures)),
            "warnings": json.dumps(dict(warned)),
        }
        number = self._next_number()

        def write(file: BinaryIO) -> str:
            return f"{number:06d}-{write_part(file, about, rows, len(ids))}.safetensors"

        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            sweep(self.folder)
            note = self.folder / "cell.json"
            if not note.exists():
                write_atomic(note, (canonical_json(asdict(self._cell)) + "\n").encode())
            publish(self.folder, write)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*-*.safetensors"))

    def _next_number(self) -> int:
        files = self._files()
        return int(files[-1].name.partition("-")[0]) + 1 if files else 0

    def _parts(self) -> dict[Path, Output]:
        """The sound parts; those of a large cell are mapped, not read."""
        while True:
            files = self._files()
            try:
                mapped = sum(path.stat().st_size for path in files) > MAPPED
                sound = [path for path in files if self._sound(path)]
                return {path: _read(path, mapped) for path in sound}
            except FileNotFoundError:
                # Another process has merged parts, or has set one aside: look again.
                if files == self._files():
                    raise

    def _sound(self, path: Path) -> bool:
        """Whether the part's bytes are those that its name says; if not, it is set aside."""
        status = path.stat()
        seen = (str(path), status.st_size, status.st_mtime_ns)
        if seen in _verified:
            return True
        if f"-{checksum(path)}." in path.name:
            _verified.add(seen)
            return True
        set_aside = path.with_suffix(".damaged")
        path.rename(set_aside)
        warnings.warn(f"{set_aside}: damaged, computed again", stacklevel=4)
        return False


_verified: set[tuple[str, int, int]] = set()  # parts whose bytes this process has checked


def _read(path: Path, mapped: bool) -> Output:
    try:
        values, about = read_part(path, mapped)
        ids, failures, warned = (json.loads(about[k]) for k in ("ids", "failures", "warnings"))
    except (KeyError, ValueError) as error:  # the checksum matched
        raise StoreError(
            f"a part that this version cannot read: {error!r}; empty the cache"
        ) from error
    return Output(tuple(ids), values, failures, warned)
