"""Many models on the same samples and the same resamples: differences, p-values, resolution.

Every model's replicates are computed once, so that M models cost M bootstraps for their
M (M − 1) / 2 differences. ``srcc_each`` and ``plcc_each`` are ``resampling.srcc`` and
``resampling.plcc`` of many models at once: scores ``[M, n]`` and counts ``[B, C]`` give
``float64 [M, B]``, NaN where a resample does not vary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from . import metrics
from .intervals import FEW_CONTENTS, RESAMPLES, Interval, content_interval, draw_counts

ALPHA = 0.05  # two-sided
POWER = 0.8
DETECTABLE = float(stats.norm.ppf(1 - ALPHA / 2) + stats.norm.ppf(POWER))  # in SDs: 2.80
_ROUNDING = 1e-12  # a smaller difference is none: scores on another scale do not differ
_BLOCK = 32  # resamples at a time, so that their arrays stay in the cache


def srcc_each(
    scores: np.ndarray, labels: np.ndarray, groups: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Spearman's correlation of each model in each resample; the labels are ranked once.

    Sums of ranks are whole numbers below 2**53 up to 180,000 samples: nothing is rounded.
    """
    n, found = len(labels), np.empty((len(scores), len(counts)))
    label_places, places = _places(labels), [_places(x) for x in scores]
    for start in range(0, len(counts), _BLOCK):
        w = counts[start : start + _BLOCK].astype(np.float64).take(groups, axis=1)
        before = np.zeros((len(w), n + 1))
        y = _ranks(w, before, *label_places)
        weighted = w * y
        norm_y = np.einsum("bn,bn->b", weighted, y)
        for row, place in zip(found, places, strict=True):
            x = _ranks(w, before, *place)
            covariance = np.einsum("bn,bn->b", weighted, x)
            x *= x
            row[start : start + len(w)] = _ratio(covariance, norm_y * np.einsum("bn,bn->b", w, x))
    return found


def plcc_each(
    scores: np.ndarray, labels: np.ndarray, groups: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Pearson's correlation of each model in each resample, from the sums of each content."""
    x, y = (v - v.mean(axis=-1, keepdims=True) for v in (scores, labels))
    x, y = (v / np.abs(v).max(axis=-1, keepdims=True) for v in (x, y))
    terms = np.concatenate([np.ones_like(y)[None], y[None], y[None] ** 2, x, x * x, x * y])
    sums = np.stack([np.bincount(groups, term, counts.shape[1]) for term in terms], axis=1)
    drawn = (counts.astype(np.float64) @ sums).T
    n, sy, yy = drawn[:3]
    sx, xx, xy = np.split(drawn[3:], 3)
    var_x, var_y = xx - sx**2 / n, yy - sy**2 / n
    # What is left by rounding where nothing varies is no variance.
    varies = (var_x > 1e-13 * xx) & (var_y > 1e-13 * yy)
    return _ratio(xy - sx * sy / n, np.where(varies, var_x * var_y, 0))


@dataclass(frozen=True)
class Replicates:
    """One metric of M models on the same samples, and in the same resamples of contents."""

    values: np.ndarray  # [M], on all samples; NaN where undefined
    draws: np.ndarray  # [M, B]; below FEW_CONTENTS, with each content left out in turn [M, C]
    n_contents: int
    seed: int

    def interval(self, i: int) -> Interval:
        """The 95 % interval of model ``i``."""
        return self._interval(float(self.values[i]), self.draws[i], (-1, 1), "")

    def difference(self, i: int, j: int) -> tuple[float, Interval]:
        """Model ``i`` less model ``j``, with its 95 % interval (see ``content_interval``)."""
        value = float(self.values[i] - self.values[j])
        return value, self._interval(value, self.draws[i] - self.draws[j], (-2, 2), "paired")

    def p_value(self, i: int, j: int) -> float:
        """Two-sided p of "no difference": 2 (1 + the rarer sign's count) / (1 + B), at most 1.

        Davison & Hinkley 1997, "Bootstrap Methods and their Application", eq. 4.11; a resample
        without a difference counts for both signs. NaN below FEW_CONTENTS contents, or where
        fewer than half of the resamples have a value.
        """
        found = self._paired(i, j)
        if not len(found):
            return float("nan")
        rarer = min(np.count_nonzero(found <= _ROUNDING), np.count_nonzero(found >= -_ROUNDING))
        return min(1.0, 2 * (1 + rarer) / (1 + len(found)))

    def resolvable(self, i: int, j: int) -> float:
        """The smallest difference found with 80 % power at ALPHA: 2.80 bootstrap SDs of it.

        That is z(0.975) + z(0.8) = 1.96 + 0.84, for one test; NaN where there is no p.
        """
        found = self._paired(i, j)
        return DETECTABLE * float(found.std(ddof=1)) if len(found) else float("nan")

    def _paired(self, i: int, j: int) -> np.ndarray:
        """The differences in the resamples that have one; none where they do not suffice."""
        found = self.draws[i] - self.draws[j]
        valid = found[np.isfinite(found)]
        enough = self.n_contents >= FEW_CONTENTS and len(valid) >= len(found) / 2
        return valid if enough else valid[:0]

    def _interval(
        self, value: float, draws: np.ndarray, limits: tuple[float, float], note: str
    ) -> Interval:
        # The draws that all intervals of one seed share come first.
        first = lambda counts: draws[: len(counts)]  # noqa: E731
        return content_interval(value, first, self.n_contents, self.seed, limits, note)


def replicates(
    scores: np.ndarray, labels: np.ndarray, contents: np.ndarray, seed: int
) -> dict[str, Replicates]:
    """``srcc`` and ``plcc`` of scores ``[M, n]``, with as many resamples as Holm's p-values need.

    ``labels [n]`` and ``contents [n]`` (names) belong to the samples. See ``n_resamples``.
    """
    names, groups = np.unique(contents, return_inverse=True)
    each = {"srcc": (metrics.srcc, srcc_each), "plcc": (metrics.plcc, plcc_each)}
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in each}
    for counts in _counts(len(names), len(scores), seed):
        for name, (_, resampled) in each.items():
            drawn[name].append(resampled(scores, labels, groups, counts))
    return {
        name: Replicates(_values(measure, scores, labels), np.hstack(drawn[name]), len(names), seed)
        for name, (measure, _) in each.items()
    }


def n_resamples(n_models: int) -> int:
    """80 a pair, in thousands: the smallest p, 2 / (B + 1), times the pairs is half of ALPHA.

    With fewer, Holm's correction of many pairs would call nothing significant whatever it saw.
    """
    pairs = n_models * (n_models - 1) // 2
    return RESAMPLES * max(1, -(-int(4 / ALPHA) * pairs // RESAMPLES))


def _counts(n_contents: int, n_models: int, seed: int) -> Iterator[np.ndarray]:
    """How often each content is drawn, in parts: the first are those of every interval."""
    if n_contents < FEW_CONTENTS:
        yield 1 - np.eye(n_contents, dtype=np.uint16)
        return
    for part in range(n_resamples(n_models) // RESAMPLES):
        yield draw_counts(n_contents, seed + part)


def _values(
    measure: Callable[[np.ndarray, np.ndarray], metrics.Estimate],
    scores: np.ndarray,
    labels: np.ndarray,
) -> np.ndarray:
    return np.array([measure(x, labels).value for x in scores], np.float64)  # None becomes NaN


def _places(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The order of ``x``, and how many samples lie below each, and not above it."""
    order = np.argsort(x, kind="stable")
    in_order = x[order]
    below, upto = np.searchsorted(in_order, x, "left"), np.searchsorted(in_order, x, "right")
    return order, below, upto


def _ranks(
    w: np.ndarray, before: np.ndarray, order: np.ndarray, below: np.ndarray, upto: np.ndarray
) -> np.ndarray:
    """Twice the mean ranks that weights ``w [b, n]`` imply, about their mean; uses ``before``."""
    np.cumsum(w.take(order, axis=1), axis=1, out=before[:, 1:])
    ranks = before.take(below, axis=1)
    ranks += before.take(upto, axis=1)
    ranks -= before[:, -1:]
    return ranks


def _ratio(covariance: np.ndarray, norms: np.ndarray) -> np.ndarray:
    undefined = np.full(covariance.shape, np.nan)
    return np.divide(covariance, np.sqrt(norms), out=undefined, where=norms > 0)
