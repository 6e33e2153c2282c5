"""How well predictions say what is there: average precision, AUROC, R² and SRCC over contents.

Predictions of all contents are pooled; without a seed there is no interval. ``contents`` are
``[n]``, ``folds`` is how many parts of the contents were held out in turn.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.protocols.metrics import RANGES, varies
from harness.protocols.resampling import srcc

from .held_out import held_out
from .over_contents import SHARE, Estimate

_BELOW_ONE = (-np.inf, 1.0)


def type_map(
    present: np.ndarray,
    scores: np.ndarray,
    contents: np.ndarray,
    folds: int,
    seed: int | None = 0,
) -> dict[str, Estimate]:
    """Means over types: "map" of average precision, "prevalence", and "chance" of random orders.

    ``present`` is ``bool [n, T]`` (an image may have several types), ``scores`` are ``float
    [n, T]``. A type that no image has is left out; rows with NaN are, too. Average precision is
    the mean over images with the type of the precision down to their score, ties included. Its
    expectation over random orders (Bestgen 2015) exceeds prevalence where images are few.
    """
    known = np.isfinite(scores).all(axis=1)
    had = present[known].any(axis=0)
    y, s = present[known][:, had], scores[known][:, had]
    names, groups = np.unique(contents[known], return_inverse=True)
    one_hot = np.eye(len(names))[groups]
    above: list[np.ndarray] = []
    hits: list[np.ndarray] = []
    owners: list[np.ndarray] = []
    for labels, column in zip(y.T, s.T, strict=True):
        order = np.argsort(column)
        # How many images of each content score at least as high as each that has the type.
        first = np.searchsorted(column[order], column[labels], "left")
        for kept, rows in ((above, one_hot), (hits, one_hot * labels[:, None])):
            falling = rows[order][::-1].cumsum(axis=0)[::-1]
            kept.append(falling[first])
        owners.append(groups[labels])

    def average_precision(counts: np.ndarray) -> np.ndarray:
        each = [
            _over(counts[:, o], (counts @ h.T) / (counts @ a.T))
            for o, h, a in zip(owners, hits, above, strict=True)
        ]
        return _mean(each)

    def prevalence(counts: np.ndarray) -> np.ndarray:
        shares = (counts @ (one_hot.T @ y)) / (counts @ one_hot.sum(axis=0))[:, None]
        return _mean([np.where(share > 0, share, np.nan) for share in shares.T])

    why = None if y.size else "no image with a known type"
    found = {
        "map": held_out(average_precision, names, folds, seed, SHARE, known, why),
        "prevalence": held_out(prevalence, names, None, seed, SHARE, known, why),
    }
    chance = None if why else float(_by_chance(y.sum(axis=0), len(y)).mean())
    how = "expectation over random orders"
    found["chance"] = replace(found["map"], value=chance, low=None, high=None, method=how)
    return found


def auroc(
    damaged: np.ndarray,
    scores: np.ndarray,
    contents: np.ndarray,
    folds: int,
    seed: int | None = 0,
) -> Estimate:
    """AUROC of damaged against clean images, pairs of all contents, ties ½; mean over columns.

    ``damaged`` is ``bool [n]``, ``scores`` are ``float [n, T]``, NaN for an image that a column
    leaves out; a column without either class is left out itself.
    """
    known = np.isfinite(scores)
    names, groups = np.unique(contents[known.any(axis=1)], return_inverse=True)
    place = np.zeros(len(damaged), int)
    place[known.any(axis=1)] = groups
    wins, sizes = [], []
    for column, there in zip(scores.T, known.T, strict=True):
        up, down = np.flatnonzero(there & damaged), np.flatnonzero(there & ~damaged)
        if not len(up) or not len(down):
            continue
        down = down[np.argsort(column[down], kind="stable")]
        beaten = np.zeros((len(down) + 1, len(names)))
        beaten[1:] = np.eye(len(names))[place[down]].cumsum(axis=0)
        ends = [np.searchsorted(column[down], column[up], side) for side in ("left", "right")]
        won = np.zeros((len(names), len(names)))  # by content of the damaged, of the clean image
        np.add.at(won, place[up], (beaten[ends[0]] + beaten[ends[1]]) / 2)
        wins.append(won)
        sizes.append((np.bincount(place[up], minlength=len(names)), beaten[-1]))

    def replicate(counts: np.ndarray) -> np.ndarray:
        each = [
            (counts @ won * counts).sum(axis=1) / ((counts @ up) * (counts @ down))
            for won, (up, down) in zip(wins, sizes, strict=True)
        ]
        return _mean(each)

    why = None if wins else "no damaged or no clean image"
    return held_out(replicate, names, folds, seed, SHARE, known.any(axis=1), why)


def r_squared(
    truth: np.ndarray,
    predicted: np.ndarray,
    means: np.ndarray,
    contents: np.ndarray,
    folds: int,
    seed: int | None = 0,
) -> Estimate:
    """1 - Σ squared errors / Σ squared errors of ``means``, those of the training rows.

    All are ``float [n, m]``, left out where one is NaN. About the training mean, not that of
    the tested images, which no head can know: 0 is what is known without features.
    """
    known = np.isfinite(truth) & np.isfinite(predicted)
    rows = known.any(axis=1)
    names, groups = np.unique(contents[rows], return_inverse=True)
    one_hot = np.eye(len(names))[groups]
    missed, total = (
        one_hot.T @ np.where(known, (truth - guess) ** 2, 0.0)[rows].sum(axis=1)
        for guess in (predicted, means)
    )

    def replicate(counts: np.ndarray) -> np.ndarray:
        found: np.ndarray = 1 - (counts @ missed) / (counts @ total)
        return found

    why = None if total.any() else "the training mean is right" if len(total) else "no prediction"
    return held_out(replicate, names, folds, seed, _BELOW_ONE, rows, why)


def rank_correlation(
    truth: np.ndarray,
    scores: np.ndarray,
    contents: np.ndarray,
    folds: int,
    seed: int | None = 0,
) -> Estimate:
    """SRCC of ``scores`` with ``truth``, both ``float [n]``, left out where one is NaN."""
    known = np.isfinite(truth) & np.isfinite(scores)
    names, groups = np.unique(contents[known], return_inverse=True)
    x, y = scores[known], truth[known]

    def replicate(counts: np.ndarray) -> np.ndarray:
        return srcc(x, y, groups, counts)

    why = None if varies(x) and varies(y) else "predictions or truth do not vary"
    return held_out(replicate, names, folds, seed, RANGES["srcc"], known, why)


def _by_chance(positives: np.ndarray, n: int) -> np.ndarray:
    """The expected average precision of a random order of n images, given how many count."""
    rest = (positives - 1) / max(n - 1, 1)
    found: np.ndarray = rest + (1 - rest) * (1 / np.arange(1, n + 1)).sum() / n
    return found


def _over(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Means of the rows of ``values [B, k]`` by weight; NaN where all weights are 0."""
    found: np.ndarray = np.where(weights > 0, values * weights, 0).sum(1) / weights.sum(1)
    return found


def _mean(each: list[np.ndarray]) -> np.ndarray:
    """The mean over columns of replicates ``[B]``, without those that are NaN."""
    values = np.stack(each, axis=1)
    return _over(np.isfinite(values), values)
