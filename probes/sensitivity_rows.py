"""The rows of ``sensitivity`` beyond the mean response: what the measures say of one table."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.protocols.agreement import join
from harness.protocols.base import Measure, word
from harness.protocols.intervals import few_contents

from .measures.controls import control_shares, negative_controls
from .measures.cooccurrence import cooccurrence
from .measures.detection import (
    Detections,
    detection_rates,
    detections,
    direction,
    paired,
    rates,
)
from .measures.monotonicity import monotonicity
from .measures.null import is_null
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
    found = detections(known)

    def detected(metric: str, cells: pd.DataFrame, by: Sequence[str]) -> Iterator[Measure]:
        rated = detection_rates(known, cells.dropna(subset=["delta"]), by, seed)
        yield from of_rates(metric, rated, by, cells, found.reason)

    null = table[is_null(table)]
    for by in ((), ("harmless",)):
        yield from detected("false_alarms", null, by)
    shown = table[(table["role"] == "probe") & (table["n"] == 1) & (table["visible"] != "no")]
    plain = shown[shown["ladder"] == "plain"]
    yield from detected("detected", plain, ("area",))
    for cell in _CELLS:
        yield from detected("detected", _told(plain, (cell,)), (cell, "area"))
    yield from detected("detected", shown[shown["ladder"] != "plain"], ("ladder", "area"))
    yield from detected("band_detected", table[table["control"] == "band"], ("area",))
    scored = plain.dropna(subset=["delta"])
    drops = rates(scored, direction(scored, found.detected), ["area"], seed)
    yield from of_rates("direction", drops, ("area",), None, "of the detected that cannot please")
    right = rates(scored, paired(scored), ["area"], seed)
    yield from of_rates("paired_accuracy", right, ("area",), plain, None)
    yield from _thresholds(plain, found, seed)
    yield from _controls(table, found, seed)


def _thresholds(plain: pd.DataFrame, found: Detections, seed: int) -> Iterator[Measure]:
    if found.false_alarms is None:
        return
    scored = plain.dropna(subset=["delta"])
    fits = thresholds(scored, found.detected, found.false_alarms, seed=seed)
    sizes: dict[Any, int] = plain.groupby(["type", "severity"]).size().to_dict()
    both = {"yes", "no"} <= set(plain["seen"])
    seen = dict(zip(plain["type"], plain["seen"], strict=True))
    groups: dict[str, list[Hashable]] = {"all": list(fits)}
    for type, severity in fits:
        cell = (type, severity)
        yield _of_fit("threshold", fits[cell], sizes[cell], subset_of(_named(cell)))
        groups.setdefault(subset_of({"severity": severity}), []).append(cell)
        if both:
            groups.setdefault(subset_of({"seen": seen[type]}), []).append(cell)
    for subset, cells in groups.items():
        middle = median_threshold([fits[cell] for cell in cells])  # type: ignore[index]
        yield _of_fit("threshold_median", middle, sum(sizes[cell] for cell in cells), subset)


def _named(cell: tuple[Hashable, ...]) -> dict[str, Any]:
    return dict(zip(("type", "severity"), cell, strict=True))


def _controls(table: pd.DataFrame, found: Detections, seed: int) -> Iterator[Measure]:
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


def _of_fit(metric: str, fit: Fit, n_expected: int, subset: str) -> Measure:
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
