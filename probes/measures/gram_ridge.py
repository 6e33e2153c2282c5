"""Ridge regression from a Gram matrix: many targets at once, and refits without some of the rows.

Minimizes ``Σ w (y - b - f(x))² + alpha |f|²`` over linear f, b unpenalized (Hoerl and Kennard
1970). In dual form one factorization serves all targets, and its inverse G all refits: without
the rows of a block the residuals there are ``G_bb⁻¹ (G y)_b``, whatever the block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, lapack


@dataclass(frozen=True)
class Fit:
    """Heads of m targets: predictions are ``gram(asked, training) @ coefficients + intercepts``."""

    coefficients: np.ndarray  # [n, m]
    intercepts: np.ndarray  # [m]
    means: np.ndarray  # [m], weighted, of the targets: the predictions without any feature

    def columns(self, chosen: slice) -> Fit:
        """The heads of some targets."""
        return Fit(self.coefficients[:, chosen], self.intercepts[chosen], self.means[chosen])


class System:
    """The fits on n rows with the inner products ``gram [n, n]`` and ``weights [n]`` above 0.

    An alpha is given relative to the mean squared length of a row (weighted, about the mean row):
    one grid then suits any number of features. Targets are ``float64 [n, m]``.
    """

    def __init__(self, gram: np.ndarray, weights: np.ndarray) -> None:
        self._weights, self._root = weights, np.sqrt(weights)
        self._sums = weights @ gram  # of the rows
        mean = self._sums / weights.sum()
        centered = gram - mean - mean[:, None] + mean @ weights / weights.sum()
        centered *= self._root
        centered *= self._root[:, None]
        self._gram, self._centered = gram, centered
        self._unit = self._root / np.linalg.norm(self._root)  # what the intercept takes up
        length = float(np.trace(centered)) / len(gram)
        self._scale = max(length, np.finfo(float).tiny)

    def fit(self, targets: np.ndarray, alpha: float) -> Fit:
        """The heads on all rows."""
        y, means = self._scaled(targets)
        factor = cho_factor(self._shifted(alpha), lower=True, overwrite_a=True, check_finite=False)
        coefficients = self._root[:, None] * cho_solve(factor, y, check_finite=False)
        offsets = self._sums @ coefficients / self._weights.sum()
        return Fit(coefficients, means - offsets, means)

    def without(self, target: np.ndarray, alpha: float, blocks: Sequence[np.ndarray]) -> Fit:
        """The heads of one target, ``[n]``, each without the rows of a block (their numbers).

        Weights and the unit of alpha are those of all rows. One column a block.
        """
        inverse = self._inverse(alpha)
        whole = inverse @ self._scaled(target[:, None])[0][:, 0]
        coefficients = np.empty((len(target), len(blocks)))
        offsets, means = np.empty(len(blocks)), np.empty(len(blocks))
        for i, block in enumerate(blocks):
            residuals = np.linalg.solve(inverse[np.ix_(block, block)], whole[block])
            dual = whole - inverse[:, block] @ residuals
            dual[block] = 0
            coefficients[:, i] = self._root * dual
            left = self._weights.copy()
            left[block] = 0
            sums = self._sums - self._weights[block] @ self._gram[block]
            offsets[i] = sums @ coefficients[:, i] / left.sum()
            means[i] = left @ target / left.sum()
        return Fit(coefficients, means - offsets, means)

    def left_out(
        self, targets: np.ndarray, groups: np.ndarray, alphas: Sequence[float] | np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predictions of each row by heads without its group, for every alpha: ``[A, n, m]``.

        And the means of what those heads have learned from, ``[n, m]``. ``groups [n]`` holds at
        least two different ones.
        """
        y, _ = self._scaled(targets)
        members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
        found, means = np.empty((len(alphas), *targets.shape)), np.empty(targets.shape)
        for rows in members:
            left = self._weights.copy()
            left[rows] = 0
            means[rows] = left @ targets / left.sum()
        for i, alpha in enumerate(alphas):
            inverse = self._inverse(alpha)
            whole = inverse @ y
            for rows in members:
                residuals = np.linalg.solve(inverse[np.ix_(rows, rows)], whole[rows])
                found[i, rows] = targets[rows] - residuals / self._root[rows, None]
        return found, means

    def _scaled(self, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The targets about their weighted means, times √w; and those means."""
        means = self._weights @ targets / self._weights.sum()
        return self._root[:, None] * (targets - means), means

    def _shifted(self, alpha: float) -> np.ndarray:
        matrix = self._centered.copy()
        matrix[np.diag_indices_from(matrix)] += alpha * self._scale
        return matrix

    def _inverse(self, alpha: float) -> np.ndarray:
        """G: the inverse on all that is orthogonal to the intercept, ``[n, n]``."""
        # Read by columns the symmetric matrix is the same, and LAPACK needs no copy of it.
        factor, wrong = lapack.dpotrf(self._shifted(alpha).T, lower=1, overwrite_a=1)
        inverse, wrong_too = lapack.dpotri(factor, lower=1, overwrite_c=1)
        if wrong or wrong_too:
            raise np.linalg.LinAlgError("the Gram matrix is not positive semi-definite")
        inverse = inverse + inverse.T  # of a lower triangle, zero above
        inverse[np.diag_indices_from(inverse)] /= 2
        inverse -= np.outer(self._unit, self._unit / (alpha * self._scale))
        return inverse
