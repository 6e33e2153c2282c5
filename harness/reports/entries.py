"""A line of a table: the rows of one model as it was run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from ..records import Row
from .labels import Variant, labels

UNRANKED_MARKS = ("circular", "control")
CONTAMINATED = ("content", "images", "labels")  # what may have been met, the least first
PSEUDO = "pseudo-labels"  # the mark of numbers that rest on labels which were computed
HEAD = f"head: {PSEUDO}"  # what it is called where the labels of the dataset are no such labels
TO_GET_IT = "; to get it: "  # how an unavailable model's reason and command are joined


@dataclass(frozen=True, eq=False)  # a key of dictionaries: told apart by identity
class Entry:
    """One line of a table: the rows of one variant. ``label`` is unique within its study."""

    label: str
    rows: tuple[Row, ...]

    @cached_property
    def _index(self) -> dict[tuple[str, str], Row]:
        return {(row.metric, row.subset): row for row in self.rows}

    def get(self, metric: str, subset: str = "all") -> Row | None:
        """The row of ``metric`` on ``subset``, or None."""
        return self._index.get((metric, subset))

    def value(self, metric: str, subset: str = "all") -> float | None:
        """The value of that row, or None."""
        row = self.get(metric, subset)
        return None if row is None else row.value

    @property
    def marks(self) -> tuple[str, ...]:
        """Every mark of any row, once, in order; then what was seen in training."""
        found = (mark for row in self.rows for mark in row.marks)
        return tuple(dict.fromkeys((*found, *([self.seen] if self.seen else []))))

    @property
    def seen(self) -> str:
        """The mark of a model that has met what it is measured on, of the most it met, or ""."""
        met = {row.contamination for row in self.rows if row.value is not None}
        return next((seen_mark(level) for level in reversed(CONTAMINATED) if level in met), "")

    @property
    def contamination(self) -> str:
        """What was met in training; more than one where rows rest on different datasets."""
        return ", ".join(dict.fromkeys(row.contamination for row in self.rows))

    @property
    def taught_by_pseudo(self) -> bool:
        """Whether any number rests on pseudo-labels that are not those of its dataset."""
        return any(taught_by_pseudo(row) for row in self.rows if row.value is not None)

    @property
    def set_apart(self) -> bool:
        """A circular model or a control: shown, never ranked."""
        return any(map(sets_apart, self.marks))

    @property
    def reason(self) -> str:
        """Why there is no value, without the command; "" where nobody said."""
        reasons = (row.reason.partition(TO_GET_IT)[0] for row in self.rows if row.reason)
        return "; ".join(dict.fromkeys(part for reason in reasons for part in reason.split("; ")))

    @property
    def command(self) -> str:
        """What to type to get what is missing, or ""."""
        commands = (row.reason.partition(TO_GET_IT)[2] for row in self.rows if row.reason)
        return next(filter(None, commands), "")


def sets_apart(mark: str) -> bool:
    """Whether a model with this mark is left out of the ranking."""
    return mark.partition(" ")[0] in UNRANKED_MARKS


def taught_by_pseudo(row: Row) -> bool:
    """Whether ``row`` rests on pseudo-labels elsewhere, as a head's fit: its heading says nothing.

    Where the labels of its own dataset are such, titles and headings say so.
    """
    return HEAD in row.marks or (PSEUDO in row.marks and row.label_kind != "pseudo")


def marks_of(row: Row) -> tuple[str, ...]:
    """The marks of ``row`` as tables have them: the model's own labels are not the dataset's."""
    if not taught_by_pseudo(row):
        return row.marks
    return tuple(HEAD if mark == PSEUDO else mark for mark in row.marks)


def seen_mark(contamination: str) -> str:
    """The mark of a number that the model knew something of, such as "seen: labels", or ""."""
    return f"seen: {contamination}" if contamination in CONTAMINATED else ""


def stays_in_line(mark: str) -> bool:
    """Whether a mark is said of each line, even if all lines have it."""
    return sets_apart(mark) or mark == HEAD or mark in map(seen_mark, CONTAMINATED)


def entries_of(rows: Iterable[Row], study: Iterable[Row]) -> tuple[Entry, ...]:
    """``rows`` by variant, in order; labels are unique among the variants of ``study``."""
    named = labels({variant_of(row) for row in study})
    by_variant: dict[Variant, list[Row]] = defaultdict(list)
    for row in rows:
        by_variant[variant_of(row)].append(row)
    return tuple(Entry(named[variant], tuple(own)) for variant, own in sorted(by_variant.items()))


def variant_of(row: Row) -> Variant:
    """The variant that ``row`` is about."""
    return Variant(*(getattr(row, name) for name in Variant._fields))
