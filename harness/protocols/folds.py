"""Cross-validation over contents, and the predictions of many linear heads at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .heads import ALPHAS, best_alpha, predict_views
from .ridge import RidgePath, SharedRidge
from .rows import Features, Rows, chunks
from .splits import shuffled

FOLDS = 5


def out_of_fold(
    fit: Callable[[np.ndarray], RidgePath],
    values: Features,
    contents: np.ndarray,
    rows: np.ndarray,
) -> np.ndarray:
    """Predictions of ``rows`` by every alpha, each by heads fitted on the other folds of them.

    ``fit`` fits the path of some rows of ``values [n, V, D]``; ``contents [n]`` are whole in a
    fold. FOLDS folds, or as many as there are contents (at least two). ``float64 [A, rows]``.
    """
    names = shuffled(set(contents[rows].tolist()))
    n_folds = min(FOLDS, len(names))
    fold_of = {name: i % n_folds for i, name in enumerate(names)}
    fold = np.array([fold_of[name] for name in contents[rows].tolist()])
    predictions = np.empty((len(ALPHAS), len(rows)))
    for k in range(n_folds):
        out = fold == k
        predictions[:, out] = predict_views(fit(rows[~out]), Rows(values, rows[out]))
    return predictions


@dataclass(frozen=True)
class Linear:
    """A linear head: ``coefficients [d]`` of the raw features, and its intercept."""

    alpha: float
    coefficients: np.ndarray
    intercept: float


def linear(path: RidgePath, choice: int) -> Linear:
    """The head of one alpha of ``path``."""
    coefficients = path.coefficients[choice]
    intercept = path.label_mean - float(coefficients @ path.feature_means)
    return Linear(float(path.alphas[choice]), coefficients, intercept)


def head_of_all(values: Features, labels: np.ndarray, contents: np.ndarray) -> Linear:
    """Fitted on all of ``values [n, V, D]``; alpha by cross-validation over contents (SRCC)."""
    ridge, everything = SharedRidge(values, labels, ALPHAS), np.arange(len(labels))
    predictions = out_of_fold(ridge.path, values, contents, everything)
    return linear(ridge.path(everything), best_alpha(predictions, labels))


def predict_each(values: Features, heads: Sequence[Linear]) -> np.ndarray:
    """Predictions of each of ``heads``, averaged over views: ``float64 [H, n]``.

    The features ``values [n, V, D]`` are read once, a chunk at a time.
    """
    found = np.empty((len(heads), len(values)))
    if not heads:
        return found
    coefficients = np.stack([head.coefficients for head in heads])
    intercepts = np.array([head.intercept for head in heads])
    for part in chunks(values):
        rows = values[part].astype(np.float64).mean(axis=1)
        found[:, part] = coefficients @ rows.T + intercepts[:, None]
    return found
