"""Agreement in many resamples at once, from counts instead of repeated samples.

A resample of contents is a vector of counts: each sample of content c stands there as often
as c was drawn. Every function takes scores ``x [n]``, labels ``y [n]``, the content of each
sample as an index ``groups [n]`` into 0 … C-1, and ``counts [B, C]`` (whole numbers ≥ 0), and
returns ``float64 [B]``, equal to what SciPy gives on the repeated samples; NaN where the
resample does not vary.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_RUN = 128  # samples whose pairs are counted directly
_BLOCK = 64  # resamples at a time: bounds memory at a few arrays of n × 64 numbers


def srcc(x: np.ndarray, y: np.ndarray, groups: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Spearman's correlation: Pearson's of the mean ranks that the counts imply."""
    order = np.argsort(x, kind="stable")  # sorted by x, its ties lie side by side
    y_order = np.argsort(y[order], kind="stable")
    back, x_ties, y_ties = np.argsort(y_order), _ties(x[order]), _ties(np.sort(y))
    found = []
    for w in _weights(groups[order], counts):
        rank_x, var_x = _ranks(w, *x_ties)
        rank_y, var_y = _ranks(w.take(y_order, axis=1), *y_ties)
        covariance = np.einsum("bn,bn,bn->b", w, rank_x, rank_y.take(back, axis=1))
        found.append(_ratio(covariance, np.sqrt(var_x * var_y)))
    return np.concatenate(found)


def plcc(x: np.ndarray, y: np.ndarray, groups: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Pearson's correlation, from the sums of each content."""
    dx, dy = x - x.mean(), y - y.mean()
    dx, dy = dx / np.abs(dx).max(), dy / np.abs(dy).max()
    terms = np.stack([np.ones_like(dx), dx, dy, dx * dx, dy * dy, dx * dy], axis=1)
    n, sx, sy, xx, yy, xy = (counts @ _by_group(terms, groups, counts.shape[1])).T
    with np.errstate(invalid="ignore", divide="ignore"):
        var_x, var_y = xx - sx**2 / n, yy - sy**2 / n
        # What is left by rounding where nothing varies is no variance.
        degenerate = ~((var_x > 1e-13 * xx) & (var_y > 1e-13 * yy))
        return np.where(degenerate, np.nan, (xy - sx * sy / n) / np.sqrt(var_x * var_y))


def rmse(mapped: np.ndarray, y: np.ndarray, groups: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Root of the mean squared error of scores that are in label units already."""
    terms = np.stack([np.ones_like(y), (mapped - y) ** 2], axis=1)
    n, squares = (counts @ _by_group(terms, groups, counts.shape[1])).T
    return np.sqrt(_ratio(squares, n))


def krcc(x: np.ndarray, y: np.ndarray, groups: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Kendall's tau-b by weighted merge counting (Knight 1966), O(n log n) for a resample.

    The order of the samples is the same in every resample, so the merges are worked out once;
    pairs within runs of ``_RUN`` samples are counted by a matrix product instead.
    """
    order = np.lexsort((y, x))
    x, y, groups = x[order], y[order], groups[order]
    y_order = np.argsort(y, kind="stable")
    both = _ties(x, y)[0]
    x_ties, y_ties = _ties(x)[0], _ties(y[y_order])[0]
    ranks = np.unique(y, return_inverse=True)[1]
    inverted, merges = _inverted(ranks), list(_merges(ranks))
    found = []
    for w in _weights(groups, counts):
        padded = np.zeros((len(w), len(inverted) * _RUN))
        padded[:, : w.shape[1]] = w
        runs = padded.reshape(len(w), -1, _RUN).swapaxes(0, 1)
        discordant = np.einsum("kbn,kbn->b", runs, runs @ inverted)
        for left, right, below, end in merges:
            before = np.zeros((len(w), len(left) + 1))
            np.cumsum(w.take(left, axis=1), axis=1, out=before[:, 1:])
            above = before.take(end, axis=1) - before.take(below, axis=1)
            discordant += np.einsum("bn,bn->b", w.take(right, axis=1), above)
        pairs = _pairs(w.sum(axis=1))
        tied_x, tied_y, tied_both = (
            _pairs(np.add.reduceat(weights, starts, axis=1)).sum(axis=1)
            for weights, starts in ((w, x_ties), (w.take(y_order, axis=1), y_ties), (w, both))
        )
        difference = pairs - tied_x - tied_y + tied_both - 2 * discordant
        found.append(_ratio(difference, np.sqrt((pairs - tied_x) * (pairs - tied_y))))
    return np.concatenate(found)


def _weights(groups: np.ndarray, counts: np.ndarray) -> Iterator[np.ndarray]:
    """How often each sample stands in each resample, ``float64 [block, n]``."""
    for start in range(0, len(counts), _BLOCK):
        yield counts[start : start + _BLOCK].astype(np.float64).take(groups, axis=1)


def _by_group(terms: np.ndarray, groups: np.ndarray, size: int) -> np.ndarray:
    return np.stack([np.bincount(groups, column, size) for column in terms.T], axis=1)


def _ties(*sorted_keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each run of equal keys starts, and the run of every sample."""
    new = np.logical_or.reduce([np.diff(key, prepend=np.nan) != 0 for key in sorted_keys])
    return np.flatnonzero(new), np.cumsum(new) - 1


def _ranks(w: np.ndarray, starts: np.ndarray, run: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean ranks about their mean, ``[block, n]``, and their weighted sums of squares."""
    distinct = len(starts) == w.shape[1]
    in_run = w if distinct else np.add.reduceat(w, starts, axis=1)
    last = np.cumsum(in_run, axis=1)
    rank = last - in_run / 2 - last[:, -1:] / 2
    squares = np.einsum("bn,bn,bn->b", in_run, rank, rank)
    return (rank if distinct else rank.take(run, axis=1)), squares


def _inverted(ranks: np.ndarray) -> np.ndarray:
    """For each run: 1 where sample j stands before i with a higher rank, ``[K, j, i]``."""
    padding = np.full(-len(ranks) % _RUN, ranks.max())
    runs = np.concatenate([ranks, padding]).reshape(-1, _RUN)
    return np.triu(runs[:, :, None] > runs[:, None, :]).astype(np.float64)


def _merges(ranks: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Each level of a merge sort of ``ranks`` above the runs, as four indices.

    The left halves' samples and the right halves' in their new order, and for each right one
    how many of the left ones come before it (rank not above its own), and before its block's end.
    """
    half, position = _RUN, np.arange(len(ranks))
    while half < len(ranks):
        block, is_right = position // (2 * half), position // half % 2
        order = np.lexsort((is_right, ranks, block))
        right = is_right[order] == 1
        lefts = np.cumsum(~right)
        ends = lefts[np.searchsorted(block, block[order][right], side="right") - 1]
        yield order[~right], order[right], lefts[right], ends
        half *= 2


def _pairs(n: np.ndarray) -> np.ndarray:
    return n * (n - 1) / 2


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0)
