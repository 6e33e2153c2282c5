"""Tables of models by subsets: one metric, its values on each subset side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from .entries import Entry
from .groups import RANKED_BY, Group
from .layout import Cell, Column, Line, Table, row_cell, spread, text_cell, with_interval_keys
from .parts import CONTAMINATION, MARKS, METRICS, MODEL, assemble, common_marks, marks_cell
from .published import published_cells, published_columns, published_places

SPREAD = "_split_sd"  # ends the name of a metric's standard deviation over splits or repeats


def subset_table(
    group: Group,
    metric: str,
    headings: Mapping[str, str],
    sorted_by: str,
    span: str,
    with_spread: bool = False,
) -> Table:
    """Rows are models by falling SRCC on the subset ``sorted_by``; columns ``headings``' subsets.

    Beside each value stands its interval, or its standard deviation if ``with_spread``.
    Columns share the heading ``span``. Only the table of SRCC is not folded.
    """
    names = (metric, f"{metric}{SPREAD}") if with_spread else (metric,)
    group = group.only(lambda row: row.metric in names and row.subset in headings)
    common = common_marks(group)
    places = published_places(
        group.entries, [(metric, subset, heading) for subset, heading in headings.items()]
    )

    def cell(entry: Entry, subset: str) -> Cell:
        row = entry.get(metric, subset)
        if not with_spread:
            return row_cell(row, with_interval=True)
        sd = entry.value(f"{metric}{SPREAD}", subset)
        shown = row_cell(row)
        return replace(shown, raw=(*shown.raw, sd), detail=spread(sd))

    def line(entry: Entry) -> Line:
        return (
            text_cell(entry.label),
            *(cell(entry, subset) for subset in headings),
            *published_cells(entry, places),
            text_cell(entry.contamination),
            marks_cell(entry, common),
        )

    def keys(heading: str) -> tuple[str, ...]:
        key = f"{metric}_{heading}"
        return (key, f"{key}{SPREAD}") if with_spread else with_interval_keys(key)

    title = METRICS.get(metric, metric)
    columns = (
        MODEL,
        *(Column(heading, keys(heading), span=span) for heading in headings.values()),
        *published_columns(places, f"{title} published"),
        CONTAMINATION,
        MARKS,
    )
    first, apart = group.ordered(sorted_by)
    table = assemble(
        group,
        columns,
        [line(entry) for entry in first],
        [line(entry) for entry in apart],
        sorted_by=1 + list(headings).index(sorted_by) if metric == RANKED_BY else None,
    )
    main = metric == RANKED_BY
    return replace(
        table,
        name=group.name if main else f"{group.name}.{metric}",
        title=f"{group.title} · {title}",
        absent=table.absent if main else (),
        notes=(*_counts(group, metric, headings), *table.notes),
        folded=not main,
    )


def _counts(group: Group, metric: str, headings: Mapping[str, str]) -> Iterator[str]:
    """How many samples were scored on each subset, models with the same numbers together."""
    models: dict[str, list[str]] = {}
    for entry in group.entries:
        counts: dict[str, list[str]] = {}
        for subset, heading in headings.items():
            if row := entry.get(metric, subset):
                counts.setdefault(f"{row.n_scored}/{row.n_expected}", []).append(heading)
        parts = (
            n if len(counts) == 1 else f"{n} ({', '.join(where)})" for n, where in counts.items()
        )
        models.setdefault(", ".join(parts), []).append(entry.label)
    for counted, labels in models.items():
        yield f"N: {counted}." if len(models) == 1 else f"N of {', '.join(labels)}: {counted}."
