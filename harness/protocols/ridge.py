"""Ridge regression on standardized features, for many alphas and many subsets of one matrix.

Minimizes ``|y - Zw - b|² + alpha |w|²`` with Z the features standardized by the mean and
standard deviation (over n, not n - 1) of the rows that are fitted, b unpenalized: what
scikit-learn calls StandardScaler and Ridge. Hoerl and Kennard (1970).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .shifted import solve_shifted

_CHUNK = 4096  # rows at a time: float32 features are never copied to float64 as a whole


@dataclass(frozen=True)
class RidgePath:
    """The fits of one training set for every alpha."""

    alphas: np.ndarray  # [A]
    coefficients: np.ndarray  # [A, d], per unit of the raw features; 0 for a constant feature
    feature_means: np.ndarray  # [d], of the training rows
    label_mean: float

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Predictions for ``x [n, d]`` by every alpha, ``float64 [A, n]``."""
        parts = [self.coefficients @ (x[rows] - self.feature_means).T for rows in _chunks(len(x))]
        return np.concatenate(parts, axis=1) + self.label_mean


class SharedRidge:
    """Ridge fits on subsets of the rows of ``x [n, d]`` with labels ``y [n]``.

    What the fits share is computed once: the second moments of the whole, from which those of
    the rows left out are subtracted when they are the fewer. Where a fit has fewer rows than
    features, its dual form is solved instead. Float64 throughout.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, alphas: np.ndarray) -> None:
        if x.ndim != 2 or y.shape != x.shape[:1]:
            raise ValueError(f"features {x.shape} and labels {y.shape} do not belong together")
        if np.min(alphas) <= 0:
            raise ValueError("every alpha must be above 0")
        self._x, self._y = x, np.asarray(y, np.float64)
        self._alphas = np.asarray(alphas, np.float64)
        self._whole: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def path(self, rows: np.ndarray) -> RidgePath:
        """The fits on the rows where ``rows`` (``bool [n]``) holds."""
        if not rows.any():
            raise ValueError("a ridge fit needs at least one row")
        n, label_mean = int(rows.sum()), float(self._y[rows].mean())
        mean, sd = self._mean_sd(rows)
        used = sd > n * np.finfo(float).eps * np.abs(mean)  # a constant feature is dropped
        scale = sd[used]
        if not used.any():
            scaled = np.empty((len(self._alphas), 0))
        elif n < len(scale):
            z = (self._x[rows][:, used] - mean[used]) / scale
            scaled = solve_shifted(z @ z.T, self._y[rows] - label_mean, self._alphas) @ z
        else:
            xx, xy = self._moments(rows, mean, label_mean, np.where(used, n * sd**2, np.inf))
            gram = xx[np.ix_(used, used)] / np.outer(scale, scale)
            scaled = solve_shifted(gram, xy[used] / scale, self._alphas)
        coefficients = np.zeros((len(self._alphas), len(mean)))
        coefficients[:, used] = scaled / scale
        return RidgePath(self._alphas, coefficients, mean, label_mean)

    def _moments(
        self, rows: np.ndarray, mean: np.ndarray, label_mean: float, squares: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The second moments of ``rows`` about their means; ``squares`` is what xx's diagonal is.

        Taken from the whole where fewer rows are left out than stay in, unless subtraction
        would lose the digits of a feature that varies mostly in the rows left out.
        """
        if 2 * rows.sum() > len(rows):
            if self._whole is None:
                everything = np.ones(len(rows), bool)
                center = self._mean_sd(everything)[0]
                self._whole = center, *self._products(everything, center, self._y.mean())
            center, xx, xy = self._whole
            if np.all(squares > 1e-6 * np.diag(xx)):
                left_out_xx, left_out_xy = self._products(~rows, center, self._y.mean())
                shift, label_shift = mean - center, label_mean - self._y.mean()
                n = rows.sum()
                xx = xx - left_out_xx - n * np.outer(shift, shift)
                return xx, xy - left_out_xy - n * shift * label_shift
        return self._products(rows, mean, label_mean)

    def _products(
        self, rows: np.ndarray, center: np.ndarray, label_center: float
    ) -> tuple[np.ndarray, np.ndarray]:
        xx, xy = np.zeros((len(center), len(center))), np.zeros(len(center))
        for chunk, index in self._read(rows):
            difference = chunk - center
            xx += difference.T @ difference
            xy += (self._y[index] - label_center) @ difference
        return xx, xy

    def _mean_sd(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = rows.sum()
        mean = sum(chunk.sum(axis=0) for chunk, _ in self._read(rows)) / n
        square = sum(((chunk - mean) ** 2).sum(axis=0) for chunk, _ in self._read(rows))
        return mean, np.sqrt(square / n)

    def _read(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        index = np.flatnonzero(rows)
        for part in _chunks(len(index)):
            yield self._x[index[part]].astype(np.float64), index[part]


def fit_path(x: np.ndarray, y: np.ndarray, alphas: np.ndarray) -> RidgePath:
    """The fits of ``x [n, d]``, ``y [n]`` for every alpha (> 0)."""
    return SharedRidge(x, y, alphas).path(np.ones(len(x), bool))


def _chunks(n: int) -> Iterator[slice]:
    return (slice(start, start + _CHUNK) for start in range(0, n, _CHUNK))
