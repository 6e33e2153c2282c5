"""The numbers of one model under one protocol, a number a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..canonical import slug
from ..records import Row
from ..reports.area_table import area_table
from ..reports.areas import DETECTED, areas
from ..reports.entries import Entry, seen_mark
from ..reports.groups import RANKED_BY, Group, parse_subset
from ..reports.layout import (
    Cell,
    Column,
    Line,
    Table,
    count_cell,
    number,
    row_cell,
    text_cell,
    with_interval_keys,
)
from ..reports.matrix import LEAST, PREFERRED_AREA
from ..reports.parts import CONTAMINATION, COUNT, MARKS, METRICS, assemble
from ..reports.ranks import RESOLVABLE, Field, fields, interval_text
from ..reports.relational_table import TITLES
from ..reports.sensitivity_table import detection_table, threshold_table
from ..reports.titles import metric_title

_ORDER = {metric: i for i, metric in enumerate({**TITLES, **METRICS})}


@dataclass(frozen=True)
class Bar:
    """One type of damage; ``share`` of the full width, in [0, 1]."""

    name: str
    value: Cell
    share: float


@dataclass(frozen=True)
class Bars:
    """The types of damage of one study, the largest value first; ``of`` is what a value is."""

    title: str
    of: str
    bars: tuple[Bar, ...]


def numbers(group: Group, entry: Entry) -> tuple[Table, ...]:
    """All numbers of ``entry``, the only one of ``group``; those by type or area are folded.

    Those of a comparison with other models are left to ``standing``.
    """
    if areas(group, DETECTED):
        found = detection_table(group), threshold_table(group), area_table(group, entry)
        return tuple(table for table in found if table is not None)
    if fields(group):
        return ()
    first = [row for row in entry.rows if row.subset == "all" and row.value is not None]
    rest = [row for row in entry.rows if row not in first]
    if not first:
        return (_numbers(group, entry, rest),)
    table = _numbers(group, entry, first)
    if not rest:
        return (table,)
    more = replace(
        _numbers(group, entry, rest),
        name=f"{group.name}.subsets",
        title=f"{group.title} · by subset",
        folded=True,
    )
    return (table, more)


def _numbers(group: Group, entry: Entry, rows: Sequence[Row]) -> Table:
    """A line each of ``rows``; marks that all of them have are said once."""
    rows = sorted(rows, key=lambda r: (_ORDER.get(r.metric, len(_ORDER)), r.metric, r.subset))
    common = [mark for mark in rows[0].marks if all(mark in row.marks for row in rows)]
    marks = [
        [m for m in (*row.marks, seen_mark(row.contamination)) if m and m not in common]
        for row in rows
    ]
    wide, marked = any(row.subset != "all" for row in rows), any(marks)

    def line(row: Row, own: list[str]) -> Line:
        return (
            text_cell(metric_title(row.metric, row.protocol)),
            *([text_cell(row.subset)] if wide else []),
            row_cell(row, with_interval=True),
            count_cell(row.n_scored, row.n_expected),
            text_cell(row.contamination),
            *([Cell(" · ".join(own), ("; ".join(own),))] if marked else []),
        )

    columns = (
        Column("Measure", ("metric",), "name"),
        *([Column("Among", ("subset",), "text")] if wide else []),
        Column("Value", with_interval_keys("value")),
        COUNT,
        CONTAMINATION,
        *([MARKS] if marked else []),
    )
    group = replace(group, entries=(replace(entry, rows=tuple(rows)),))
    table = assemble(group, columns, [*map(line, rows, marks)], ())
    return replace(table, marks=tuple(common))


def standing(group: Group, entry: Entry, called: Callable[[str], str]) -> Iterator[Table]:
    """Its rank intervals among the models of ``group``, and it against each of them.

    ``called`` gives the label of a model from what subsets call it.
    """
    for field in fields(group):
        if entry.value("rank_low", field.subset) is not None:
            yield _versus(group, field, entry, called)


def _versus(group: Group, field: Field, entry: Entry, called: Callable[[str], str]) -> Table:
    rows = [
        row
        for row in entry.rows
        if row.metric == "srcc_difference" and parse_subset(row.subset).get("of") == field.of
    ]
    lines = [
        (
            text_cell(called(parse_subset(row.subset)["versus"])),
            row_cell(row, with_interval=True),
            _p(entry.value("srcc_p_holm", row.subset)),
            row_cell(entry.get(RESOLVABLE, row.subset)),
        )
        for row in rows
    ]
    lines.sort(key=lambda line: (-float(line[1].raw[0] or 0), line[0].text))
    methods = dict.fromkeys(row.ci_method for row in rows if row.ci_method)
    reasons = dict.fromkeys(
        row.reason for row in entry.rows if row.reason and row.subset.startswith(field.subset)
    )
    return Table(
        f"{group.name}.{slug(field.of)}.versus",
        f"{group.key.dataset} · {field.compared}: {_place(field, entry)}",
        (
            Column("Versus", ("versus",), "name"),
            Column("SRCC difference", with_interval_keys("srcc_difference")),
            Column("p (Holm)", ("srcc_p_holm",)),
            Column("Resolvable", (RESOLVABLE,)),
        ),
        tuple(lines),
        notes=(
            "Above 0: this model has the higher SRCC, on the same pictures. Resolvable: the "
            "smallest difference that one test at 0.05 finds with 80 % power.",
            *([f"Intervals: {'; '.join(methods)}."] if methods else []),
            *(f"{reason[:1].upper()}{reason[1:]}." for reason in reasons),
        ),
    )


def _place(field: Field, entry: Entry) -> str:
    """What the tests leave of its place, in words."""
    if field.untested:
        return f"not tested: {field.untested}"
    top = "in the top group" if field.in_top_group(entry) else "not in the top group"
    return f"rank {interval_text(*field.ranks(entry))} of {len(field.entries)}, {top}"


def _p(value: float | None) -> Cell:
    return Cell("<0.001" if value is not None and value < 0.0005 else number(value), (value,))


def bars(entry: Entry) -> Bars | None:
    """SRCC by type of damage, or the response where that was measured; None without either.

    SRCC fills the width at 1, the response where it is the largest of this model.
    """
    rows = {name: row for row in entry.rows if row.value is not None and (name := _type(row))}
    if not rows:
        return None
    values = {name: row.value or 0.0 for name, row in rows.items()}
    ranked = any(row.metric == RANKED_BY for row in rows.values())
    full = 1.0 if ranked else max(LEAST, *values.values())
    found = tuple(
        Bar(name, row_cell(rows[name], with_interval=True), min(max(value / full, 0.0), 1.0))
        for name, value in sorted(values.items(), key=lambda item: (-item[1], item[0]))
    )
    if ranked:
        return Bars("By type of damage: SRCC among the pictures of one type alone", "SRCC", found)
    title = f"By type of damage: mean response, {PREFERRED_AREA} of the picture damaged"
    return Bars(title, "Response (SD)", found)


def _type(row: Row) -> str:
    """The type that ``row`` is about alone; "" for any other row."""
    part = parse_subset(row.subset)
    if row.metric == RANKED_BY and set(part) == {"type"}:
        return part["type"]
    at_area = row.metric == "response" and set(part) == {"type", "area"}
    return part["type"] if at_area and part["area"] == PREFERRED_AREA else ""
