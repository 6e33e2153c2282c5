"""Tables of models that were compared with each other: rank intervals, and every pair."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .entries import Entry
from .groups import RANKED_BY, Group, parse_subset
from .layout import NONE, Cell, Column, Line, Table, count_cell, number, row_cell, text_cell
from .layout import with_interval_keys as keys
from .parts import COUNT, MARKS, METRICS, MODEL, assemble, common_marks, marks_cell, seen_notes
from .ranks import RESOLVABLE, Field, called, fields, interval_text, name, title

APART = (
    "Models were compared in several runs that say nothing of each other: run them as one suite, "
    "so that each is compared with all others."
)


def rank_tables(group: Group) -> tuple[Table, ...]:
    """For each protocol: model, SRCC, rank interval, top group; and, folded, every pair."""
    found = [table for field in fields(group) for table in (_standing(field), _pairs(field))]
    if not found:
        return (Table(group.name, group.title, (MODEL,), (), absent=group.absent, notes=(APART,)),)
    return (found[0], *(replace(table, absent=()) for table in found[1:]))


def _standing(field: Field) -> Table:
    group = field.group.only(lambda row: row.subset == field.subset and row.metric != RESOLVABLE)
    common = common_marks(group)
    columns = (
        Column("Rank interval", ("rank_low", "rank_high"), "name"),
        MODEL,
        Column(METRICS[RANKED_BY], keys(RANKED_BY)),
        Column("Top group", ("top_group",), "text"),
        COUNT,
        MARKS,
    )

    def line(entry: Entry) -> Line:
        row = entry.get(RANKED_BY, field.subset)
        assert row is not None
        ranks, top = standing_cells(field, entry)
        return (
            ranks,
            text_cell(entry.label),
            row_cell(row, with_interval=True),
            top,
            count_cell(row.n_scored, row.n_expected),
            marks_cell(entry, common),
        )

    lines = [line(entry) for entry in field.entries]
    table = assemble(group, columns, lines, (), metric=RANKED_BY, sorted_by=2)
    return replace(
        table, name=name(field), title=title(field), notes=(*reading(field), *table.notes)
    )


def standing_cells(field: Field, entry: Entry | None) -> tuple[Cell, Cell]:
    """Rank interval and top group of ``entry``: dashes where it was not tested."""
    if entry is None or field.untested:
        return Cell(NONE, (None, None)), Cell(NONE, (None,))
    ranks, top = field.ranks(entry), field.in_top_group(entry)
    return Cell(interval_text(*ranks), ranks), Cell("yes" if top else NONE, (int(top),))


def reading(field: Field) -> Iterator[str]:
    """What rank intervals and the top group are, and what the dataset can tell apart."""
    if field.untested:
        yield f"Rank interval and top group: not tested: {field.untested}."
        return
    yield (
        "Rank interval: from 1 + the number of significantly better models to the number of "
        "models less the significantly worse ones. Top group: not significantly worse than the "
        "model with the highest SRCC. Paired bootstrap over contents, Holm-corrected, 0.05."
    )
    if field.apart:
        yield f"Compared apart from these, and left out: {', '.join(field.apart)}."
    if field.resolution:
        yield f"{field.resolution}."


def _pairs(field: Field) -> Table:
    """Every pair once, the model with the higher SRCC first."""
    columns = (
        MODEL,
        Column("Versus", ("versus",), "text"),
        Column("SRCC difference", keys("srcc_difference")),
        Column("p (Holm)", ("srcc_p_holm",)),
        Column("Resolvable", (RESOLVABLE,)),
    )
    lines, names = [], called(field.entries)
    for entry in field.entries:
        for subset in (row.subset for row in entry.rows if row.metric == "srcc_difference"):
            versus = parse_subset(subset)["versus"]
            versus = names[versus].label if versus in names else versus
            difference = entry.value("srcc_difference", subset) or 0
            if difference > 0 or (difference == 0 and entry.label < versus):
                p = entry.value("srcc_p_holm", subset)
                lines.append(
                    (
                        text_cell(entry.label),
                        text_cell(versus),
                        row_cell(entry.get("srcc_difference", subset), with_interval=True),
                        Cell("<0.001" if p is not None and p < 0.0005 else number(p), (p,)),
                        row_cell(entry.get(RESOLVABLE, subset)),
                    )
                )
    return Table(
        f"{name(field)}.pairs",
        f"{title(field)} · by pair",
        columns,
        tuple(lines),
        marks=common_marks(field.group),
        notes=(
            "Resolvable: the smallest SRCC difference that one test at 0.05 finds with 80 % power.",
            *seen_notes((e.label, "", row) for e in field.entries for row in e.rows),
        ),
        folded=True,
    )
