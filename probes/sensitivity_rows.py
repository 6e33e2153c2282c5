"""The rows of ``sensitivity`` beyond the mean response: what the measures say of one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.protocols.agreement import join
from harness.protocols.base import Measure, word
from harness.protocols.intervals import few_contents

from .measures.controls import control_shares, negative_controls
from .measures.cooccurrence import cooccurrence
from .measures.detection import Detections, detections, direction, is_null, paired, rates
from .measures.monotonicity import monotonicity
from .measures.response import response_curve, sensitivity_index
from .measures.threshold import Fit, median_threshold, thresholds

if TYPE_CHECKING:
    import pandas as pd

_ALONE = "no probe has a partner at area 1"
# Cells in which detection is counted, beside the areas alone.
_CELLS = ("type", "severity", "shape", "placement", "seen")


def rows(table: pd.DataFrame, seed: int) -> Iterator[Measure]:
    """Measures of ``table`` (see ``observed``): detection and its threshold, the index of
    localized sensitivity, monotonicity, controls and co-occurrence, as far as it has the images
    that each takes."""
    yield from _detection(table, seed)
    for by in ((), ("type",), ("seen",)):
        yield from of_table("lsi", sensitivity_index(_told(table, by), seed, by), by)
    for along in ("severity", "area"):
        for by in ((), ("type",)):
            found = monotonicity(table, along, seed, by)
            yield from of_table(f"ordered_by_{along}", found, by)
    if (table["n"] > 1).any():
        found = cooccurrence(table, seed)
        for metric, part in found.groupby("metric", sort=False):
            yield from of_table(f"cooccurrence_{metric}", part, ("damages", "area"))


def ratio_rows(table: pd.DataFrame, areas: Sequence[Fraction], seed: int) -> Iterator[Measure]:
    """R(a) of plain ladders, over all and by type, and of calibrated ladders; a reason at areas
    where no probe has a full frame of its ladder."""
    found = {m.subset: m for m in _curve(table, seed, ())}
    for area in areas:
        subset = f"area={area}"
        none = Measure("response_ratio", None, 0, 0, 0, subset, reason=_ALONE)
        yield found.get(subset, none)
    yield from _curve(table, seed, ("type",))
    for kind in sorted({*table["ladder"]} - {"plain", ""}):
        for measure in _curve(table, seed, (), kind):
            yield replace(measure, subset=f"ladder={kind} {measure.subset}")


def _curve(
    table: pd.DataFrame, seed: int, by: Sequence[str], kind: str = "plain"
) -> Iterator[Measure]:
    curve = response_curve(table, seed, by, kind)
    yield from of_table("response_ratio", curve[curve["area"] < 1], (*by, "area"))


def _detection(table: pd.DataFrame, seed: int) -> Iterator[Measure]:
    """Nothing for a set without harmless changes: there is no null to hold a change against."""
    if not is_null(table).any():
        return
    known = table.dropna(subset=["delta"])
    probes = known[(known["role"] == "probe") & (known["n"] == 1) & (known["visible"] != "no")]
    plain = probes[probes["ladder"] == "plain"]
    found = detections(known)
    yield _false_alarms(found, int(is_null(table).sum()))
    whole = table[(table["role"] == "probe") & (table["n"] == 1) & (table["visible"] != "no")]
    for by in ((), *((cell,) for cell in _CELLS)):
        part = _told(plain, by)
        expected = (
            _told(whole[whole["ladder"] == "plain"], by).groupby([*by, "area"]).size().to_dict()
        )
        rates_of = rates(part, found.detected, [*by, "area"], seed)
        yield from _of_rates("detected", rates_of, (*by, "area"), expected, found.reason)
    other = probes[probes["ladder"] != "plain"]
    if len(other):
        rates_of = rates(other, found.detected, ["ladder", "area"], seed)
        yield from _of_rates("detected", rates_of, ("ladder", "area"), None, found.reason)
    for metric, outcome in (
        ("direction", direction(plain, found.detected)),
        ("paired_accuracy", paired(plain)),
    ):
        yield from _of_rates(metric, rates(plain, outcome, ["area"], seed), ("area",), None, None)
    yield from _thresholds(plain, found, seed)
    yield from _controls(table, found, seed)


def _thresholds(plain: pd.DataFrame, found: Detections, seed: int) -> Iterator[Measure]:
    if found.false_alarms is None:
        return
    fits = thresholds(plain, found.detected, found.false_alarms, seed=seed)
    for (type, severity), fit in fits.items():
        yield _of_fit("threshold", fit, subset_of({"type": type, "severity": severity}))
    seen = dict(zip(plain["type"], plain["seen"], strict=True))
    groups: dict[str, list[Fit]] = {"all": list(fits.values())}
    for (type, severity), fit in fits.items():
        groups.setdefault(subset_of({"severity": severity}), []).append(fit)
        if {"yes", "no"} <= set(plain["seen"]):
            groups.setdefault(subset_of({"seen": seen[type]}), []).append(fit)
    for subset, members in groups.items():
        yield _of_fit("threshold_median", median_threshold(members), subset)


def _controls(table: pd.DataFrame, found: Detections, seed: int) -> Iterator[Measure]:
    bands = table[table["control"] == "band"].dropna(subset=["delta"])
    if len(bands):
        cells = rates(bands, found.detected, ["area"], seed)
        yield from _of_rates("band_detected", cells, ("area",), None, found.reason)
    if (table["control"] != "").any():
        for by in ((), ("area",)):
            shares = control_shares(table, seed, by)
            for name, part in shares.groupby("control", sort=False):
                yield from of_table(f"{word(str(name))}_share", part, by)
    if (table["visible"] == "no").any():
        for metric, part in negative_controls(table, found.detected, seed).groupby("metric"):
            yield from of_table(f"invisible_{metric}", part, ())


def _told(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The rows that say anything in the columns ``by``; masks there are only of a part."""
    keep = np.ones(len(table), bool)
    for column in by:
        keep &= ~table[column].isin(["", "whole", "any"]).to_numpy()
        if column == "seen" and not {"yes", "no"} <= set(table["seen"]):
            keep[:] = False  # all alike: nothing to set apart
    return table[keep]


def _false_alarms(found: Detections, n_expected: int) -> Measure:
    n = found.n_null if found.false_alarms is not None else 0
    failed = n_expected - found.n_null
    return Measure("false_alarms", found.false_alarms, n_expected, n, failed, reason=found.reason)


def _of_rates(
    metric: str,
    table: pd.DataFrame,
    by: Sequence[str],
    expected: Mapping[Any, int] | None,
    reason: str | None,
) -> Iterator[Measure]:
    for cell in table.to_dict("records"):
        key = tuple(cell[name] for name in by)
        n = int(cell["n"])
        there = n if expected is None else int(expected[key if len(by) > 1 else key[0]])
        yield Measure(
            metric, _number(cell["rate"]), there, n, there - n, subset_of({k: cell[k] for k in by}),
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


def _of_fit(metric: str, fit: Fit, subset: str) -> Measure:
    """An area; where only a bound is known, none, and the bound as the reason."""
    ends = [None if end is None or end.censored else end.area for end in (fit.low, fit.high)]
    bounds = None if fit.low is None else f"95 % interval from {fit.low} to {fit.high}"
    told = fit.threshold.reason
    censored = str(fit.threshold) if fit.threshold.censored else None
    return Measure(
        metric, None if fit.threshold.censored else fit.threshold.area, fit.n, fit.n, 0, subset,
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
