"""Areas of which only a bound may be known: how they print, order and vary over contents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from scipy import stats

from harness.protocols.intervals import FEW_CONTENTS, LEVEL, RESAMPLES


@dataclass(frozen=True)
class Threshold:
    """An area in (0, 1], or what is known of it.

    ``censored`` is "below" where ψ is at least 0.75 at the smallest area tested already, and
    "never" where it is less at the largest; ``area`` is that end. Without a threshold, ``area``
    is None and ``reason`` says why.
    """

    area: float | None
    censored: Literal["", "below", "never"] = ""
    reason: str | None = None

    def __str__(self) -> str:
        """E.g. "0.09", "< 1/64", "never" or, where no larger area was tested, "> 1/4"."""
        if self.area is None:
            return "none"
        end = Fraction(self.area).limit_denominator(4096)
        if self.censored == "never":
            return "never" if self.area == 1 else f"> {end}"
        return f"< {end}" if self.censored else f"{self.area:.2g}"

    @property
    def log2(self) -> float:
        """log₂ of the area, -inf below and inf never; NaN without a threshold."""
        ends = {"below": -np.inf, "never": np.inf}
        if self.area is None:
            return np.nan
        return ends.get(self.censored, float(np.log2(self.area)))

    @property
    def upper(self) -> float:
        """log₂ of the area that it is at most: of its end where it is below, inf where never."""
        return float(np.log2(self.area)) if self.area and self.censored == "below" else self.log2


def censored(x: float, ends: tuple[float, float]) -> Threshold:
    """The threshold at log₂ area ``x``, which is ±inf beyond the areas tested, ``ends``."""
    if np.isinf(x):
        return Threshold(ends[int(x > 0)], "never" if x > 0 else "below")
    return Threshold(float(2**x))


def upper_end(x: float, smallest: np.ndarray, ends: tuple[float, float]) -> Threshold:
    """``censored`` of an upper end, which is below an area where it is one of ``smallest``."""
    bounds = smallest[np.log2(smallest) == x]
    return Threshold(float(bounds[0]), "below") if len(bounds) else censored(x, ends)


def middle(found: Sequence[Threshold]) -> Threshold:
    """The median of areas, at least one, none of them without an area.

    One that is below an area orders as that area, and "never" above all: no model is said to see
    more than was shown. Of an even number it is the geometric mean of the middle two, or the
    upper one where one is censored.
    """
    ordered = sorted(found, key=lambda t: (t.upper, t.censored != "below", t.area))
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    if lower.censored or upper.censored:
        return upper
    return Threshold(float(2 ** ((lower.log2 + upper.log2) / 2)))


def percentiles(
    replicates: np.ndarray, n_contents: int, seed: int
) -> tuple[tuple[float, float], str]:
    """The ends of the bootstrap interval of at least two contents, and how it was made."""
    valid = np.sort(replicates[~np.isnan(replicates)])
    tail = (1 - LEVEL) / 2
    method = f"percentile bootstrap over {n_contents} contents, B={RESAMPLES}, seed {seed}"
    if n_contents < FEW_CONTENTS:
        t = stats.t.ppf(1 - tail, n_contents - 1)
        tail = stats.norm.cdf(-np.sqrt(n_contents / (n_contents - 1)) * t)
        method = f"expanded {method}"
    if dropped := len(replicates) - len(valid):
        method += f", {dropped} degenerate dropped"
    # Whole ranks, outwards: between a number and a censored value there is nothing.
    rank = int(tail * (len(valid) - 1))
    return (valid[rank], valid[-1 - rank]), method


def medians(values: np.ndarray) -> np.ndarray:
    """The median of each column of log₂ areas ``[K, B]``, -inf and inf allowed, NaN left out.

    Of an even number it is the mean of the middle two, or the upper one where one is infinite.
    """
    ordered = np.sort(values, axis=0)  # NaN last
    n = (~np.isnan(values)).sum(axis=0)
    columns = np.arange(values.shape[1])
    lower, upper = ordered[np.maximum(n - 1, 0) // 2, columns], ordered[n // 2 * (n > 0), columns]
    whole = np.isfinite(lower) & np.isfinite(upper)
    return np.where(whole, (lower + np.where(whole, upper, 0)) / 2, upper)
