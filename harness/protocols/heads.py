"""Ridge heads on frozen features, each fitted and tuned without the content it is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .intervals import FEW_CONTENTS
from .metrics import srcc_each
from .ridge import RidgePath, SharedRidge
from .rows import Features, Rows, chunks
from .splits import shuffled

ALPHAS = np.geomspace(1e-3, 1e3, 25)
_FOLDS = 10


@dataclass(frozen=True)
class Head:
    """One fitted head: the ridge path, and which of ALPHAS was chosen."""

    path: RidgePath
    choice: int

    @property
    def alpha(self) -> float:
        return float(ALPHAS[self.choice])

    def predict(self, features: Features) -> np.ndarray:
        """Scores of ``features [n, V, D]``, averaged over views: ``float64 [n]``."""
        return predict_views(self.path, features)[self.choice]


class Heads:
    """Heads on the labeled features ``[N, V, D]``; the V views of a sample are V rows."""

    def __init__(self, features: Features, labels: np.ndarray, contents: np.ndarray) -> None:
        self._features, self._labels, self._contents = features, labels, contents
        self._ridge = SharedRidge(features, labels, ALPHAS)
        self._held_out: dict[frozenset[str], np.ndarray] = {}
        self._heads: dict[frozenset[str], Head] = {}
        names = sorted(set(contents))
        folds = len(names) if len(names) < FEW_CONTENTS else _FOLDS
        order = names if folds == len(names) else shuffled(names)
        self._folds = [frozenset(order[i::folds]) for i in range(folds)]

    def fit(self, train: np.ndarray, validation: np.ndarray) -> Head:
        """Fitted on ``train``, alpha by the SRCC on ``validation`` (both are row numbers)."""
        path = self.path(train)
        predictions = predict_views(path, Rows(self._features, validation))
        return Head(path, best_alpha(predictions, self._labels[validation]))

    def path(self, samples: np.ndarray) -> RidgePath:
        """The fits of every alpha on ``samples`` (row numbers, or ``bool [N]``)."""
        return self._ridge.path(samples)

    def without(self, content: str) -> Head:
        """Fitted and tuned on every other content; ValueError if those are fewer than two.

        Alpha has the best SRCC of out-of-fold predictions of the training contents: one fold
        a content below FEW_CONTENTS contents, else ten folds of contents.
        """
        test = frozenset({content} & set(self._contents))
        if test not in self._heads:
            self._heads[test] = self._tuned(test)
        return self._heads[test]

    def _tuned(self, test: frozenset[str]) -> Head:
        train = ~np.isin(self._contents, list(test))
        folds = [fold - test for fold in self._folds if fold - test]
        if len(folds) < 2:
            raise ValueError("a head needs at least 2 contents besides the one it is asked about")
        predictions = np.empty((len(ALPHAS), len(train)))
        for fold in folds:
            # Two contents left out together: the same fit, whichever of them is the test.
            out = np.isin(self._contents, list(fold | test))
            if fold | test not in self._held_out:
                held_out = predict_views(self.path(~out), Rows(self._features, np.flatnonzero(out)))
                self._held_out[fold | test] = held_out
            predictions[:, out] = self._held_out[fold | test]
        return Head(self.path(train), best_alpha(predictions[:, train], self._labels[train]))


def predict_views(path: RidgePath, features: Features) -> np.ndarray:
    """Predictions for ``features [n, V, D]`` by every alpha, averaged over views: ``[A, n]``.

    As a prediction is linear, that is the prediction for the average of the views.
    """
    predictions = np.empty((len(path.alphas), len(features)))
    for part in chunks(features):
        predictions[:, part] = path.predict(features[part].mean(axis=1, dtype=np.float64))
    return predictions


def best_alpha(predictions: np.ndarray, labels: np.ndarray) -> int:
    """The first row of ``predictions [A, n]`` with the highest SRCC; undefined ones come last."""
    return int(np.argmax(np.nan_to_num(srcc_each(predictions, labels), nan=-2.0)))


def edge_remark(heads: Sequence[Head]) -> str | None:
    """How many chosen alphas lie at an end of the grid, where a better one may lie beyond."""
    ends = [
        f"{count} of {len(heads)} at the {end} end of the grid"
        for end, choice in (("low", 0), ("high", len(ALPHAS) - 1))
        if (count := sum(head.choice == choice for head in heads))
    ]
    return f"alpha: {', '.join(ends)}" if ends else None
