"""Means over seeds and differences of two arms, with intervals over seeds and contents.

A number varies with the seed of the training and with the contents that it is measured on. Both
variances are added: of the mean over seeds, and the delete-one-content jackknife's of that mean
(widened for numbers that heads predict, as the protocol does, since other contents make other
heads). The t interval has the degrees of freedom of Satterthwaite (1946). The variance over seeds
is counted in that over contents in part, and a difference is paired by seed and content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from harness.protocols.intervals import LEVEL
from probes.measures.draws import content_folds

from .contents import ALL
from .measure import AREAS, COLUMNS

MEAN = "mean"  # in place of a seed
PREDICTED = ("type_map", "damaged_auroc", "log_area_r2")  # by heads on held-out contents
_PLACE = ["test", "types", "area", "metric"]


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds; low and high are None where ``interval`` says why."""

    value: float
    low: float | None
    high: float | None
    interval: str


def estimate(values: np.ndarray, left: np.ndarray | None, widening: float = 1.0) -> Estimate:
    """The mean of ``values [K]``, one a seed, and its 95 % interval.

    ``left [K, C]`` are the values with each of C contents left out, or None where that is not
    known; ``widening`` is a factor on their standard error.
    """
    value, parts, said = float(values.mean()), [], []
    if len(values) > 1:
        parts.append((float(values.var(ddof=1)) / len(values), len(values) - 1))
        said.append(f"{len(values)} seeds")
    if left is not None and left.shape[1] > 1:
        means, n = left.mean(axis=0), left.shape[1]
        error = widening**2 * (n - 1) / n * float(np.square(means - means.mean()).sum())
        parts.append((error, n - 1))
        said.append(f"{n} contents")
    total = sum(variance for variance, _ in parts)
    if not total > 0:
        return Estimate(value, None, None, "no interval: one seed" if not parts else "no spread")
    df = total**2 / sum(variance**2 / n for variance, n in parts)
    margin = float(stats.t.ppf((1 + LEVEL) / 2, df) * np.sqrt(total))
    how = f"t interval over {' and '.join(said)}, {df:.1f} degrees of freedom"
    return Estimate(value, value - margin, value + margin, how)


def combined(
    rows: pd.DataFrame, left: pd.DataFrame, pairs: Sequence[tuple[str, str]]
) -> pd.DataFrame:
    """The mean over seeds of every arm, and the difference of every pair (first less second).

    ``rows`` have ``measure.COLUMNS``; ``left`` has arm, seed, the place and content, value. An
    arm with one seed, such as an anchor, is held against every seed of the other.
    """
    known = rows.dropna(subset=["value"])
    arms = known["arm"].unique()
    found = []
    known = known.sort_values("area", key=lambda a: a.map([*AREAS, ""].index), kind="stable")
    for place, here in known.groupby(_PLACE, sort=False):
        without = left[(left[_PLACE] == list(place)).all(axis=1) & (left["content"] != ALL)]
        for arm, against in [*((arm, "") for arm in arms), *pairs]:
            row = _row(here, without, arm, against)
            if row is not None:
                found.append((arm, against, MEAN, *place, *row))
    return pd.DataFrame(found, columns=list(COLUMNS))


def _row(
    here: pd.DataFrame, without: pd.DataFrame, arm: str, against: str
) -> tuple[object, ...] | None:
    mine, other = (here[here["arm"] == name].set_index("seed") for name in (arm, against))
    seeds = mine.index
    if against:
        if other.empty or mine.empty:
            return None
        seeds = mine.index.intersection(other.index) if len(other) > 1 else mine.index
    if mine.empty or not len(seeds):
        return None
    values, left = mine.loc[seeds, "value"].to_numpy(float), _left(without, arm, seeds)
    if not against and left is None and len(mine) == 1:  # what the protocol itself says
        one = mine.iloc[0]
        return one["value"], one["low"], one["high"], int(one["n"]), one["interval"], None
    if against:
        theirs = seeds if len(other) > 1 else other.index.repeat(len(seeds))
        values = values - other.loc[theirs, "value"].to_numpy(float)
        beside = _left(without, against, theirs)
        left = None if left is None or beside is None else left.sub(beside.to_numpy())
    widening = 1.0
    if left is not None and str(here["metric"].iloc[0]) in PREDICTED:
        folds = len(content_folds(left.columns))
        widening = float(np.sqrt(1 + folds / (folds - 1)))
    e = estimate(values, None if left is None else left.to_numpy(float), widening)
    how = f"{e.interval}, paired" if against and e.low is not None else e.interval
    return e.value, e.low, e.high, int(mine["n"].iloc[0]), how, None


def _left(without: pd.DataFrame, arm: str, seeds: Iterable[str]) -> pd.DataFrame | None:
    """Values by seed (rows) and content left out (columns), None where some are lacking."""
    part = without[without["arm"] == arm]
    table = part.pivot(index="seed", columns="content", values="value")
    if table.empty or not set(seeds) <= set(table.index):
        return None
    table = table.loc[list(seeds)]
    return None if table.isna().any(axis=None) else table


def apart(one: pd.Series, other: pd.Series) -> bool:
    """Whether the intervals of two rows do not meet."""
    ends = [one["low"], one["high"], other["low"], other["high"]]
    if any(end is None or pd.isna(end) for end in ends):
        return False
    return bool(one["low"] > other["high"] or other["low"] > one["high"])
