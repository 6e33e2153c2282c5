"""The rows of ``sensitivity`` beyond the mean response: what the measures say of one table."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from harness.protocols.agreement import join
from harness.protocols.base import Measure, word

from .measure_rows import of_fit, of_rates, of_table, subset_of
from .measures.controls import bands, control_shares, negative_controls
from .measures.cooccurrence import cooccurrence
from .measures.detection import detection_rates, detections, direction, paired, rates
from .measures.monotonicity import monotonicity
from .measures.null import Null, is_null, null_of
from .measures.over_contents import mean, summarize
from .measures.response import LADDER, response_curve, sensitivity_index, visible_singles
from .measures.threshold import median_threshold, thresholds

_ALONE = "no probe has a partner at area 1"
# Cells in which detection is counted, beside the areas alone.
_CELLS = ("type", "severity", "shape", "placement", "seen", "mask_seen")
_LADDERS = ["content", *LADDER]


def rows(table: pd.DataFrame, seed: int) -> Iterator[Measure]:
    """Measures of ``table`` (see ``observed``): detection and its threshold, the index of
    localized sensitivity, monotonicity, controls and co-occurrence, as far as it has the images
    that each takes."""
    yield from _detection(table, seed)
    yield from _indices(table, seed)
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
    for kind, ladders in _calibrated(table):
        curve = (
            replace(m, subset=f"ladder={kind} {m.subset}") for m in _curve(table, seed, (), kind)
        )
        yield from _of_whole_ladders("response_ratio", ladders[ladders["area"] < 1], curve)


def _curve(
    table: pd.DataFrame, seed: int, by: Sequence[str], kind: str = "plain"
) -> Iterator[Measure]:
    curve = response_curve(table, seed, by, kind)
    yield from of_table("response_ratio", curve[curve["area"] < 1], (*by, "area"))


def _calibrated(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The probes of each kind of calibrated ladder, with those that cannot reach every area."""
    probes = table[(table["role"] == "probe") & (table["n"] == 1) & (table["ladder"] != "plain")]
    for kind, ladders in probes.groupby("ladder"):
        yield str(kind), ladders


def _of_whole_ladders(
    metric: str, ladders: pd.DataFrame, measures: Iterable[Measure]
) -> Iterator[Measure]:
    """``measures`` of the ladders that reach every area, with how many they are, or a reason."""
    found = {measure.subset: measure for measure in measures}
    for (kind, area), here in ladders.groupby(["ladder", "area"]):
        subset = subset_of({"ladder": kind, "area": area})
        whole = int((here["complete"] != "no").sum())
        if not whole:
            why = f"none of {len(here)} ladders can reach every area"
            yield Measure(metric, None, 0, 0, 0, subset, reason=why)
        elif subset in found:
            some = f"{whole} of {len(here)} ladders: those that reach every area"
            measure = found[subset]
            told = some if whole < len(here) else None
            yield replace(measure, reason=join(measure.reason, told))


def _detection(table: pd.DataFrame, seed: int) -> Iterator[Measure]:
    """Nothing for a set without harmless changes: there is no null to hold a change against.

    What nobody sees is left out, but of calibrated ladders, which are counted whole.
    """
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
    plain = visible_singles(table)
    yield from detected("detected", plain, ("area",))
    for cell in _CELLS:
        yield from detected("detected", _told(plain, (cell,)), (cell, "area"))
    for _, ladders in _calibrated(table):
        rated = detected("detected", ladders[ladders["complete"] != "no"], ("ladder", "area"))
        yield from _of_whole_ladders("detected", ladders, rated)
    edges, filled = bands(table)
    yield from detected("band_detected", edges, ("area",))
    yield from detected("band_partner_detected", filled, ("area",))
    scored = plain.dropna(subset=["delta"])
    drops = rates(scored, direction(scored, found.detected), ["area"], seed)
    yield from of_rates("direction", drops, ("area",), None, "of the detected that cannot please")
    right = rates(scored, paired(scored), ["area"], seed)
    yield from of_rates("paired_accuracy", right, ("area",), plain, None)
    if found.false_alarms is not None:
        yield from _thresholds(plain, null_of(known), seed)
    hidden = negative_controls(table)
    if len(hidden):
        yield from detected("invisible_detected", hidden, ())
        sizes = hidden.assign(response=hidden["response"].abs())
        size = summarize(sizes, (), partial(mean, column="response", ladder=LADDER, seed=seed))
        yield from of_table("invisible_response", size, ())
    if (table["control"] != "").any():
        for by in ((), ("area",)):
            shares = control_shares(table, seed, by)
            for name, part in shares.groupby("control", sort=False):
                yield from of_table(f"{word(str(name))}_share", part, by)


def _thresholds(plain: pd.DataFrame, null: Null, seed: int) -> Iterator[Measure]:
    fits = thresholds(plain.dropna(subset=["delta"]), null, seed=seed)
    sizes: dict[Any, int] = plain.groupby(["type", "severity"]).size().to_dict()
    seen = dict(zip(plain["type"], plain["seen"], strict=True))
    both = {"yes", "no"} <= set(seen.values())
    groups: dict[str, list[Hashable]] = {"all": list(fits)}
    for type, severity in fits:
        cell, named = (type, severity), {"type": type, "severity": severity}
        yield of_fit("threshold", fits[cell], sizes[cell], subset_of(named))
        groups.setdefault(subset_of({"severity": severity}), []).append(cell)
        if both:
            groups.setdefault(subset_of({"seen": seen[type]}), []).append(cell)
    for subset, cells in groups.items():
        middle = median_threshold([fits[cell] for cell in cells])  # type: ignore[index]
        yield of_fit("threshold_median", middle, sum(sizes[cell] for cell in cells), subset)


def _indices(table: pd.DataFrame, seed: int) -> Iterator[Measure]:
    """The index of all, by type, and of what was seen in training and what was not."""
    for by in ((), ("type",), ("seen",)):
        yield from of_table("lsi", sensitivity_index(_told(table, by), seed, by), by)
    masked = _told(table, ("mask_seen",))
    # A full frame has no mask: it ends the ladders of both.
    full = table[(table["area"] == 1) & (table["n"] == 1)].drop(columns="mask_seen")
    ends = full.merge(masked[[*_LADDERS, "mask_seen"]].drop_duplicates(), on=_LADDERS)
    found = sensitivity_index(pd.concat([masked, ends]), seed, ("mask_seen",))
    yield from of_table("lsi", found, ("mask_seen",))


def _told(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The rows that say anything in the columns ``by``; masks there are only of a part."""
    keep = np.ones(len(table), bool)
    for column in by:
        keep &= ~table[column].isin(["", "whole", "any"]).to_numpy()
        if column in ("seen", "mask_seen") and not {"yes", "no"} <= set(table[column]):
            keep[:] = False  # all alike: nothing to set apart
    return table[keep]
