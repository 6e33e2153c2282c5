"""Linear systems that differ only by a multiple of the identity, from one factorization."""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack, solveh_banded


def solve_shifted(matrix: np.ndarray, target: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """``(matrix + alpha · I)⁻¹ target`` for every alpha: ``float64 [A, n]``.

    ``matrix [n, n]`` is symmetric and positive semi-definite, alphas are > 0. It is reduced
    once to a tridiagonal T = QᵀMQ by Householder reflections, and each alpha then costs O(n²):
    a third of the time of the full eigendecomposition, and as exact. Raises LinAlgError where
    ``matrix + alpha · I`` is not positive definite.
    """
    n = len(matrix)
    if n < 3:  # nothing to reduce
        return np.stack([np.linalg.solve(matrix + a * np.eye(n), target) for a in alphas])
    work, info = lapack.dsytrd_lwork(n, lower=1)
    reduced, diagonal, off, tau, info = lapack.dsytrd(
        np.array(matrix, np.float64, order="F"), lower=1, lwork=int(work), overwrite_a=1
    )
    if info:
        raise np.linalg.LinAlgError(f"the tridiagonal reduction failed (dsytrd: {info})")
    reflectors = np.asfortranarray(reduced[1:, :-1])
    rotated = _rotate(reflectors, tau, np.asarray(target, np.float64)[:, None], "T")[:, 0]
    off = np.append(off, 0.0)
    solutions = [
        solveh_banded(np.stack([diagonal + a, off]), rotated, lower=True, check_finite=False)
        for a in alphas
    ]
    return _rotate(reflectors, tau, np.stack(solutions, axis=1), "N").T


def _rotate(reflectors: np.ndarray, tau: np.ndarray, v: np.ndarray, trans: str) -> np.ndarray:
    """``Q v`` or ``Qᵀ v``, where Q leaves the first coordinate alone."""
    work = max(1, 64 * v.shape[1])
    rest, _, info = lapack.dormqr("L", trans, reflectors, tau, np.asfortranarray(v[1:]), work)
    if info:
        raise np.linalg.LinAlgError(f"the rotation failed (dormqr: {info})")
    return np.concatenate([v[:1], rest])
