"""Linear systems that differ only by a multiple of the identity, from one factorization."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eig_banded, solveh_banded

from .threads import Threads, strips

_WIDTH = 64  # diagonals below the main one that are left: wider is faster to reach, slower to solve
_STRIP = 256  # rows that one thread updates at a time; a multiple of _WIDTH

Block = tuple[int, np.ndarray, np.ndarray]  # first row, Y, T of the reflection I - Y T Yᵀ


def solve_shifted(
    matrix: np.ndarray,
    target: np.ndarray,
    alphas: np.ndarray,
    threads: Threads | None = None,
    overwrite: bool = False,
) -> np.ndarray:
    """``(matrix + alpha · I)⁻¹ target`` for every alpha: ``float64 [A, n]``.

    ``matrix [n, n]`` is symmetric and positive semi-definite, alphas are > 0; only its lower
    triangle is read, and lost if ``overwrite``. It is reduced once to a band B = QᵀMQ by block
    Householder reflections (Bischof, Lang and Sun 2000), and each alpha then costs O(n²).
    Reducing on to a tridiagonal would take most of the time, at the speed of memory, and gain
    nothing: the systems of the band are cheap. An eigenvalue that rounding has made negative
    counts as 0.
    """
    threads = threads or Threads(1)
    work = matrix if overwrite else np.array(matrix, np.float64)
    band, blocks = _reduce(work, threads)
    rotated = np.array(target, np.float64)
    for low, y, t in blocks:
        rotated[low:] -= y @ (t.T @ (y.T @ rotated[low:]))
    solutions = np.empty((len(rotated), len(alphas)))
    for i, alpha in enumerate(alphas):
        shifted = band.copy()
        shifted[0] += alpha
        try:
            solutions[:, i] = solveh_banded(shifted, rotated, lower=True, check_finite=False)
        except np.linalg.LinAlgError:  # alpha is below the rounding of the largest eigenvalue
            values, vectors = eig_banded(band, lower=True)
            weights = vectors.T @ rotated / (np.maximum(values, 0) + alpha)
            solutions[:, i] = vectors @ weights
    for low, y, t in reversed(blocks):
        solutions[low:] -= y @ (t @ (y.T @ solutions[low:]))
    return np.ascontiguousarray(solutions.T)


def _reduce(a: np.ndarray, threads: Threads) -> tuple[np.ndarray, list[Block]]:
    """The band of ``QᵀAQ`` as ``[1 + _WIDTH, n]``, and the reflections that make up Q in order."""
    n, blocks = len(a), []
    for s in strips(0, n, _STRIP):  # blocks on the diagonal are kept whole
        a[s, s] = np.tril(a[s, s]) + np.tril(a[s, s], -1).T
    for start in range(0, n - _WIDTH - 1, _WIDTH):
        low = start + _WIDTH
        y, t, r = _reflection(a[low:, start:low])
        a[low:, start:low] = 0
        a[low : low + len(r), start:low] = r
        _rotate(a, low, y, t, threads)
        blocks.append((low, y, t))
    band = np.zeros((min(n, _WIDTH + 1), n))
    for i in range(len(band)):
        band[i, : n - i] = np.diagonal(a, -i)
    return band, blocks


def _reflection(panel: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Y, T and R with ``panel = (I - Y T Yᵀ) [R; 0]`` (Schreiber and Van Loan 1989)."""
    h, tau = np.linalg.qr(panel, mode="raw")
    k = len(tau)
    y = np.tril(h.T[:, :k], -1)
    y[range(k), range(k)] = 1
    y[:, tau == 0] = 0  # no reflection: its column was 0 already
    inverse = np.triu(y.T @ y, 1) + np.diag(1 / np.where(tau == 0, 1, tau))
    return y, np.linalg.inv(inverse), np.triu(h.T[:k])


def _rotate(a: np.ndarray, low: int, y: np.ndarray, t: np.ndarray, threads: Threads) -> None:
    """``QᵀAQ`` from ``low`` on with Q = I - Y T Yᵀ, on the lower triangle, strip by strip."""
    rest, yt = a[low:, low:], y @ t
    parts = [slice(s.start - low, s.stop - low) for s in strips(low, len(a), _STRIP)]
    across, down = np.empty_like(yt), np.zeros_like(yt)

    # A Y T = (what lies left of the diagonal) Y T + (the same mirrored) Y T.
    def left(s: slice) -> None:
        rest_of_strip = rest[s, : s.stop]
        across[s] = rest_of_strip @ yt[: s.stop]

    def below(s: slice) -> None:
        if s.stop < len(rest):
            down[s] = rest[s.stop :, s].T @ yt[s.stop :]

    threads.each(left, parts)
    threads.each(below, parts)
    w = across + down
    w -= y @ (yt.T @ w) / 2
    one, other = np.concatenate([y, w], axis=1), np.concatenate([w, y], axis=1).T

    def update(s: slice) -> None:
        rest[s, : s.stop] -= one[s] @ other[:, : s.stop]

    threads.each(update, parts[::-1])  # the longest first
