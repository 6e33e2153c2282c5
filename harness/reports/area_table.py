"""All that rows say of one model by area: detection, response, controls, further damages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from ..records import Row
from .entries import Entry
from .failures import remark
from .groups import Group, parse_subset
from .layout import NONE, Cell, Column, Line, Table, row_cell, text_cell, with_interval_keys
from .parts import HELD_OUT, held_out
from .sensitivity_notes import seen_alone
from .thresholds import THRESHOLD, threshold_cell, threshold_keys

_MEDIAN = "threshold_median"
_MEASURES = {
    "false_alarms": "False alarms",
    "detected": "Detected",
    "direction": "Direction",
    "paired_accuracy": "Paired accuracy",
    _MEDIAN: "Threshold, median",
    "response": "Response",
    "response_ratio": "Response ratio",
    "lsi": "LSI",
    "ordered_by_severity": "Ordered by severity",
    "ordered_by_area": "Ordered by area",
    "band_share": "Control: band",
    "band_detected": "Control: band, detected",
    "band_partner_detected": "Filled masks of the bands, detected",
    "complement_share": "Control: complement",
    "two-draws_share": "Control: two draws",
    "invisible_detected": "Invisible: detected",
    "invisible_response": "Invisible: response",
    "cooccurrence_lower": "Further damage: lower",
    "cooccurrence_marginal": "Further damage: response",
}
_MEANING = (
    "Shares of probes: detected; direction (of the detected, scored worse); paired accuracy "
    "(scored worse at all, ties one half: any drop, however small, counts); ordered; further "
    "damage: lower (scored worse than with the first damage alone).",
    "Response, in standard deviations of the model's scores: how far the score drops. Controls, "
    "as shares of drops: band, an edge of 2 pixels alone, of the filled mask's; complement, all "
    "but the mask, of what the full frame adds to the filled mask (1: regions add up); two draws, "
    "the change from redrawing a noise inside a mask, of the full frame's.",
    "Invisible: the damage that detection leaves out, which should go unnoticed. Response, ordered "
    "and further damage count it; so do all numbers of ladders with equal damage or energy.",
)


def area_table(group: Group, entry: Entry) -> Table:
    """Rows are measures and what they are among; columns areas, and all of them together."""
    rows = [row for row in entry.rows if not _by_type_alone(row)]
    cells = {(row.metric, _among(row.subset)) for row in rows}
    known = sorted({a for row in rows if (a := parse_subset(row.subset).get("area"))}, key=Fraction)
    rank = {metric: i for i, metric in enumerate(_MEASURES)}

    def key(cell: tuple[str, str]) -> tuple[int, str, bool, str]:
        metric, among = cell
        return rank.get(metric, len(rank)), metric, among != "all", among

    def whole(metric: str, among: str) -> Cell:
        row = entry.get(metric, among)
        if metric == _MEDIAN:
            return threshold_cell(row)
        cell = row_cell(row, with_interval=True)
        return replace(cell, raw=(*cell.raw, ""))

    def line(metric: str, among: str) -> Line:
        prefix = "" if among == "all" else f"{among} "
        by_area = [entry.get(metric, f"{prefix}area={a}") for a in known]
        unseen = held_out([entry.get(metric, among), *by_area])
        return (
            text_cell(_MEASURES.get(metric, metric)),
            text_cell(f"{among} ({HELD_OUT})" if unseen else among),
            whole(metric, among),
            *(row_cell(row, with_interval=True) for row in by_area),
        )

    lines = [line(*cell) for cell in sorted(cells, key=key)]
    return Table(
        f"{group.name}.areas",
        f"{group.title} · {entry.label}, by area",
        (
            Column("Measure", ("measure",), "name"),
            Column("Among", ("among",), "text"),
            Column("All areas", threshold_keys("all_areas")),
            *(Column(a, with_interval_keys(f"area_{a}"), span="At area") for a in known),
        ),
        tuple(one for one in lines if any(cell.text != NONE for cell in one[2:])),
        notes=(seen_alone([entry]), *_MEANING, *_ladder_notes(entry)),
        folded=True,
    )


def _ladder_notes(entry: Entry) -> Iterator[str]:
    """Of which ladders the numbers of calibrated ones are."""
    who: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for row in entry.rows:
        if (among := _among(row.subset)).startswith("ladder=") and (why := remark(row)):
            who[among, why][_MEASURES.get(row.metric, row.metric)] = None
    for (among, why), titles in who.items():
        yield f"{', '.join(titles)}, {among}: {why}."


def _by_type_alone(row: Row) -> bool:
    """Whether the table of types has this row."""
    part = parse_subset(row.subset)
    return row.metric == THRESHOLD or ("type" in part and "area" not in part)


def _among(subset: str) -> str:
    """The subset without the area; "all" of nothing else."""
    return " ".join(word for word in subset.split() if not word.startswith("area=")) or "all"
