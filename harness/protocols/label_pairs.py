"""Pairs of rated images: which of them people told apart, and how well scores do.

Krasula, Fliegel, Le Callet & Klíma 2016, "On the accuracy of objective image and video quality
models: new methodology for performance evaluation" (QoMEX).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import comb

import numpy as np
from scipy import stats

LARGEST = 200_000  # pairs
LEVEL = 0.05  # of the test, two-sided
_BLOCK = 8  # resamples at a time: a few arrays of 8 × LARGEST numbers


@dataclass(frozen=True)
class Pairs:
    """Pairs of samples as indices ``first`` and ``second``, ``[P]`` each, of ``n_all`` pairs."""

    first: np.ndarray
    second: np.ndarray
    n_all: int


def draw_pairs(n: int, seed: int) -> Pairs:
    """All pairs of ``n`` samples, or LARGEST of them, drawn without replacement."""
    total = comb(n, 2)
    if total <= LARGEST:
        chosen = np.arange(total)
    else:
        generator = np.random.default_rng(seed)
        chosen = np.sort(generator.choice(total, LARGEST, replace=False, shuffle=False))
    # Pair k of the triangle below the diagonal, counted row by row.
    second = ((np.sqrt(8 * chosen + 1.0) + 1) / 2).astype(np.int64)
    second -= second * (second - 1) // 2 > chosen  # a root that was rounded up
    return Pairs(chosen - second * (second - 1) // 2, second, total)


def different(
    labels: np.ndarray, deviations: np.ndarray, observers: float, pairs: Pairs
) -> np.ndarray:
    """Whether a z-test tells the labels of each pair apart, bool ``[P]``.

    ``deviations [n]`` are SDs of the opinions, ``observers`` is how many there are of each
    label; a difference of exactly the critical one is none.
    """
    difference = labels[pairs.first] - labels[pairs.second]
    variance = (deviations[pairs.first] ** 2 + deviations[pairs.second] ** 2) / observers
    return difference**2 > stats.norm.ppf(1 - LEVEL / 2) ** 2 * variance


@dataclass(frozen=True)
class Told:
    """Score differences of pairs with what people said of them.

    ``better [D]``: the score of the better image less that of the worse, in pairs whose labels
    differ; ``similar [S]``: sizes of the score differences of the other pairs. The contents of
    each pair's two images are indices, ``[D, 2]`` and ``[S, 2]``.
    """

    better: np.ndarray
    similar: np.ndarray
    better_contents: np.ndarray
    similar_contents: np.ndarray

    def different_similar(self, counts: np.ndarray) -> np.ndarray:
        """AUC of the size of score differences: pairs that people tell apart against others.

        ``counts [B, C]`` says how often each content is drawn in each resample, as in
        ``resampling``; a pair is there as often as both of its contents together.
        """
        size = np.abs(self.better)
        return _auc(size, self.similar, self.better_contents, self.similar_contents, counts)

    def better_worse(self, counts: np.ndarray) -> np.ndarray:
        """AUC of the signed score difference: better against worse, each pair in both orders."""
        contents = self.better_contents
        return _auc(self.better, -self.better, contents, contents, counts)

    def c0(self, counts: np.ndarray) -> np.ndarray:
        """The share of different pairs that the scores order as people do; a tie does not."""
        right, weights = self.better > 0, _weights(self.better_contents, counts)
        return np.concatenate([w @ right / w.sum(axis=1) for w in weights])


def told(
    scores: np.ndarray, labels: np.ndarray, groups: np.ndarray, pairs: Pairs, apart: np.ndarray
) -> Told:
    """Of ``scores``, ``labels`` and content indices ``groups``, ``[n]`` each."""
    score = scores[pairs.first] - scores[pairs.second]
    sign = np.sign(labels[pairs.first] - labels[pairs.second])
    contents = np.stack([groups[pairs.first], groups[pairs.second]], axis=1)
    return Told((score * sign)[apart], np.abs(score[~apart]), contents[apart], contents[~apart])


def _auc(
    positive: np.ndarray,
    negative: np.ndarray,
    positive_contents: np.ndarray,
    negative_contents: np.ndarray,
    counts: np.ndarray,
) -> np.ndarray:
    """Area under the ROC curve in each resample, a tie being half; NaN where a side is empty."""
    order = np.argsort(negative, kind="stable")
    in_order = negative[order]
    below = np.searchsorted(in_order, positive, "left")
    upto = np.searchsorted(in_order, positive, "right")
    found = []
    both = (_weights(positive_contents, counts), _weights(negative_contents[order], counts))
    for w, other in zip(*both, strict=True):
        before = np.zeros((len(w), len(in_order) + 1))
        np.cumsum(other, axis=1, out=before[:, 1:])
        wins = before.take(below, axis=1)
        wins += before.take(upto, axis=1)
        area = 2 * w.sum(axis=1) * before[:, -1]
        undefined = np.full(len(w), np.nan)
        won = np.einsum("bp,bp->b", w, wins)
        found.append(np.divide(won, area, out=undefined, where=area > 0))
    return np.concatenate(found)


def _weights(contents: np.ndarray, counts: np.ndarray) -> Iterator[np.ndarray]:
    """How often each pair stands in each resample, ``float64 [block, P]``."""
    for start in range(0, len(counts), _BLOCK):
        drawn = counts[start : start + _BLOCK].astype(np.float64)
        yield drawn.take(contents[:, 0], axis=1) * drawn.take(contents[:, 1], axis=1)
