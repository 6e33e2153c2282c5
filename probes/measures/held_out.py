"""A number of pooled predictions of held-out contents, and its interval.

Contents are drawn with their predictions, but others would have made other heads, too: in
simulations of 8 and 32 contents, 95 % intervals of predictions held fixed had the expected value
in 76 to 91 % of runs. They are therefore stretched by the correction that Nadeau and Bengio (2003)
derive for training sets that overlap, which gave 93 to 98 %.
"""

from __future__ import annotations

import math

import numpy as np

from harness.protocols.intervals import Interval, Replicate, content_interval

from .over_contents import Estimate, estimated


def held_out(
    replicate: Replicate,
    names: np.ndarray,
    folds: int | None,
    seed: int | None,
    limits: tuple[float, float],
    known: np.ndarray,
    why: str | None,
) -> Estimate:
    """The value of ``replicate`` on the contents ``names``, or ``why`` there is none.

    ``known`` are the rows that count, ``bool [n]``. Without ``folds`` it rests on no prediction.
    """
    n, n_contents = int(known.sum()), len(names)
    if why:
        return Estimate(None, None, None, None, n_contents, n, len(known), why)
    value = float(replicate(np.ones((1, n_contents)))[0])
    if seed is None:
        return Estimate(value, None, None, None, n_contents, n, len(known))
    interval = content_interval(value, replicate, n_contents, seed, limits)
    if folds is not None:
        interval = _widened(interval, folds, limits)
    return estimated(value, interval, n_contents, n, len(known))


def _widened(interval: Interval, folds: int, limits: tuple[float, float]) -> Interval:
    """Of a variance in 1 / folds, with n_test / n_train = 1 / (folds - 1) added to that."""
    if interval.low is None or interval.high is None:
        return interval
    factor = math.sqrt(1 + folds / (folds - 1))
    more = (factor - 1) * (interval.high - interval.low) / 2
    low, high = max(limits[0], interval.low - more), min(limits[1], interval.high + more)
    how = f"predictions held fixed, widened × {factor:.2f} since other contents make other heads"
    return Interval(low, high, f"{interval.method}, {how}")
