"""What a table is before anyone prints it, and how numbers look in all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from ..records import Row
from .entries import Entry

NONE = "–"
NO_REASON = "no reason given"
Raw = float | int | str | None


class Note(NamedTuple):
    """A footnote; without a ``sign`` of its own it goes by a letter."""

    text: str
    sign: str = ""


@dataclass(frozen=True)
class Cell:
    """What people read, and the unrounded values behind it: one for each key of its column."""

    text: str
    raw: tuple[Raw, ...]
    detail: str = ""  # an interval, set smaller where that is possible
    notes: tuple[Note, ...] = ()
    place: Literal[0, 1, 2] = 0  # 1: the best of its column, 2: the second best
    ranked: bool = True  # False: a circular number, or a mean that holds one


@dataclass(frozen=True)
class Column:
    """``keys`` name the raw values in CSV; ``span`` is a heading shared with its neighbors.

    A ``spare`` one is the first to be left out where there is no space.
    """

    title: str
    keys: tuple[str, ...]
    kind: Literal["name", "number", "text", "marks"] = "number"
    span: str = ""
    spare: bool = False


Line = tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """``lines`` are in order; ``apart`` are shown below them; ``absent`` have no numbers.

    ``marks`` hold for every line. ``sorted_by`` is the column whose values fall. A ``folded``
    table is long: pages fold it away and terminals leave it out.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    apart: tuple[Line, ...] = ()
    absent: tuple[Entry, ...] = ()
    marks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sorted_by: int | None = None
    folded: bool = False

    @property
    def missing(self) -> tuple[Missing, ...]:
        """``absent``, those with one reason and command together."""
        models: dict[tuple[str, str], list[str]] = {}
        for entry in self.absent:
            models.setdefault((entry.reason or NO_REASON, entry.command), []).append(entry.label)
        return tuple(Missing(tuple(names), *why) for why, names in models.items())


@dataclass(frozen=True)
class Missing:
    """Models without numbers, why, and what to type to change that, or ""."""

    models: tuple[str, ...]
    reason: str
    command: str


def number(value: float | None) -> str:
    """Three decimals with a true minus sign; a dash for none."""
    return NONE if value is None else f"{value:.3f}".replace("-0.000", "0.000").replace("-", "−")


def interval(low: float | None, high: float | None) -> str:
    """``[.812, .934]``, or "" where there is none; an end below 0 has its minus: ``[−.000, .121]``.

    So one sees whether 0 is inside, also where an end rounds to it.
    """
    if low is None or high is None:
        return ""
    return f"[{_short(low)}, {_short(high)}]"


def spread(sd: float | None) -> str:
    """``±.012``, or "" where there is none."""
    return "" if sd is None else f"±{_short(sd)}"


def row_cell(row: Row | None, *, with_interval: bool = False) -> Cell:
    """The value of a row; with its interval (three raw values) if asked for."""
    if row is None:
        return Cell(NONE, (None,) * (3 if with_interval else 1))
    # A ridge penalty spans ten decades: three decimals would show most of them as 0.
    penalty = row.metric == "alpha" and row.value is not None
    text = f"{row.value:.3g}" if penalty else number(row.value)
    if not with_interval:
        return Cell(text, (row.value,))
    return Cell(text, (row.value, row.ci_low, row.ci_high), interval(row.ci_low, row.ci_high))


def text_cell(text: str) -> Cell:
    """Words."""
    return Cell(text or NONE, (text,))


def count_cell(scored: int, expected: int) -> Cell:
    """How many samples were scored, of how many."""
    return Cell(f"{scored}/{expected}", (scored, expected))


def with_interval_keys(key: str) -> tuple[str, str, str]:
    """The CSV columns of a value with its interval."""
    return (key, f"{key}_low", f"{key}_high")


def _short(value: float) -> str:
    digits = number(abs(value))
    return ("−" if value < 0 else "") + (digits[1:] if digits.startswith("0.") else digits)
