"""One number over contents with its 95 % interval, a mean or a ratio of sums, and tables of them.

Samples of one content are first averaged over its ladders, so that each content weighs the same
however many of its samples there are. Intervals are those of ``harness.protocols.intervals``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial

import numpy as np
import pandas as pd

from harness.protocols.intervals import Interval, content_interval, mean_interval

UNBOUNDED = (-np.inf, np.inf)
SHARE = (0.0, 1.0)


@dataclass(frozen=True)
class Estimate:
    """A number over contents; ``value`` is None where ``reason`` says why (else it is a remark).

    ``n`` of ``n_expected`` samples (or pairs of samples) have what it takes; ``n_contents`` are
    their contents. ``method`` says how the interval was made, or why there is none.
    """

    value: float | None
    low: float | None
    high: float | None
    method: str | None
    n_contents: int
    n: int
    n_expected: int
    reason: str | None = None


COLUMNS = tuple(field.name for field in fields(Estimate))
_NUMBERS = ("value", "low", "high")


def summarize(
    rows: pd.DataFrame, by: Sequence[str], estimate: Callable[[pd.DataFrame], Estimate]
) -> pd.DataFrame:
    """``estimate`` of each group of rows alike in ``by``: columns ``by``, then COLUMNS.

    None is NaN in the columns of numbers. With ``by`` empty there is one row, even of no rows.
    """
    found = [{**key, **asdict(estimate(part))} for key, part in _groups(rows, by)]
    table = pd.DataFrame(found, columns=[*by, *COLUMNS])
    return table.astype(dict.fromkeys(_NUMBERS, float))


def mean(
    rows: pd.DataFrame,
    column: str,
    ladder: Sequence[str],
    seed: int,
    limits: tuple[float, float] = UNBOUNDED,
) -> Estimate:
    """The mean over contents of ``column``, within a content over ladders, NaN left out."""
    values = content_means(rows, [column], ladder)[column].to_numpy()
    n = int(rows[column].notna().sum())
    if not n:
        return undefined(rows, 0, 0, "no score" if len(rows) else "no sample")
    value = float(values.mean())
    interval = content_interval(
        value, lambda counts: (counts @ values) / counts.sum(axis=1), len(values), seed, limits
    )
    return estimated(value, interval, len(values), n, len(rows))


def means(
    rows: pd.DataFrame,
    limits: Mapping[str, tuple[float, float]],
    ladder: Sequence[str],
    seed: int,
    by: Sequence[str],
) -> pd.DataFrame:
    """``summarize`` of the means of the columns that ``limits`` names, after a column metric."""
    tables = [
        summarize(rows, by, partial(mean, column=name, ladder=ladder, seed=seed, limits=within))
        for name, within in limits.items()
    ]
    return (
        pd.concat(tables, keys=list(limits), names=["metric"])
        .reset_index("metric")
        .reset_index(drop=True)
    )


def ratio(
    rows: pd.DataFrame,
    ladder: Sequence[str],
    seed: int,
    bottom: str,
    limits: tuple[float, float] = UNBOUNDED,
) -> Estimate:
    """Σ over contents of ``top`` / Σ over contents of ``bottom``, both resampled together.

    ``rows`` have the columns ``top`` and ``bottom``; one without either is left out. Undefined
    where the 95 % interval of the mean of ``bottom``, called so in the reason, includes 0; with a
    remark where that mean is negative. ``limits`` are those of a ratio whose bottom is positive.
    """
    means = content_means(rows, ["top", "bottom"], ladder)
    n = int(rows[["top", "bottom"]].notna().all(axis=1).sum())
    if not n:
        return undefined(rows, 0, 0, "no score" if len(rows) else "no sample")
    above, below = means["top"].to_numpy(), means["bottom"].to_numpy()
    if why := near_zero(below, seed):
        return undefined(rows, len(means), n, f"{bottom} {why}")
    value = float(above.mean() / below.mean())
    within = limits if below.mean() > 0 else (-limits[1], -limits[0])
    interval = content_interval(
        value, lambda counts: (counts @ above) / (counts @ below), len(means), seed, within
    )
    return estimated(value, interval, len(means), n, len(rows), backwards(below, bottom))


def content_means(
    rows: pd.DataFrame, columns: Sequence[str], ladder: Sequence[str], by: Sequence[str] = ()
) -> pd.DataFrame:
    """Means of ``columns`` over the samples of a ladder, then over ladders: by content and ``by``.

    Rows without one of ``columns`` are left out.
    """
    known, keys = rows.dropna(subset=list(columns)), ["content", *by]
    within = known.groupby([*keys, *ladder], observed=True, dropna=False)[list(columns)].mean()
    return within.groupby(keys, observed=True).mean()


def near_zero(by_content: np.ndarray, seed: int) -> str | None:
    """Why the mean over contents may be 0, or None where its 95 % interval excludes that.

    Contents that all agree leave no interval: their common value then counts.
    """
    if len(by_content) < 2:
        return "is of one content: it cannot be told from 0"
    interval = mean_interval(by_content, seed)
    low = float(by_content.min()) if interval.low is None else interval.low
    high = float(by_content.max()) if interval.high is None else interval.high
    return "cannot be told from 0" if low <= 0 <= high else None


def estimated(
    value: float,
    interval: Interval,
    n_contents: int,
    n: int,
    n_expected: int,
    remark: str | None = None,
) -> Estimate:
    """``value`` beside its interval."""
    return Estimate(
        value, interval.low, interval.high, interval.method, n_contents, n, n_expected, remark
    )


def undefined(rows: pd.DataFrame, n_contents: int, n: int, reason: str) -> Estimate:
    """No number of ``rows``, and why."""
    return Estimate(None, None, None, None, n_contents, n, len(rows), reason)


def backwards(by_content: np.ndarray, what: str) -> str | None:
    """A remark where the mean drop, called ``what``, is a rise."""
    return f"{what} is negative: damage is scored better" if by_content.mean() < 0 else None


def _groups(
    rows: pd.DataFrame, by: Sequence[str]
) -> Iterator[tuple[dict[str, object], pd.DataFrame]]:
    if not by:
        yield {}, rows
        return
    for key, part in rows.groupby(list(by), observed=True, dropna=False):
        yield dict(zip(by, key, strict=True)), part
