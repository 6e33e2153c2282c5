"""A published table as that paper lays it out, with what records say of its cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..papers.in_print import differences
from ..papers.schema import NO_DATASET, Cell, Paper
from ..reports.best import Better, better, with_best
from ..reports.comparison_notes import notes
from ..reports.layout import Cell as Shown
from ..reports.layout import Column, Line, Note, Table, text_cell
from ..reports.parts import METRICS, unknown_notes
from ..reports.published import amount, difference_cell
from .cells import empty_cell, value_cell, value_keys
from .measured import Measured, key_of

_N_KEYS = len(value_keys(""))
_PUBLISHED, _MEASURED, _DIFFERENCE = "published", "measured", "difference"
_NOT_PRINTED = "the paper has no such number"

Place = tuple[str, str]  # dataset and metric of a column


def paper_table(found: Measured) -> Table:
    """Columns are the datasets and metrics of the paper, lines its methods as published and,
    where there is any such number, measured, with the difference.

    What was not measured is a dash, or no line at all; the notes say why, and how to get it.
    """
    paper = found.paper
    settings = tuple(dict.fromkeys(cell.subset for cell in paper.cells))
    named = settings != ("all",)  # else no line need say its setting
    places = tuple(dict.fromkeys((c.dataset, m) for c in paper.cells for m in c.metrics))
    head = [
        Column("Method", ("method",), "name"),
        *([Column("Setting", ("subset",), "name")] if named else []),
        Column("Value", ("kind",), "name"),
    ]
    lines: list[Line] = []
    rivals: list[tuple[str, str] | None] = []
    for setting in settings:
        for method in paper.methods:
            cells = {c.dataset: c for c in paper.cells if (c.method, c.subset) == (method, setting)}
            for kind, numbers in _lines(found, cells, places):
                names = (method, *([setting] if named else []), kind)
                lines.append((*map(text_cell, names), *numbers))
                rivals.append(None if kind == _DIFFERENCE else (setting, kind))
    ends: list[Better] = [0 for _ in head]
    return Table(
        paper.name,
        f"{paper.title} ({paper.venue} {paper.year})",
        (*head, *(_column(*place, paper) for place in places)),
        with_best(lines, [*ends, *(better(metric) for _, metric in places)], rivals),
        notes=(
            *notes(found.reproduction),
            *unknown_notes((method, row) for (method, *_), row in found.rows.items()),
        ),
    )


def _column(dataset: str, metric: str, paper: Paper) -> Column:
    return Column(
        METRICS.get(metric, metric.replace("_", " ")),
        value_keys(f"{dataset}_{metric}"),
        span="" if dataset == NO_DATASET else dataset,
        spare=metric != paper.cells[0].metrics[0],
    )


def _lines(
    found: Measured, cells: dict[str, Cell], places: Sequence[Place]
) -> Iterator[tuple[str, list[Shown]]]:
    """What one method has in one setting, by kind; nothing where the paper says nothing."""
    if not cells:
        return
    yield _PUBLISHED, [_published(cells.get(dataset), metric) for dataset, metric in places]
    if any(key_of(cell, m) in found.rows for cell in cells.values() for m in cell.metrics):
        both = [_measured(found, cells.get(dataset), metric) for dataset, metric in places]
        yield _MEASURED, [one for one, _ in both]
        yield _DIFFERENCE, [other for _, other in both]


def _published(cell: Cell | None, metric: str) -> Shown:
    value = cell.published.get(metric) if cell else None
    if cell is None or value is None:
        return empty_cell(_NOT_PRINTED, _N_KEYS)
    source = "; ".join(filter(None, (cell.source, cell.remark, cell.url)))
    return Shown(amount(metric, value), (value, *[None] * (_N_KEYS - 2), source))


def _measured(found: Measured, cell: Cell | None, metric: str) -> tuple[Shown, Shown]:
    """The number measured, and the difference; or why there is none."""
    if cell is None or metric not in cell.published:
        empty = empty_cell(_NOT_PRINTED, _N_KEYS)
        return empty, empty
    key = key_of(cell, metric)
    row = found.rows.get(key)
    if row is None or row.value is None:
        lacking = (r.missing for r in found.reproduction.results if r.cell is cell)
        empty = empty_cell("; ".join(m.reason for m in next(lacking)), _N_KEYS)
        return empty, empty
    shown = value_cell(row, interval=True)
    remarks = tuple(Note(text) for text in _sentences(differences(row, found.published[key])))
    gap = difference_cell(metric, row.value, cell.published[metric])
    return (
        replace(shown, notes=(*shown.notes, *remarks)),
        replace(gap, raw=(*gap.raw, *[None] * (_N_KEYS - 1))),
    )


def _sentences(texts: Sequence[str]) -> Iterator[str]:
    return (f"{text.rstrip('.')}." for text in texts)
