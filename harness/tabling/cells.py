"""A row as a cell of a table, with the footnotes that it must not be read without."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import replace

from ..papers.in_print import differences, published_of
from ..records import Row
from ..reports.across import CIRCULAR as HELPED
from ..reports.across import TAUGHT
from ..reports.entries import CONTAMINATED, HEAD, PSEUDO, sets_apart, taught_by_pseudo
from ..reports.layout import NONE, Cell, Note, Raw, row_cell, with_interval_keys
from ..reports.published import amount, difference_cell
from ..reports.ranks import interval_text
from ..reports.thresholds import THRESHOLD, threshold_cell

_MET = {
    "content": "scenes (content) of what the number rests on",
    "images": "pictures (images) that the number rests on",
    "labels": "labels that the number rests on",
}
# The more a model has met, the more daggers.
SEEN = {
    level: Note(f"seen: {level} – in training, the model met {_MET[level]}.", "†" * (1 + i))
    for i, level in enumerate(CONTAMINATED)
}
CIRCULAR = Note(f"circular – {HELPED}; shown, never ranked.", "‡")
BY_METRICS = Note(f"{PSEUDO} – {TAUGHT}.", "§")
TOP = Note(
    "top group – not significantly worse than the model with the highest SRCC (paired bootstrap "
    "over contents, Holm-corrected, 0.05).",
    "★",
)


def value_keys(key: str) -> tuple[str, ...]:
    """The CSV columns of ``value_cell``."""
    return (*with_interval_keys(key), f"{key}_n_scored", f"{key}_n_expected", f"{key}_notes")


def value_cell(row: Row, *, interval: bool, shared: Container[str] = ()) -> Cell:
    """The value of ``row``, which has one or a bound in its reason.

    Footnotes leave out ``shared`` marks, said over the table, and what headings say; the last raw
    value, which a program reads without either, has all.
    """
    is_threshold = row.metric.startswith(THRESHOLD)
    cell = threshold_cell(row) if is_threshold else row_cell(row, with_interval=True)

    def is_said(mark: str) -> bool:
        return mark in shared or sets_apart(mark) or mark in (PSEUDO, HEAD)

    notes = tuple(_notes(row, is_said))
    told = _told(_notes(row, lambda mark: mark == HEAD))
    raw = (row.value, row.ci_low, row.ci_high, row.n_scored, row.n_expected, told)
    return replace(cell, raw=raw, detail=cell.detail if interval else "", notes=notes)


def empty_cell(reason: str, n_keys: int) -> Cell:
    """A dash, and why there is no number; the last of the ``n_keys`` raw values says it too."""
    raw: tuple[Raw, ...] = (*[None] * (n_keys - 1), reason)
    return Cell(NONE, raw, notes=(Note(f"{reason.rstrip('.')}."),))


def beside(row: Row, measured: Cell) -> Iterator[Cell]:
    """Published, measured and difference; of several published values, the likest."""
    found = published_of(row)
    if not found or row.value is None:
        yield empty_cell("no published value is known", 2)
        yield measured
        yield empty_cell("no published value is known", 2)
        return
    first = found[0]
    source = "; ".join(filter(None, (first.source, first.remark, first.url)))
    notes = tuple(Note(f"{text}.") for text in (f"Published: {source}", *differences(row, first)))
    yield Cell(amount(row.metric, first.value), (first.value, source), notes=notes)
    yield measured
    gap = difference_cell(row.metric, row.value, first.value)
    yield replace(gap, raw=(*gap.raw, ""))


def rank_cell(low: Row, high: Row | None, top: Row | None) -> Cell:
    """The rank interval, with a star in the top group; raw: both ends, and 1 or 0."""
    assert low.value is not None
    assert high is not None
    assert high.value is not None
    may_be_best = top is not None and top.value == 1
    ends = (int(low.value), int(high.value))
    remark = [Note(f"{low.reason}.")] if low.reason else []
    notes = (*([TOP] if may_be_best else []), *remark)
    return Cell(interval_text(*ends), (*ends, int(may_be_best)), notes=notes)


def rank_keys(key: str) -> tuple[str, ...]:
    """The CSV columns of ``rank_cell``."""
    return (f"{key}_rank_low", f"{key}_rank_high", f"{key}_top_group")


def apart_note(mark: str) -> Note:
    """Why a model with ``mark``, which sets it apart, is shown and not ranked."""
    is_circular = mark.partition(" ")[0] == "circular"
    return CIRCULAR if is_circular else Note(f"{mark} – shown, never ranked.")


def _notes(row: Row, is_said: Callable[[str], bool]) -> Iterator[Note]:
    """What is to be known of ``row``; of its marks, those that are not said elsewhere."""
    if row.contamination in SEEN:
        yield SEEN[row.contamination]
    if any(mark.partition(" ")[0] == "circular" for mark in row.marks):
        yield CIRCULAR
    if taught_by_pseudo(row):
        yield BY_METRICS
    if row.n_scored < row.n_expected:
        yield Note(f"{row.n_scored} of {row.n_expected} samples scored.")
    for mark in row.marks:
        # N says what is incomplete.
        if mark.startswith(("incomplete", "circular")) or is_said(mark):
            continue
        yield apart_note(mark) if sets_apart(mark) else Note(f"{mark}.")
    if row.reason:
        yield Note(f"{row.reason}.")


def _told(notes: Iterable[Note]) -> str:
    return "; ".join(note.text.rstrip(".") for note in notes)
