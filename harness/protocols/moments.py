"""Sufficient statistics of linear fits: n, Σx, Σy, XᵀX, Xᵀy and yᵀy of some of the samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .rows import Features
from .threads import Threads, strips

CHUNK = 4096  # rows at a time: features are never copied to float64 as a whole
STRIP = 256  # rows of a matrix, or of features, that one thread works on at a time


@dataclass(frozen=True)
class Moments:
    """The lower triangle of ZᵀZ, Z having the row ``[x - origin, y - origin, 1]`` for each row.

    Of d features, the last two of its d + 2 rows hold Xᵀy and yᵀy, then Σx, Σy and n.
    """

    matrix: np.ndarray  # float64 [d + 2, d + 2]
    origin: np.ndarray  # [d + 1]; near the means, lest the digits of the variation are lost

    @property
    def n(self) -> float:
        return float(self.matrix[-1, -1])

    @property
    def sums(self) -> np.ndarray:
        """Of the features and the label, from the origin, ``[d + 1]``."""
        return self.matrix[-1, :-1]

    @property
    def means(self) -> np.ndarray:
        """Of the features and the label, ``[d + 1]``."""
        return self.origin + self.sums / self.n

    @property
    def squares(self) -> np.ndarray:
        """Sums of squares about the means, of the features and the label ``[d + 1]``."""
        return np.maximum(np.diagonal(self.matrix)[:-1] - self.sums**2 / self.n, 0)

    @property
    def cross(self) -> np.ndarray:
        """Sums of products of the features with the label, about the means, ``[d]``."""
        return self.matrix[-2, :-2] - self.sums[:-1] * (self.sums[-1] / self.n)

    def gram(self, scale: np.ndarray, threads: Threads) -> np.ndarray:
        """Those of the features with each other, over ``scale [d]`` each: a lower triangle.

        It takes the place of XᵀX in ``matrix``.
        """
        gram, sums = self.matrix[:-2, :-2], self.sums[:-1]

        def center(s: slice) -> None:
            part = gram[s, : s.stop]
            part -= sums[s, None] * (sums[: s.stop] / self.n)
            part /= scale[s, None]
            part /= scale[: s.stop]

        threads.each(center, list(strips(0, len(gram), STRIP)))
        return gram

    def plus(self, other: Moments, sign: int, threads: Threads) -> Moments:
        """With the rows of ``other`` (of the same origin) added, or taken out where -1."""
        matrix = np.empty_like(self.matrix)

        def add(s: slice) -> None:
            np.multiply(other.matrix[s], sign, out=matrix[s])
            matrix[s] += self.matrix[s]

        threads.each(add, list(strips(0, len(matrix), STRIP)))
        return Moments(matrix, self.origin)


def moments(
    x: Features, y: np.ndarray, samples: np.ndarray, threads: Threads, origin: np.ndarray | None
) -> Moments:
    """Those of ``samples`` (numbers) of ``x [n, d]`` or ``[n, V, d]`` with labels ``y [n]``.

    ``origin`` None is their own means.
    """
    if origin is None:
        origin = means(x, y, samples, threads)
    views, width = int(np.prod(x.shape[1:-1])), x.shape[-1]
    matrix = np.zeros((width + 2, width + 2))
    z = np.empty((max(1, CHUNK // views) * views, width + 2))
    for chunk in _parts(samples, CHUNK // views):
        used = z[: len(chunk) * views]

        def fill(s: slice, chunk: np.ndarray = chunk) -> None:
            block = z[s.start * views : s.stop * views]
            np.subtract(read(x, chunk[s]), origin[:-1], out=block[:, :-2])
            block[:, -2] = np.repeat(y[chunk[s]] - origin[-1], views)
            block[:, -1] = 1

        def multiply(s: slice, used: np.ndarray = used) -> None:
            matrix[s, : s.stop] += used[:, s].T @ used[:, : s.stop]

        threads.each(fill, list(strips(0, len(chunk), max(1, STRIP // views))))
        threads.each(multiply, list(strips(0, len(matrix), STRIP))[::-1])  # the longest first
    return Moments(matrix, origin)


def same(x: Features, samples: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Whether each of ``columns`` has one value in all rows of ``samples``, ``bool``."""
    if not len(columns):
        return np.ones(0, bool)
    first = read(x, samples[:1])[0, columns]
    found = np.ones(len(columns), bool)
    for part in _parts(samples, STRIP):
        found &= (read(x, part)[:, columns] == first).all(axis=0)
    return found


def read(x: Features, samples: np.ndarray) -> np.ndarray:
    """The rows of ``samples``, views one after the other: ``[r, d]``."""
    return np.asarray(x[samples]).reshape(-1, x.shape[-1])


def means(x: Features, y: np.ndarray, samples: np.ndarray, threads: Threads) -> np.ndarray:
    """Of the features and the label of ``samples``, ``[d + 1]``."""
    parts = list(_parts(samples, STRIP))
    sums = np.empty((len(parts), x.shape[-1]))

    def add(i: int) -> None:
        sums[i] = read(x, parts[i]).sum(axis=0, dtype=np.float64)

    threads.each(add, range(len(parts)))
    rows = len(samples) * int(np.prod(x.shape[1:-1]))
    return np.append(sums.sum(axis=0) / rows, y[samples].mean())


def _parts(samples: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (samples[s] for s in strips(0, len(samples), max(1, size)))
