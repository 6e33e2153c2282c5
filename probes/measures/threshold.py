"""Thresholds: the smallest damaged area that a model notices, by type and severity.

The threshold is the area where the fitted psychometric function is 0.75. Where that lies below
the smallest area tested, or above the largest, all that is known is this: it is censored, stays so
in every resample, and orders below or above all others.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.protocols.intervals import draw_counts

from .censored import Threshold, censored, medians, middle, percentiles, upper_end
from .null import Null
from .psychometric import LEVEL as NOTICED
from .psychometric import crossing, fit_psychometric, likely_crossings

if TYPE_CHECKING:
    import pandas as pd

_FEWEST_AREAS = 3  # as many as are fitted
_BIASED = "cells of few contents have it too small, so that it reaches the medians of their ends"


@dataclass(frozen=True)
class Fit:
    """A threshold with its 95 % interval over contents, and the curve that it was read from.

    ``low`` and ``high`` may be censored, too; None without an interval. ``alpha`` (log₂ area),
    ``beta`` (octaves) and ``lapse`` are None without a fit, and for a median over cells.
    ``replicates [B]`` are log₂ areas, -inf below, inf never, NaN undefined; all cells of one
    call share their draws of contents.
    """

    threshold: Threshold
    low: Threshold | None
    high: Threshold | None
    method: str
    n: int
    n_contents: int
    alpha: float | None = None
    beta: float | None = None
    lapse: float | None = None
    ends: tuple[float, float] = (1 / 64, 1.0)  # the smallest and the largest area tested
    seed: int = 0  # of the draws
    drawn: int = 0  # contents that are drawn from, those of other cells among them
    replicates: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False, compare=False)


def thresholds(
    observed: pd.DataFrame,
    null: Null,
    by: Sequence[str] = ("type", "severity"),
    seed: int = 0,
) -> dict[tuple[Hashable, ...], Fit]:
    """A threshold for each cell of the columns ``by`` of ``observed``, sorted.

    Detected is a |delta| above the limit that ``null`` has for the content; images without a
    limit are left out. Every draw of contents finds the limits and the rate of false alarms anew.

    The interval covers a percentile bootstrap over contents and the likelihood-ratio interval:
    where all contents agree at an area, so do all resamples, and a bootstrap alone is too sure.
    Where none are detected up to an area, and all from the next, it covers all between the two.
    Below FEW_CONTENTS contents the percentiles are moved out to give a t interval where a
    statistic is normal (Hesterberg 2015, "expanded percentile"), as a jackknife has no meaning
    for a censored value. ValueError where ``by`` pools types or severities.
    """
    if missing := {"type", "severity"} - set(by):
        raise ValueError(f"thresholds are never of pooled cells: add {sorted(missing)} to 'by'")
    if observed.empty:
        return {}
    n_contents = len(null.names)
    parts = np.ones((1, n_contents)), draw_counts(n_contents, seed)
    limits, alarms = map(np.concatenate, zip(*map(null.judged, parts), strict=True))
    draws = _Draws(np.concatenate(parts), limits, alarms)
    rows = observed.assign(place=null.places(observed), size=observed["delta"].abs())
    return {key: _fit(cell, draws, seed) for key, cell in rows.groupby(list(by), dropna=False)}


def median_threshold(fits: Sequence[Fit]) -> Fit:
    """The median over cells fitted in one call (e.g. types), with its interval over contents.

    It may be censored itself, as its middle cell is: see ``middle``. The lower end takes what is
    below an area as if it were nothing, the upper end as that area: so the interval holds the
    median. An end that is not known is beyond all areas tested. Cells without a threshold are
    left out, and counted in ``reason``. ValueError where the draws differ.

    It is biased: over few contents that differ, the area where 75 % of images are detected comes
    out close to that where 50 % are, so that the median of cells of two to four contents is too
    small, in simulations by up to half an octave. As no resample tells of this, the interval
    reaches at least from the median of the cells' own lower ends to that of their upper ones: in
    simulations of 30 and 150 cells of 2 to 4 out of 8 contents it had the true median in 95 to
    100 % of runs, and the bootstrap alone in 70 to 100 %. A cell without an interval has the
    widest there is.
    """
    known = [fit for fit in fits if fit.threshold.area is not None]
    if not known:
        reason = fits[0].threshold.reason if fits else "no cell"
        return _without(reason or "no cell", 0, 0)
    value, seed = middle([fit.threshold for fit in known]), known[0].seed
    if any((fit.seed, len(fit.replicates)) != (seed, len(known[0].replicates)) for fit in known):
        raise ValueError("the thresholds come from different draws of contents")
    n_contents = known[0].drawn
    replicates = np.stack([fit.replicates for fit in known])
    tested = np.array([fit.ends for fit in known])
    ends = float(tested[:, 0].min()), float(tested[:, 1].max())
    low, high, method = None, None, "no interval: one content"
    if n_contents > 1:
        lows = np.array([[-np.inf if fit.low is None else fit.low.log2] for fit in known])
        highs = np.array([[np.inf if fit.high is None else fit.high.upper] for fit in known])
        (drawn, _), method = percentiles(medians(replicates), n_contents, seed)
        # Between two of which one is censored the median is the outer one.
        low = censored(min(drawn, -medians(-lows)[0], value.log2), (ends[0], tested[:, 1].min()))
        bounded = np.maximum(replicates, np.log2(tested[:, :1]))  # what is below an end, as that
        (_, drawn), _ = percentiles(medians(bounded), n_contents, seed)
        high = upper_end(max(drawn, medians(highs)[0], value.upper), tested[:, 0], ends)
        method = f"{method}; {_BIASED}"
    left = len(fits) - len(known)
    reason = f"{left} of {len(fits)} cells have no threshold" if left else None
    return Fit(
        replace(value, reason=reason), low, high, f"median of {len(known)} cells, {method}",
        sum(fit.n for fit in known), n_contents, ends=ends, seed=seed,
        replicates=medians(replicates),
    )  # fmt: skip


@dataclass(frozen=True)
class _Draws:
    """Draws of contents, the first of which are the contents as they are, and what follows."""

    counts: np.ndarray  # [1 + B, C]
    limits: np.ndarray  # [1 + B, C]
    false_alarms: np.ndarray  # [1 + B]


def _fit(cell: pd.DataFrame, draws: _Draws, seed: int) -> Fit:
    cell = cell[~np.isnan(draws.limits[0, cell["place"]])]
    place, n, n_contents = cell["place"].to_numpy(), len(cell), cell["place"].nunique()
    areas, column = np.unique(cell["area"].to_numpy(np.float64), return_inverse=True)
    false_alarms = float(draws.false_alarms[0])
    if why := _impossible(areas, false_alarms):
        return _without(why, n, n_contents)
    limits, at = draws.limits[:, place], np.eye(len(areas))[column]
    weights = draws.counts[:, place] * ~np.isnan(limits)
    trials, hits = weights @ at, (weights * (cell["size"].to_numpy() > limits)) @ at
    fits = fit_psychometric(hits, trials, areas, np.nan_to_num(draws.false_alarms))
    ends = float(areas[0]), float(areas[-1])
    x = crossing(fits, draws.false_alarms)
    likely = likely_crossings(hits[0], trials[0], areas, false_alarms)
    x = np.append(x, _with_the_gap(likely, hits[0], trials[0], areas))
    x = np.where(x <= np.log2(ends[0]), -np.inf, np.where(x > np.log2(ends[1]), np.inf, x))
    low, high, method = None, None, "no interval: one content"
    if n_contents > 1:
        drawn, method = percentiles(x[1:-2], n_contents, seed)
        low = censored(min(*x[-2:], *drawn), ends)
        high = censored(max(*x[-2:], *drawn), ends)
        method = f"likelihood ratio and {method}, limits found anew"
    alpha, beta, lapse = map(float, fits[0])
    return Fit(
        censored(x[0], ends), low, high, method, n, n_contents,
        alpha, beta, lapse, ends, seed, draws.counts.shape[1], x[1:-2],
    )  # fmt: skip


def _with_the_gap(
    interval: tuple[float, float], hits: np.ndarray, trials: np.ndarray, areas: np.ndarray
) -> tuple[float, float]:
    """``interval`` with the gap between the largest area of which none is detected and the next,
    of which all are, as larger ones: counts cannot tell where in it a step would lie."""
    first = int(np.argmax(np.append(hits, 1) > 0))
    if 0 < first < len(areas) and (hits[first:] == trials[first:]).all():
        below, above = np.log2(areas[first - 1 : first + 1])
        below = np.nextafter(below, above)  # at the smallest area itself it would be censored
        return min(interval[0], float(below)), max(interval[1], float(above))
    return interval


def _impossible(areas: np.ndarray, false_alarms: float) -> str | None:
    if np.isnan(false_alarms):
        return "the rate of false alarms is not known"
    if false_alarms >= NOTICED:
        return f"false alarms ({false_alarms:.2f}) are as frequent as a threshold's detections"
    if len(areas) < _FEWEST_AREAS:
        return f"a threshold needs {_FEWEST_AREAS} areas, {len(areas)} can be used"
    return None


def _without(reason: str, n: int, n_contents: int) -> Fit:
    why = Threshold(None, reason=reason)
    return Fit(why, None, None, "no interval: no threshold", n, n_contents)
