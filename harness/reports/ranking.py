"""The table of models by falling SRCC over all samples."""

from __future__ import annotations

from dataclasses import replace

from .entries import Entry
from .groups import RANKED_BY, Group
from .layout import Cell, Column, Line, Table, count_cell, row_cell, text_cell, with_interval_keys
from .parts import (
    CONTAMINATION,
    COUNT,
    MARKS,
    METRICS,
    MODE,
    MODEL,
    RANK,
    assemble,
    common_marks,
    marks_cell,
)
from .published import published_cells, published_columns, published_places
from .subsets import SPREAD


def ranked_table(group: Group) -> Table:
    """Rows are models by falling SRCC; circular models and controls stand below, unranked."""
    elsewhere = _elsewhere(group)
    group = group.only(lambda row: row.subset == elsewhere.get(row.metric, "all"))
    ranked, apart = group.ordered()
    known = [m for m in METRICS if m in group.metrics]
    extra = [m for m in group.metrics if m not in METRICS]
    companions = {m: [c for c in _companions(m) if c in extra] for m in known}
    metrics = known + [m for m in extra if not any(m in own for own in companions.values())]
    intervals = (RANKED_BY, *elsewhere)
    places = published_places(
        group.entries, [(m, elsewhere.get(m, "all"), METRICS.get(m, m)) for m in metrics]
    )
    common = common_marks(group)

    def column(metric: str) -> Column:
        subset = f" {elsewhere[metric]}" if metric in elsewhere else ""
        keys = with_interval_keys(metric) if metric in intervals else (metric,)
        return Column(METRICS.get(metric, metric) + subset, (*keys, *companions.get(metric, ())))

    def cell(entry: Entry, metric: str) -> Cell:
        row = entry.get(metric, elsewhere.get(metric, "all"))
        shown = row_cell(row, with_interval=metric in intervals)
        more = tuple(entry.value(m) for m in companions.get(metric, ()))
        return replace(shown, raw=(*shown.raw, *more))

    columns = (
        RANK,
        MODEL,
        *map(column, metrics),
        *published_columns(places),
        COUNT,
        MODE,
        CONTAMINATION,
        MARKS,
    )

    def line(entry: Entry, rank: int | None) -> Line:
        first = entry.get(RANKED_BY) or entry.rows[0]
        return (
            Cell("–" if rank is None else str(rank), (rank,)),
            text_cell(entry.label),
            *(cell(entry, m) for m in metrics),
            *published_cells(entry, places),
            count_cell(first.n_scored, first.n_expected),
            text_cell(first.mode),
            text_cell(entry.contamination),
            marks_cell(entry, common),
        )

    values = [entry.value(RANKED_BY) for entry in ranked]
    return assemble(
        group,
        columns,
        [line(e, 1 + values.index(v)) for e, v in zip(ranked, values, strict=True)],
        [line(e, None) for e in apart],
        metric=None if elsewhere else RANKED_BY,
        sorted_by=2,
    )


def _elsewhere(group: Group) -> dict[str, str]:
    """Metrics of one subset alone that is not "all", such as pairs within an image."""
    found = {m: group.subsets(m) for m in group.metrics}
    return {
        m: subsets[0] for m, subsets in found.items() if len(subsets) == 1 and subsets != ("all",)
    }


def _companions(metric: str) -> tuple[str, ...]:
    """Metrics that stand beside ``metric`` in CSV files only: a median suffices for most."""
    return (f"{metric}_mean", f"{metric}{SPREAD}")
