"""Tables of models that were compared with each other: rank intervals, and every pair."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..canonical import slug
from ..protocols.base import word
from .entries import Entry
from .groups import RANKED_BY, Group, parse_subset
from .layout import NONE, Cell, Column, Line, Table, count_cell, number, row_cell, text_cell
from .layout import with_interval_keys as keys
from .parts import COUNT, MARKS, METRICS, MODEL, assemble, common_marks, marks_cell, seen_notes

RESOLVABLE = "resolvable_srcc_difference"


@dataclass(frozen=True)
class Field:
    """Models compared under one protocol, by falling SRCC; ``group`` has its rows alone."""

    group: Group
    of: str
    entries: tuple[Entry, ...]

    @property
    def subset(self) -> str:
        """Where a model's own rows are."""
        return f"of={self.of}"

    @property
    def resolution(self) -> str:
        """Which SRCC differences the dataset can tell apart, in words; "" where that is unknown."""
        value = self.entries[0].value(RESOLVABLE, self.subset)
        if value is None:
            return ""
        return (
            f"Resolvable SRCC difference, median over pairs: {number(value)} (80 % power in one "
            "test at 0.05); a smaller one is often missed"
        )

    def ranks(self, entry: Entry) -> tuple[int, int]:
        """The ranks that are left open to ``entry``, both included."""
        low, high = (entry.value(name, self.subset) for name in ("rank_low", "rank_high"))
        assert low is not None
        assert high is not None
        return int(low), int(high)

    def in_top_group(self, entry: Entry) -> bool:
        """Whether ``entry`` may be the best."""
        return entry.value("top_group", self.subset) == 1


def fields(group: Group) -> tuple[Field, ...]:
    """One for each protocol whose models were compared, none where there was no comparison."""
    protocols = dict.fromkeys(parse_subset(s).get("of") for s in group.subsets("rank_low"))
    found = []
    for of in filter(None, protocols):
        own = group.only(lambda row, of=of: parse_subset(row.subset).get("of") == of)  # type: ignore[misc]
        ranked = [e for e in own.entries if e.value("rank_low", f"of={of}") is not None]
        found.append(Field(own, of, tuple(sorted(ranked, key=lambda e: _place(e, of)))))
    return tuple(found)


def rank_tables(group: Group) -> tuple[Table, ...]:
    """For each protocol: model, SRCC, rank interval, top group; and, folded, every pair."""
    found = [table for field in fields(group) for table in (_standing(field), _pairs(field))]
    return (found[0], *(replace(table, absent=()) for table in found[1:]))


def name(field: Field) -> str:
    """Of its table and figure; safe in a path."""
    return f"{field.group.name}.{slug(field.of)}"


def title(field: Field) -> str:
    """Dataset, labels, and what was compared."""
    return f"{field.group.title} of {field.of}"


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
        row, top = entry.get(RANKED_BY, field.subset), field.in_top_group(entry)
        assert row is not None
        return (
            Cell(interval_text(*field.ranks(entry)), field.ranks(entry)),
            text_cell(entry.label),
            row_cell(row, with_interval=True),
            Cell("yes" if top else NONE, (int(top),)),
            count_cell(row.n_scored, row.n_expected),
            marks_cell(entry, common),
        )

    lines = [line(entry) for entry in field.entries]
    table = assemble(group, columns, lines, (), metric=RANKED_BY, sorted_by=2)
    return replace(
        table, name=name(field), title=title(field), notes=(*_reading(field), *table.notes)
    )


def _reading(field: Field) -> Iterator[str]:
    yield (
        "Rank interval: from 1 + the number of significantly better models to the number of "
        "models less the significantly worse ones. Top group: not significantly worse than the "
        "model with the highest SRCC. Paired bootstrap over contents, Holm-corrected, 0.05."
    )
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
    lines, names = [], _versus(field)
    for entry in field.entries:
        for subset in (row.subset for row in entry.rows if row.metric == "srcc_difference"):
            versus = parse_subset(subset)["versus"]
            versus = names.get(versus, versus)
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


def _versus(field: Field) -> dict[str, str]:
    """What subsets call a model → its label; that is its slug where others share its name."""
    found: dict[str, str] = {}
    for entry in field.entries:
        row = entry.rows[0]
        found.setdefault(word(row.model), entry.label)
        found[word(slug(row.model, json.loads(row.options)))] = entry.label
    return found


def interval_text(low: int, high: int) -> str:
    """``2–4``, or one rank alone."""
    return str(low) if low == high else f"{low}–{high}"


def _place(entry: Entry, of: str) -> tuple[float, str]:
    value = entry.value(RANKED_BY, f"of={of}")
    assert value is not None
    return -value, entry.label
