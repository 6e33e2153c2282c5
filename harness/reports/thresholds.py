"""Threshold areas in rows: a number, or where only a bound is known, that bound in words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ..records import Row
from .groups import Group, parse_subset
from .layout import NONE, Cell

THRESHOLD = "threshold"
NEVER = "never"
MIDDLE = "3"  # of severities 1 to 5
_BOUND = re.compile(r"never|[<>] \d+(?:/\d+)?")
_INTERVAL = re.compile(r"95 % interval from (.+) to (.+)")


@dataclass(frozen=True)
class Threshold:
    """``text`` is e.g. "0.59", "< 1/64", "never", or a dash without a threshold."""

    text: str
    interval: str  # "[.39, never]", or ""
    log2: float  # of the area; -inf below all areas tested, inf beyond, NaN without a threshold

    @property
    def is_known(self) -> bool:
        """Whether there is a threshold, be it a bound."""
        return not math.isnan(self.log2)


def threshold_of(row: Row | None) -> Threshold:
    """What ``row`` says of a threshold; a bound stands in its reason."""
    if row is None:
        return Threshold(NONE, "", math.nan)
    parts = (row.reason or "").split("; ")
    ends = next((m.groups() for part in parts if (m := _INTERVAL.fullmatch(part))), None)
    interval = f"[{_end(ends[0])}, {_end(ends[1])}]" if ends else ""
    if row.value is not None:
        return Threshold(f"{row.value:#.2g}", interval, math.log2(row.value))
    bound = next((part for part in parts if _BOUND.fullmatch(part)), None)
    if bound is None:
        return Threshold(NONE, "", math.nan)
    return Threshold(bound, interval, -math.inf if bound.startswith("<") else math.inf)


def threshold_cell(row: Row | None) -> Cell:
    """The threshold with its interval; raw: value, ends, and the words for bounds."""
    found = threshold_of(row)
    ends = (None, None, None) if row is None else (row.value, row.ci_low, row.ci_high)
    said = f"{found.text} {found.interval}".strip() if found.is_known else ""
    return Cell(found.text, (*ends, said), found.interval)


def threshold_keys(key: str) -> tuple[str, str, str, str]:
    """The CSV columns of ``threshold_cell``."""
    return (key, f"{key}_low", f"{key}_high", f"{key}_text")


def severities(group: Group) -> tuple[str, ...]:
    """Severities with a threshold or a bound in any type, rising, as written."""
    return _values(group, "severity")


def threshold_types(group: Group) -> tuple[str, ...]:
    """Types with a threshold or a bound at any severity, by name."""
    return _values(group, "type")


def middle(found: tuple[str, ...]) -> str:
    """Severity 3, or the one in the middle where it was not tested."""
    return MIDDLE if MIDDLE in found else found[len(found) // 2]


def _values(group: Group, name: str) -> tuple[str, ...]:
    rows = (row for entry in group.entries for row in entry.rows if row.metric == THRESHOLD)
    found = {
        parse_subset(row.subset).get(name, "") for row in rows if threshold_of(row).is_known
    } - {""}
    return tuple(sorted(found, key=(lambda s: float(s)) if name == "severity" else str))


def _end(text: str) -> str:
    return text.removeprefix("0") if text.startswith("0.") else text
