"""Rows of an array that may not fit into memory: chosen now, read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

_CHUNK = 64 << 20  # bytes that are read at a time


class Rows:
    """Rows ``index`` (numbers, or ``bool [N]``) of ``values [N, ...]``, read when asked for.

    Indexed by anything that chooses rows of an array (slice, numbers, bool [n]), it gives those
    rows as an array; only one that indexes further (a tuple) reads more than it returns.
    """

    def __init__(self, values: np.ndarray | Rows, index: np.ndarray) -> None:
        index = np.flatnonzero(index) if index.dtype == bool else index
        self._values: np.ndarray = values._values if isinstance(values, Rows) else values
        self._index: np.ndarray = values._index[index] if isinstance(values, Rows) else index

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self._index), *self._values.shape[1:])

    @property
    def ndim(self) -> int:
        return self._values.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._values.dtype

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, rows: Any) -> np.ndarray:
        first, *others = rows if isinstance(rows, tuple) else (rows,)
        found: np.ndarray = np.asarray(self._values[self._index[first]])
        return found[(slice(None), *others)] if others else found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All rows, in memory."""
        if copy is False:
            raise ValueError("rows are read into a new array")
        return self[:].astype(dtype or self.dtype, copy=False)


Features = np.ndarray | Rows  # float [n, V, D]: V views a sample


def chunks(values: Features) -> Iterator[slice]:
    """Consecutive rows of ``values``, a bounded number of bytes at a time."""
    row = values.dtype.itemsize * int(np.prod(values.shape[1:]))
    step = max(1, _CHUNK // max(1, row))
    return (slice(start, start + step) for start in range(0, len(values), step))


def vary(values: Features) -> bool:
    """Whether any row or view of ``values [n, V, D]`` differs from the first."""
    first = values[:1][:, :1]
    return any(bool((values[part] != first).any()) for part in chunks(values))
