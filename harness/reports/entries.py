"""A line of a table: the rows of one model as it was run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ..records import Row

UNRANKED_MARKS = ("circular", "control")
TO_GET_IT = "; to get it: "  # how an unavailable model's reason and command are joined


class Variant(NamedTuple):
    """A model as it was run: two variants of one name are two lines of a table."""

    model: str
    model_version: str
    weights: str
    options: str


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
        """Every mark of any row, once, in order."""
        return tuple(dict.fromkeys(mark for row in self.rows for mark in row.marks))

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


def entries_of(rows: Iterable[Row], study: Iterable[Row]) -> tuple[Entry, ...]:
    """``rows`` by variant, in order; labels are unique among the variants of ``study``."""
    variants = {variant_of(row) for row in study}
    by_variant: dict[Variant, list[Row]] = defaultdict(list)
    for row in rows:
        by_variant[variant_of(row)].append(row)
    return tuple(
        Entry(_label(variant, variants), tuple(own)) for variant, own in sorted(by_variant.items())
    )


def _label(variant: Variant, others: Iterable[Variant]) -> str:
    """The model's name, followed by whatever tells it from others of that name."""
    same = [other for other in others if other.model == variant.model]
    told = [
        f"{field.replace('model_', '')} {(value[:12] if field == 'weights' else value) or '–'}"
        for field, value, values in zip(
            variant._fields, variant, zip(*same, strict=True), strict=True
        )
        if len(set(values)) > 1
    ]
    return f"{variant.model} ({', '.join(told)})" if told else variant.model


def variant_of(row: Row) -> Variant:
    """The variant that ``row`` is about."""
    return Variant(*(getattr(row, name) for name in Variant._fields))
