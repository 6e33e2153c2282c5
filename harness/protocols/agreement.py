"""Rows of agreement between scores and labels, each with its interval and an honest n."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from . import metrics, resampling
from .base import Measure
from .intervals import content_interval, few_contents
from .outcomes import Usable

_RESAMPLED = {
    "srcc": resampling.srcc,
    "plcc": resampling.plcc,
    "plcc_logistic": resampling.plcc,
    "krcc": resampling.krcc,
    "rmse": resampling.rmse,
}


def agreement_rows(
    found: Usable,
    scores: Mapping[str, float],
    seed: int,
    *,
    names: Iterable[str] = metrics.METRICS,
    subset: str = "all",
    split: str = "all",
    note: str = "",
    remark: str | None = None,
) -> list[Measure]:
    """A row for each metric of ``names``, from ``scores`` (sample id → score) of ``found``.

    ``note`` goes to the way the interval was made, ``remark`` to every reason. The logistic is
    fitted once and held fixed while contents are drawn.
    """
    x, y = np.array([scores[s.id] for s in found.samples], np.float64), found.labels
    contents, groups = np.unique(found.contents, return_inverse=True)
    names = tuple(names)
    estimates, mapped = metrics.agreement(x, y, names)
    rows = []
    for name in names:
        estimate = estimates[name]
        row = Measure(
            name, estimate.value, found.n_expected, len(found.samples), found.n_failed,
            subset, split, marks=few_contents(len(contents)), scores=scores,
            reason=join(estimate.reason, found.remark, remark),
        )  # fmt: skip
        if estimate.value is not None:
            held = mapped if name in metrics.AFTER_LOGISTIC else None
            interval = content_interval(
                estimate.value,
                partial(_RESAMPLED[name], x if held is None else held, y, groups),
                len(contents),
                seed,
                metrics.RANGES[name],
                join(note, None if held is None else "logistic held fixed") or "",
            )
            low, high, method = interval.low, interval.high, interval.method
            row = replace(row, ci_low=low, ci_high=high, ci_method=method)
        rows.append(row)
    return rows


def join(*remarks: str | None) -> str | None:
    """The remarks that say something, as one line, or None."""
    return "; ".join(remark for remark in remarks if remark) or None
