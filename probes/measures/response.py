"""How the response grows with the damaged area: R(a) and the localized sensitivity index (LSI).

R(a) = Σ over contents of Δ(a) / Σ over contents of Δ(1), where Δ is the score of the pristine image
less that of the damaged one: 1 at every area for a model blind to extent, a for one that is
proportional to the area. LSI = (1 / ln 64) ∫ R d ln a over [1/64, 1], by trapezoids. Both say how
Δ is spread over areas, not whether a model notices: they belong beside detection. The curve of a
full-reference metric is the same function of its scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
import pandas as pd

from harness.protocols.agreement import join
from harness.protocols.intervals import content_interval

from .over_contents import (
    Estimate,
    backwards,
    content_means,
    estimated,
    near_zero,
    ratio,
    summarize,
    undefined,
)

AREAS = tuple(2.0**k for k in range(-6, 1))  # of the full grid: 1/64 … 1
LADDER = ("type", "severity")  # with the content: what a plain ladder of areas holds fixed
FULL = "the drop at area 1"


def ladders(observed: pd.DataFrame, kind: str = "plain") -> pd.DataFrame:
    """The probes in ladders of a kind, damage that nobody sees included: left out, the small
    areas would keep what shows alone. Of calibrated ladders those that reach every area
    (``complete`` not "no", where told), so that all areas hold the same ladders."""
    rows = observed[(observed["role"] == "probe") & (observed["ladder"] == kind)]
    if kind == "plain" or "complete" not in rows:
        return rows
    return rows[rows["complete"] != "no"]


def visible_singles(observed: pd.DataFrame) -> pd.DataFrame:
    """The probes of plain ladders with one damage that somebody can see."""
    rows = ladders(observed)
    return rows[(rows["n"] == 1) & (rows["visible"] != "no")]


def beside_full_frame(
    rows: pd.DataFrame, partners: pd.DataFrame, ladder: Sequence[str]
) -> pd.DataFrame:
    """``rows`` that have one of ``partners`` at area 1, whose Δ becomes the column ``full``.

    The two are alike in content and ``ladder``; the full frame has neither shape nor placement,
    so it serves every mask. Several full frames of a ladder count as their mean.
    """
    keys = ["content", *ladder]
    whole = partners[(partners["area"] == 1) & (partners["n"] == 1)]
    full = whole.groupby(keys, observed=True)["delta"].mean()
    return rows.merge(full.rename("full").reset_index(), on=keys)


def response_curve(
    observed: pd.DataFrame, seed: int, by: Sequence[str] = (), kind: str = "plain"
) -> pd.DataFrame:
    """R by area, and by the columns ``by`` (such as type, severity, placement): see ``summarize``.

    Of single damages in ladders of a ``kind``, paired: only rows that have a full frame of their
    ladder count, and the sum below is over just these. Undefined where the 95 % interval of the
    mean Δ(1) includes 0; a remark where that mean is negative. ``n`` counts images. The severity
    of an "equal-damage" or "equal-energy" ladder is calibrated at each area: its R is at equal
    damage inside the mask, or at equal MSE of the whole image.
    """
    rows, ladder = ladders(observed, kind), LADDER if kind == "plain" else ("type",)
    pairs = _pairs(rows, ladder)
    return summarize(pairs, (*by, "area"), lambda part: ratio(part, ladder, seed, FULL))


def sensitivity_index(observed: pd.DataFrame, seed: int, by: Sequence[str] = ()) -> pd.DataFrame:
    """The localized sensitivity index, in one row or one for each group of ``by``.

    Of single damages in plain ladders. The areas of the group are its grid; on another grid than
    AREAS a remark says which, with the index of an area-proportional model there. Undefined where
    the grid does not reach from 1/64 to 1, or R is undefined at one of its areas. All areas are
    resampled together. ``n`` counts images.
    """
    pairs = _pairs(ladders(observed), LADDER)
    return summarize(pairs, by, lambda part: _index(part, seed))


def proportional_index(areas: Sequence[float] = AREAS) -> float:
    """The LSI by trapezoids on ``areas`` of a model with R(a) = a: 0.246 on the full grid."""
    return float(index_weights(areas) @ np.sort(areas))


def index_weights(areas: Sequence[float]) -> np.ndarray:
    """``float64 [A]``: LSI = weights @ R, for areas in rising order from 1/64 to 1.

    Raises ValueError on areas that do not reach from 1/64 to 1.
    """
    grid = np.sort(np.asarray(areas, np.float64))
    if len(grid) == 0 or grid[0] != AREAS[0] or grid[-1] != AREAS[-1]:
        raise ValueError(f"the index needs areas from 1/64 to 1, got {_names(grid) or 'none'}")
    steps = np.diff(np.log(grid))
    return (np.append(steps, 0) + np.append(0, steps)) / 2 / steps.sum()


def _pairs(rows: pd.DataFrame, ladder: Sequence[str]) -> pd.DataFrame:
    pairs = beside_full_frame(rows[rows["n"] == 1], rows, ladder)
    return pairs.rename(columns={"delta": "top", "full": "bottom"})


def _index(pairs: pd.DataFrame, seed: int) -> Estimate:
    scored = pairs.dropna(subset=["top", "bottom"])
    n_contents, areas = scored["content"].nunique(), sorted(pairs["area"].unique().tolist())
    try:
        weights = index_weights(areas)
    except ValueError as error:
        return undefined(pairs, n_contents, len(scored), str(error))
    means = content_means(scored, ["top", "bottom"], LADDER, ["area"])
    top, bottom = (_contents_by_areas(means[name], areas) for name in ("top", "bottom"))
    for column, area in reversed(list(enumerate(areas))):  # what is wrong at area 1 is said first
        below = bottom[~np.isnan(bottom[:, column]), column]
        why = near_zero(below, seed) if len(below) else "is unknown"
        if why:
            where = "" if area == 1 else f", in ladders with area {_names([area])},"
            return undefined(pairs, n_contents, len(scored), f"{FULL}{where} {why}")
    top, bottom = np.nan_to_num(top), np.nan_to_num(bottom)  # an absent cell adds to no sum
    value = float((top.sum(axis=0) / bottom.sum(axis=0)) @ weights)
    interval = content_interval(
        value, lambda counts: (counts @ top) / (counts @ bottom) @ weights, n_contents, seed
    )
    theory = f"{proportional_index(areas):.3f} if proportional to area"
    grid = None if tuple(areas) == AREAS else f"on the areas {_names(areas)}: {theory}"
    remark = join(grid, backwards(bottom[:, -1], FULL))
    return estimated(value, interval, n_contents, len(scored), len(pairs), remark)


def _contents_by_areas(means: pd.Series, areas: Sequence[float]) -> np.ndarray:
    """``float64 [C, A]``, NaN where a content has no pair at an area."""
    return pd.DataFrame(means.unstack("area")).reindex(columns=list(areas)).to_numpy()


def _names(areas: Iterable[float]) -> str:
    return ", ".join(str(Fraction(area).limit_denominator(4096)) for area in areas)
