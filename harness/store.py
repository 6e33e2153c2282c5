"""The cell store: what a cell has computed, in immutable numbered parts.

A part is one safetensors file, ``000003-<first 16 hex of its SHA-256>.safetensors``, written
to a temporary name, flushed to disk and renamed: it is there whole or not at all, a kill
costs only results not yet in a part, and two processes never overwrite each other. A part
whose bytes do not match its name is set aside and its samples are computed again.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from .canonical import canonical_json
from .cells import Cell


class StoreError(Exception):
    """The store cannot be written: the disk is full, or the folder is not ours."""


@dataclass(frozen=True)
class Output:
    """What a cell holds. Row i of ``values`` belongs to ``ids[i]``; failed ids are in neither."""

    ids: tuple[str, ...]
    values: np.ndarray  # float64 [N] of scores, float32 [N, V, D] of features, [N, K] of statistics
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
        return frozenset(
            name
            for part in self._parts()
            for name in (part.ids if retry_failed else (*part.ids, *part.failures))
        )

    def read(self) -> Output:
        """Everything, sorted by id: the order of the parts is a matter of timing.

        An id that two processes wrote counts once. Rows of another shape than that of the
        first id are failures: a model's features have one shape.
        """
        parts = list(self._parts())
        rows = {name: part.values[i] for part in parts for i, name in enumerate(part.ids)}
        failures = {
            name: why for part in parts for name, why in part.failures.items() if name not in rows
        }
        if rows:
            shape = rows[first := min(rows)].shape
            for name in [name for name, row in rows.items() if row.shape != shape]:
                found = list(rows.pop(name).shape)
                failures[name] = f"shape {found}, where {first} has {list(shape)}"
        warned = {name: why for part in parts for name, why in part.warnings.items()}
        ids = sorted(rows)
        values = np.stack([rows[name] for name in ids]) if ids else np.empty(0)
        return Output(tuple(ids), values, failures, warned)

    def write_part(
        self,
        ids: Sequence[str],
        values: np.ndarray | None,
        failures: Mapping[str, str],
        warned: Mapping[str, str] | None = None,
    ) -> None:
        """Commit one part. Raises StoreError if it cannot be written."""
        tensors = {} if values is None else {"values": np.ascontiguousarray(values)}
        about = {
            "ids": json.dumps(list(ids)),
            "failures": json.dumps(dict(failures)),
            "warnings": json.dumps(dict(warned or {})),
        }
        data = save(tensors, metadata=about)
        name = f"{self._next_number():06d}-{_checksum(data)}.safetensors"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            note = self.folder / "cell.json"
            if not note.exists():
                write_atomic(note, (canonical_json(asdict(self._cell)) + "\n").encode())
            write_atomic(self.folder / name, data)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            why = "the disk is full" if full else error.strerror or error
            raise StoreError(
                f"cannot write to {self.folder}: {why}; what was finished is kept"
            ) from error

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*-*.safetensors"))

    def _next_number(self) -> int:
        files = self._files()
        return int(files[-1].name.partition("-")[0]) + 1 if files else 0

    def _parts(self) -> Iterator[Output]:
        for path in self._files():
            try:
                data = path.read_bytes()
                if f"-{_checksum(data)}." not in path.name:
                    set_aside = path.with_suffix(".damaged")
                    path.rename(set_aside)
                    warnings.warn(f"{set_aside}: damaged, computed again", stacklevel=3)
                    continue
            except FileNotFoundError:  # another process has set it aside
                continue
            yield _parse(data)


def write_atomic(path: Path, data: bytes) -> None:
    """Write ``data`` so that ``path`` holds either all of it or what it held before."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _parse(data: bytes) -> Output:
    try:
        values = load(data).get("values", np.empty(0))
        size = int.from_bytes(data[:8], "little")
        about = json.loads(data[8 : 8 + size])["__metadata__"]
        ids, failures, warned = (json.loads(about[k]) for k in ("ids", "failures", "warnings"))
    except (SafetensorError, KeyError, ValueError) as error:  # the checksum matched
        raise StoreError(
            f"a part that this version cannot read: {error!r}; empty the cache"
        ) from error
    return Output(tuple(ids), values, failures, warned)


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
