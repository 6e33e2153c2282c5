"""Published values beside measured ones: their columns, and where they stand in print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..papers.schema import CORRELATIONS
from ..records import Row
from .entries import Entry
from .layout import Cell, Column, Line, number

_UNITS = ((1e9, " G", 2), (1e6, " M", 1))
Place = tuple[str, str, str]  # metric, subset, and the heading of its column


def published_places(entries: Sequence[Entry], places: Iterable[Place]) -> tuple[Place, ...]:
    """Those of ``places`` at which some entry has a published value."""
    return tuple(
        (metric, subset, title)
        for metric, subset, title in places
        if any((row := e.get(metric, subset)) and row.published is not None for e in entries)
    )


def published_columns(places: Iterable[Place], span: str = "") -> list[Column]:
    """A column for each place."""
    title = "{}" if span else "{} published"
    return [
        Column(
            title.format(heading),
            (f"{metric}_published" if subset == "all" else f"{metric}_{heading}_published",),
            span=span,
        )
        for metric, subset, heading in places
    ]


def published_cells(entry: Entry, places: Iterable[Place]) -> Line:
    """The published values of one line."""
    rows = (entry.get(metric, subset) for metric, subset, _ in places)
    values = (row.published if row else None for row in rows)
    return tuple(Cell(number(value), (value,)) for value in values)


def published_notes(labeled: Iterable[tuple[str, Row]]) -> Iterator[str]:
    """Where the published values stand, of rows with their model's label."""
    sources: dict[str, dict[str, None]] = {}
    for label, row in labeled:
        if row.published is not None and row.value is not None:
            sources.setdefault(row.published_source or "no source given", {})[label] = None
    for source, labels in sources.items():
        yield f"Published ({', '.join(labels)}): {source}."


def amount(metric: str, value: float | None) -> str:
    """Three decimals for a correlation, else a few digits that say something."""
    if value is None or metric in CORRELATIONS:
        return number(value)
    for unit, letter, decimals in _UNITS:
        if abs(value) >= unit:
            return f"{value / unit:.{decimals}f}{letter}"
    return f"{value:.4g}"


def difference_cell(metric: str, measured: float, published: float) -> Cell:
    """Measured − published, with its sign."""
    text = amount(metric, measured - published).replace("-", "−")
    return Cell(text if text.startswith("−") else f"+{text}", (measured - published,))
