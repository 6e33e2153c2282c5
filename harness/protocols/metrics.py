"""Agreement of scores with labels: SRCC, PLCC, PLCC after a logistic, KRCC, RMSE.

Correlations come from SciPy in float64. Where a number cannot be had (too few samples, no
variation) the estimate is None with a one-line reason: never NaN, never a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from scipy import stats

from .logistic import fit_logistic

METRICS = ("srcc", "plcc", "plcc_logistic", "krcc", "rmse")
AFTER_LOGISTIC = ("plcc_logistic", "rmse")
RANGES = {name: (-1.0, 1.0) for name in METRICS} | {"rmse": (0.0, np.inf)}
_LARGEST = 1e100  # beyond it, squares leave float64


@dataclass(frozen=True)
class Estimate:
    """A number, or None and the reason why there is none; a reason may also be a remark."""

    value: float | None
    reason: str | None = None


def srcc(scores: np.ndarray, labels: np.ndarray) -> Estimate:
    """Spearman's rank correlation, ties given their mean rank."""
    return _correlation(lambda x, y: stats.spearmanr(x, y).statistic, scores, labels)


def plcc(scores: np.ndarray, labels: np.ndarray) -> Estimate:
    """Pearson's linear correlation of the raw scores, signed."""
    return _correlation(lambda x, y: stats.pearsonr(x, y).statistic, scores, labels)


def krcc(scores: np.ndarray, labels: np.ndarray) -> Estimate:
    """Kendall's rank correlation, tau-b."""
    return _correlation(lambda x, y: stats.kendalltau(x, y).statistic, scores, labels)


def rmse(mapped: np.ndarray, labels: np.ndarray) -> float:
    """Root of the mean squared error, in label units; the mean is over all n samples."""
    return float(np.sqrt(np.mean((np.asarray(mapped) - np.asarray(labels)) ** 2)))


def agreement(
    scores: np.ndarray, labels: np.ndarray, names: Collection[str] = METRICS
) -> tuple[dict[str, Estimate], np.ndarray | None]:
    """The metrics of ``names``, and the scores in label units where one of them needs those.

    ``plcc_logistic`` and ``rmse`` are after the 4-parameter logistic. As that mapping may
    fall, ``plcc_logistic`` is positive for scores that run against the labels, too.
    """
    found = {f.__name__: f(scores, labels) for f in (srcc, plcc, krcc) if f.__name__ in names}
    mapped_names = [name for name in AFTER_LOGISTIC if name in names]
    if not mapped_names:
        return found, None
    x, y = np.asarray(scores, np.float64), np.asarray(labels, np.float64)
    if why := unusable(x, y, 5, "the logistic"):
        return found | dict.fromkeys(mapped_names, Estimate(None, why)), None
    mapping = fit_logistic(x, y)
    mapped = mapping(x)
    remark = None if mapping.status == "converged" else f"logistic fit {mapping.status}"
    linear = plcc(mapped, labels).value
    flat = "the fitted logistic is flat" if linear is None else None
    after = {
        "plcc_logistic": Estimate(linear, flat or remark),
        "rmse": Estimate(rmse(mapped, labels), remark),
    }
    return found | {name: after[name] for name in mapped_names}, mapped


def srcc_each(predictions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """SRCC of every row of ``predictions [A, n]`` with ``labels [n]``; NaN where undefined."""
    ranks = stats.rankdata(predictions, axis=1) - (len(labels) + 1) / 2
    target = stats.rankdata(labels) - (len(labels) + 1) / 2
    norms = np.sqrt((ranks**2).sum(axis=1) * (target**2).sum())
    return np.divide(ranks @ target, norms, out=np.full(len(ranks), np.nan), where=norms > 0)


def varies(values: np.ndarray) -> bool:
    """Whether ``values`` differ by more than rounding."""
    return bool(np.ptp(values) > 1e-12 * np.abs(values).max())


def unusable(x: np.ndarray, y: np.ndarray, least: int, what: str) -> str | None:
    """Why scores ``x [n]`` and labels ``y [n]`` do not do for ``what``, or None; ``least`` of n."""
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"scores {x.shape} and labels {y.shape} must be vectors of one length")
    if len(x) < least:
        return f"{what} needs {least} samples, {len(x)} can be used"
    for name, values in (("labels", y), ("scores", x)):
        if not np.isfinite(values).all():
            return f"{name} are not all finite"
        if np.abs(values).max() > _LARGEST:
            return f"{name} exceed {_LARGEST:g}"
        if not varies(values):
            return f"{name} do not vary"
    return None


def _correlation(
    statistic: Callable[[np.ndarray, np.ndarray], float], scores: np.ndarray, labels: np.ndarray
) -> Estimate:
    x, y = np.asarray(scores, np.float64), np.asarray(labels, np.float64)
    if why := unusable(x, y, 3, "a correlation"):
        return Estimate(None, why)
    return Estimate(float(statistic(x, y)))
