"""The tables of a probe set with harmless changes: what is detected, and how small it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .areas import DETECTED, areas
from .entries import Entry
from .failures import failure_notes, gathered, reason_notes
from .groups import Group
from .layout import Cell, Column, Line, Table, count_cell, row_cell, text_cell, with_interval_keys
from .matrix import PREFERRED_AREA
from .parts import (
    COUNT,
    HELD_OUT,
    MARKS,
    MODE,
    MODEL,
    assemble,
    common_marks,
    held_out,
    marks_cell,
    seen_notes,
)
from .sensitivity_notes import LSI, SHARES, THRESHOLD, detected_note, seen_alone
from .thresholds import severities, threshold_cell, threshold_keys, threshold_types

_ALWAYS = ("1/64", "1/16", "1/4", "1")  # the areas that a narrow terminal keeps
_TITLES = {
    ("false_alarms", "all"): "False alarms",
    ("lsi", "all"): "LSI",
    ("ordered_by_severity", "all"): "Ordered by severity",
    ("ordered_by_area", "all"): "Ordered by area",
    ("band_share", "all"): "Band share",
}
_SEEN = {"seen": "Detected, of the types", "mask_seen": "Detected, of the shapes"}
_LAST = list(_TITLES)[2:]
_MEDIAN = ("threshold_median", "all")
_SPANS = {
    DETECTED: "Detected at area",
    "direction": "Direction at area",
}


def detection_table(group: Group) -> Table:
    """Rows are models; columns false alarms, detection by area, threshold, index, controls."""
    lost = failure_notes(group, "response")
    told = gathered(group, "response")
    meaning = (detected_note(group), THRESHOLD, LSI, SHARES)
    by_area: dict[str, Sequence[str]] = {metric: areas(group, metric) for metric in _SPANS}
    apart_by = _seen(group)
    of_areas = ((metric, f"area={area}") for metric, known in by_area.items() for area in known)
    shown = (*_TITLES, _MEDIAN, *of_areas, *((DETECTED, subset) for subset in apart_by))
    group = told.only(lambda row: (row.metric, row.subset) in shown)
    common = common_marks(group)

    def at(metric: str) -> list[Column]:
        return [
            Column(
                area,
                with_interval_keys(f"{metric}_area_{area}"),
                span=_SPANS[metric],
                spare=metric != DETECTED or area not in _ALWAYS,
            )
            for area in by_area[metric]
        ]

    def line(entry: Entry) -> Line:
        counted = [r for a in by_area[DETECTED] if (r := entry.get(DETECTED, f"area={a}"))]
        rest = [row_cell(entry.get(*of), with_interval=True) for of in _LAST]
        return (
            text_cell(entry.label),
            *(_at(entry, DETECTED, area) for area in by_area[DETECTED]),
            threshold_cell(entry.get(*_MEDIAN)),
            row_cell(entry.get("lsi"), with_interval=True),
            row_cell(entry.get("false_alarms"), with_interval=True),
            *(_bare(_at(entry, "direction", area)) for area in by_area["direction"]),
            *map(_bare, rest),
            *(_bare(row_cell(entry.get(DETECTED, s), with_interval=True)) for s in apart_by),
            count_cell(sum(r.n_scored for r in counted), sum(r.n_expected for r in counted)),
            text_cell(entry.rows[0].mode),
            marks_cell(entry, common),
        )

    columns = (
        MODEL,
        *at(DETECTED),
        # Headings in two parts: a terminal rather leaves out intervals than these.
        Column("area", threshold_keys("threshold"), span="Threshold"),
        Column("LSI", with_interval_keys("lsi"), span="Index"),
        Column("alarms", with_interval_keys("false_alarms"), span="False"),
        *at("direction"),
        *(Column(_TITLES[m, s], with_interval_keys(m), spare=True) for m, s in _LAST),
        *(
            Column(title, with_interval_keys(f"{DETECTED} {s}"), span=span, spare=True)
            for s, (span, title) in apart_by.items()
        ),
        replace(COUNT, spare=True),
        replace(MODE, spare=True),
        MARKS,
    )
    first, apart = group.ordered()
    table = assemble(_said(group), columns, [*map(line, first)], [*map(line, apart)])
    remarks = reason_notes(told.entries, _TITLES)
    return replace(table, notes=(*meaning, *lost, *remarks, *table.notes))


def threshold_table(group: Group) -> Table | None:
    """Rows are types and models: thresholds by severity, and, beside what is detected, the LSI."""
    columns, types = severities(group), threshold_types(group)
    if not columns:
        return None
    first, apart = group.ordered()
    known = [area for area in areas(group, DETECTED) if area in _ALWAYS]

    def line(name: str, entry: Entry) -> Line:
        found = [entry.get("threshold", f"type={name} severity={s}") for s in columns]
        return (
            text_cell(name),
            text_cell(entry.label),
            *map(threshold_cell, found),
            *(row_cell(entry.get(DETECTED, f"type={name} area={a}")) for a in known),
            row_cell(entry.get("lsi", f"type={name}"), with_interval=True),
            *(row_cell(entry.get(f"ordered_by_{a}", f"type={name}")) for a in ("severity", "area")),
            Cell(told := HELD_OUT if held_out(found) else "", (told,)),
        )

    return Table(
        f"{group.name}.thresholds",
        f"{group.title} · Thresholds by type",
        (
            Column("Type", ("type",), "name"),
            Column("Model", ("model",), "text"),
            *(
                Column(s, threshold_keys(f"threshold_severity_{s}"), span="Threshold at severity")
                for s in columns
            ),
            *(Column(a, (f"{DETECTED}_area_{a}",), span="Detected at area") for a in known),
            Column("LSI", with_interval_keys("lsi")),
            *(Column(a, (f"ordered_by_{a}",), span="Ordered by") for a in ("severity", "area")),
            MARKS,
        ),
        tuple(line(name, entry) for name in types for entry in (*first, *apart)),
        marks=common_marks(gathered(group, "response")),
        notes=(
            "Threshold: the damaged area, as a share of the picture, at which 75 % would be "
            "detected. A dash: the reason is in the rows. Held out: the model was not trained on "
            f"this type. {seen_alone(group.entries)}",
            *seen_notes((e.label, "", row) for e in group.entries for row in e.rows),
        ),
        folded=True,
    )


def _said(group: Group) -> Group:
    """Rows without reasons, and without words for an interval that there is not."""
    entries = []
    for entry in group.entries:
        methods = [m if "no interval" not in (m := r.ci_method or "") else None for r in entry.rows]
        rows = zip(entry.rows, methods, strict=True)
        bare = tuple(replace(row, reason=None, ci_method=method or None) for row, method in rows)
        entries.append(replace(entry, rows=bare))
    return replace(group, entries=tuple(entries))


def _seen(group: Group) -> dict[str, tuple[str, str]]:
    """Subset → headings of what is detected of types, and shapes, seen in training and of others.

    Of each where it is known.
    """
    subsets, headings = group.subsets(DETECTED), {}
    for name, span in _SEEN.items():
        found = [area for area in areas(group, DETECTED) if f"{name}=yes area={area}" in subsets]
        for area in _preferred(found):
            for value, text in (("yes", "trained on"), ("no", HELD_OUT)):
                headings[f"{name}={value} area={area}"] = (span, f"{text}, at {area}")
    return headings


def _preferred(found: Sequence[str]) -> Sequence[str]:
    """The one area that a single column is about; none of none."""
    return [PREFERRED_AREA] if PREFERRED_AREA in found else found[:1]


def _at(entry: Entry, metric: str, area: str) -> Cell:
    return row_cell(entry.get(metric, f"area={area}"), with_interval=True)


def _bare(cell: Cell) -> Cell:
    return replace(cell, detail="")
