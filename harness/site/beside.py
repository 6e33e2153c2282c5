"""Numbers in print beside those measured here, with what may explain a difference."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..answers.reasons import explain, signed
from ..collection.board import Board, Subject
from ..papers.in_print import Published
from ..records import Row
from ..reports.labels import called
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
from .headlines import Headline


@dataclass(frozen=True)
class Beside:
    """A measured number beside a published one. ``why``: facts that may explain a difference."""

    row: Row
    published: Published
    why: tuple[str, ...]

    @property
    def name(self) -> str:
        """The measure, and what it is among."""
        return Headline(self.row.metric, self.row.subset, self.row.protocol).title


def beside(board: Board, subject: Subject) -> Iterator[Beside]:
    """Every number of ``subject`` that is in print, once for each time."""
    for row in subject.rows:
        for published in board.published(row) if row.value is not None else ():
            record = [other for other in subject.rows if _record(other) == _record(row)]
            yield Beside(row, published, explain(row, published, subject.card, record))


def published_table(subject: Subject, found: Sequence[Beside]) -> Table:
    """A line a number in print: what was measured, and how, the difference, and where it stands."""
    columns = (
        Column("Dataset", ("dataset",), "name"),
        Column("Protocol", ("protocol",), "text"),
        Column("Measure", ("metric",), "text"),
        Column("Measured", with_interval_keys("value")),
        Column("Published", ("published",)),
        Column("Difference", ("difference",)),
        Column("N", ("n_scored", "n_expected")),
        Column("Contamination", ("contamination",), "text"),
        Column("Source", ("source",), "text"),
    )
    lines = tuple(map(_line, found))
    return Table("published", f"{subject.label}: published and measured", columns, lines)


def _line(each: Beside) -> Line:
    row, printed = each.row, each.published.value
    assert row.value is not None
    difference = row.value - printed
    return (
        text_cell(row.dataset),
        text_cell(called(row.protocol, json.loads(row.protocol_options))),
        text_cell(each.name),
        row_cell(row, with_interval=True),
        Cell(number(printed), (printed,)),
        Cell(signed(difference), (difference,)),
        count_cell(row.n_scored, row.n_expected),
        text_cell(row.contamination),
        text_cell(each.published.source),
    )


def _record(row: Row) -> tuple[str, ...]:
    return (row.dataset, row.protocol, row.protocol_options)
