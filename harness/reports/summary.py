"""The table that papers print: model × dataset, SRCC and PLCC side by side."""

from __future__ import annotations

from collections.abc import Iterator

from ..records import Row
from .across import (
    Across,
    cautions,
    marks_of_all,
    star_notes,
    with_cautions,
)
from .best import better, with_best
from .entries import Entry, stays_in_line
from .groups import RANKED_BY, Group
from .layout import NONE, Cell, Column, Line, Table, number, row_cell, text_cell
from .parts import FEW, METRICS, MODEL, seen_notes, unknown_notes

_METRICS = (RANKED_BY, "plcc")
_CSV_ONLY = ("plcc_logistic",)  # beside PLCC, unrounded
_MEAN = Column("Mean SRCC", ("mean_srcc",))
_CONTROL = "control"


def summary_table(across: Across) -> Table:
    """Models by falling mean SRCC; those whose mean holds a circular number and then those that
    lack a dataset below; last, set apart, controls and models that are circular on all they have.
    """
    headings = by_heading(across)
    metrics = [m for m in _METRICS if any(m in group.metrics for group in across.groups)]
    columns = (
        MODEL,
        *(
            Column(
                METRICS[metric],
                _keys(name, metric),
                span=f"{name}: pseudo-labels" if group.key.label_kind == "pseudo" else name,
                spare=metric != RANKED_BY,
            )
            for name, group in headings.items()
            for metric in metrics
        ),
        _MEAN,
    )

    def line(entry: Entry) -> Line:
        cells = [
            cell
            for group in headings.values()
            for metric in metrics
            for cell in [_cell(across.entry(entry, group), metric)]
        ]
        return (text_cell(entry.label), *cells, _mean(across, entry))

    def key(entry: Entry) -> tuple[int, bool, float, str]:
        values = _values(across, entry)
        mean = sum(values) / max(1, len(values))
        return (-len(values), _is_circular(across, entry), -mean, entry.label)

    order = sorted((e for e in across.entries if _values(across, e)), key=key)
    lines = [line(e) for e in order if _is_ranked(across, e)]
    apart = [line(e) for e in order if not _is_ranked(across, e)]
    ends = [better(RANKED_BY) if column.kind == "number" else 0 for column in columns]
    return Table(
        across.name,
        f"{across.title} · {' and '.join(METRICS[m] for m in metrics)}",
        columns,
        with_best(lines, ends),
        tuple(apart),
        marks=marks_of_all(across),
        notes=tuple(_notes(across, headings, (*lines, *apart))),
        sorted_by=len(columns) - 1,
    )


def by_heading(across: Across) -> dict[str, Group]:
    """What each dataset's columns are called; more than its name where that is not enough."""
    names = [group.key.dataset for group in across.groups]
    found = {}
    for group in across.groups:
        key, name = group.key, group.key.dataset
        same = [g.key for g in across.groups if g.key.dataset == name]
        told = [
            value[:8] if "hash" in field else value
            for field, value, values in zip(key._fields, key, zip(*same, strict=True), strict=True)
            if len(set(values)) > 1
        ]
        found[f"{name} ({', '.join(told)})" if names.count(name) > 1 else name] = group
    return found


def _keys(name: str, metric: str) -> tuple[str, ...]:
    if metric == RANKED_BY:
        ends = ("", "_low", "_high")
        extra = (f"{name}_n_scored", f"{name}_n_expected", f"{name}_contamination")
        return (*(f"{name}_{metric}{end}" for end in ends), *extra)
    return tuple(f"{name}_{each}" for each in (metric, *_CSV_ONLY))


def _cell(entry: Entry | None, metric: str) -> Cell:
    row = entry.get(metric) if entry else None
    ranked = entry is None or not entry.set_apart
    if metric != RANKED_BY:
        more = [entry.value(each) if entry else None for each in _CSV_ONLY]
        return Cell(row_cell(row).text, (row.value if row else None, *more), ranked=ranked)
    if row is None:
        return Cell(NONE, (None,) * 6)
    raw = (row.value, row.ci_low, row.ci_high, row.n_scored, row.n_expected, row.contamination)
    return with_cautions(Cell(number(row.value), raw, ranked=ranked), _words(row))


def _words(row: Row) -> tuple[str, ...]:
    """What stands beside an SRCC: cautions, and what sets its line apart."""
    is_control = row.value is not None and _CONTROL in row.marks
    return (*cautions(row), *([_CONTROL] if is_control else []))


def _measured(across: Across, entry: Entry) -> list[Entry]:
    """The entry's lines in the groups that have its SRCC."""
    own = (across.entry(entry, group) for group in across.groups)
    return [e for e in own if e and e.value(RANKED_BY) is not None]


def _values(across: Across, entry: Entry) -> list[float]:
    own = (e.value(RANKED_BY) for e in _measured(across, entry))
    return [value for value in own if value is not None]


def _is_circular(across: Across, entry: Entry) -> bool:
    """Whether a mean of the entry would hold a number that is not ranked."""
    return any(own.set_apart for own in _measured(across, entry))


def _is_ranked(across: Across, entry: Entry) -> bool:
    """Whether any of its numbers may be ranked among those of its dataset."""
    return not all(own.set_apart for own in _measured(across, entry))


def _mean(across: Across, entry: Entry) -> Cell:
    """The mean SRCC of an entry that lacks none: a mean over fewer datasets is another one.

    What is true of one of its numbers because of the labels is true of it.
    """
    values = _values(across, entry)
    if len(values) < len(across.groups):
        return Cell(NONE, (None,))
    mean = sum(values) / len(values)
    rows = [row for own in _measured(across, entry) if (row := own.get(RANKED_BY))]
    words = dict.fromkeys(word for row in rows for word in _words(row) if stays_in_line(word))
    shown = Cell(number(mean), (mean,), ranked=not _is_circular(across, entry))
    return with_cautions(shown, tuple(words))


def _notes(across: Across, headings: dict[str, Group], lines: tuple[Line, ...]) -> Iterator[str]:
    rows = {
        (entry.label, name): row
        for entry in across.entries
        for name, group in headings.items()
        if (own := across.entry(entry, group)) and (row := own.get(RANKED_BY))
    }
    for note in seen_notes((label, name, row) for (label, name), row in rows.items()):
        yield f"*{note}"
    yield from unknown_notes((label, row) for (label, _), row in rows.items())
    for name, group in headings.items():
        if group.key.label_kind != "mos" and group.labels:
            yield f"{name}: {group.labels}."
    yield from star_notes(rows.values())
    if any(_CONTROL in row.marks for row in rows.values() if row.value is not None):
        yield f"*{_CONTROL}: a yardstick that knows nothing about quality."
    if any(cell.text == NONE for line in lines for cell in line[:-1]):
        yield f"{NONE}: not measured; the reason stands with the dataset's own table."
    splits = {name: group.key.split for name, group in headings.items()}
    if len(set(splits.values())) > 1:
        yield f"Splits: {'; '.join(f'{name}: {split}' for name, split in splits.items())}."
    few = {
        name: mark for (_, name), row in rows.items() for mark in row.marks if mark.startswith(FEW)
    }
    if few:
        yield (
            f"{'; '.join(f'{name}: {mark}' for name, mark in few.items())}: intervals are wide, "
            "and the order of the lines is no finding."
        )
    if any(set(_CSV_ONLY) & set(group.metrics) for group in across.groups):
        yield "PLCC is raw; after a logistic, it is in the CSV file and in the datasets' tables."
    yield (
        "Intervals stand in the datasets' tables. The mean, by which lines are ordered, is of "
        "models that have a number on every dataset; others stand below them."
    )
    if any(_is_ranked(across, e) and _is_circular(across, e) for e in across.entries):
        yield (
            "A model that is circular on some datasets is ranked on the others; a mean that holds "
            "a circular number is not ranked."
        )
