"""Means over the types of a content, and then over contents, as rows of a protocol."""

from __future__ import annotations

import pandas as pd

from harness.protocols.base import Measure
from harness.protocols.intervals import few_contents

from .measures.over_contents import SHARE, mean


def of_means(
    metric: str,
    rows: pd.DataFrame,
    column: str,
    subset: str,
    seed: int,
    limits: tuple[float, float] = SHARE,
) -> Measure:
    """The mean of ``column`` of ``rows``, which have content and type; NaN is left out."""
    found = mean(rows, column, ("type",), seed, limits)
    return Measure(
        metric, found.value, found.n_expected, found.n, found.n_expected - found.n, subset,
        ci_low=found.low, ci_high=found.high, ci_method=found.method, reason=found.reason,
        marks=few_contents(found.n_contents),
    )  # fmt: skip
