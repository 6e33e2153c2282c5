"""Numbers of ``measures`` as rows of a protocol: tables of rates or estimates, and fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.protocols.agreement import join
from harness.protocols.base import Measure, word
from harness.protocols.intervals import few_contents

from .measures.threshold import Fit

if TYPE_CHECKING:
    import pandas as pd


def of_rates(
    metric: str,
    table: pd.DataFrame,
    by: Sequence[str],
    cells: pd.DataFrame | None,
    reason: str | None,
) -> Iterator[Measure]:
    """``cells`` are all rows that a rate should count, scored or not; None: those it does."""
    groups = {} if cells is None else dict(iter(cells.groupby(list(by)))) if by else {(): cells}
    for cell in table.to_dict("records"):
        key, n = tuple(cell[name] for name in by), int(cell["n"])
        there = len(groups[key]) if cells is not None else n
        yield Measure(
            metric, _number(cell["rate"]), there, n, there - n,
            subset_of({k: cell[k] for k in by}),
            ci_low=_number(cell["low"]), ci_high=_number(cell["high"]), ci_method=cell["method"],
            reason=reason if n else join("no image has an outcome", reason),
            marks=few_contents(int(cell["n_contents"])),
        )  # fmt: skip


def of_table(metric: str, table: pd.DataFrame, by: Sequence[str]) -> Iterator[Measure]:
    for cell in table.to_dict("records"):
        n, expected = int(cell["n"]), int(cell["n_expected"])
        yield Measure(
            metric, _number(cell["value"]), expected, n, expected - n,
            subset_of({k: cell[k] for k in by}),
            ci_low=_number(cell["low"]), ci_high=_number(cell["high"]),
            ci_method=_words(cell["method"]), reason=_words(cell["reason"]),
            marks=few_contents(int(cell["n_contents"])),
        )  # fmt: skip


def of_fit(metric: str, fit: Fit, n_expected: int, subset: str) -> Measure:
    """An area; where only a bound is known, none, and the bound as the reason."""
    ends = [None if end is None or end.censored else end.area for end in (fit.low, fit.high)]
    bounds = None if fit.low is None else f"95 % interval from {fit.low} to {fit.high}"
    told = fit.threshold.reason
    censored = str(fit.threshold) if fit.threshold.censored else None
    return Measure(
        metric, None if fit.threshold.censored else fit.threshold.area, n_expected, fit.n,
        n_expected - fit.n, subset,
        ci_low=ends[0], ci_high=ends[1], ci_method=fit.method,
        reason=join(told, join(censored, bounds)), marks=few_contents(fit.n_contents),
    )  # fmt: skip


def subset_of(cell: Mapping[str, Any]) -> str:
    """ "type=jpeg severity=4 area=1/16"; "all" of an empty cell."""
    return " ".join(f"{name}={_text(name, value)}" for name, value in cell.items()) or "all"


def _text(name: str, value: Any) -> str:
    if name == "area":
        return str(Fraction(float(value)).limit_denominator(4096))
    return f"{value:g}" if isinstance(value, float | int) else word(str(value))


def _words(value: Any) -> str | None:
    return value if isinstance(value, str) else None  # a table has NaN for None


def _number(value: Any) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
