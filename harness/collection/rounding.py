"""Do two records say the same but for rounding, as those made on two kinds of processors do?

Sums are rounded otherwise on another kind of processor, and pictures that are rendered by recipe
differ by a level here and there. Neither record is wrong, so that they do not contradict each
other: one of them is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ..canonical import digest
from ..gating.reproduction import distance
from ..model import OTHER_PROCESSOR
from ..records import Record, Row
from ..sample_files import read_scores
from .difference import rows_by_name

# How far values may be apart: those that follow from scores that were rounded otherwise (thresholds
# do by interpolation), and those of equal scores, or where there are none. Relative above one.
_FOLLOWS, _ALONE = 1e-2, 1e-3
_NUMBERS = ("value", "ci_low", "ci_high")
_DECIMAL = re.compile(r"\d+\.\d+(?:e[+-]?\d+)?")


def but_for_rounding(one: Record, here: Path, other: Record, there: Path) -> str:
    """In what two records of one place, in two folders, differ if it is only rounding; else "".

    All that is no number is the same then, scores of single samples lie within OTHER_PROCESSOR of
    their standard deviations, and values as near as follows from that. Learning curves may differ.
    """
    before, after = rows_by_name(one), rows_by_name(other)
    if before.keys() != after.keys() or _rest(one) != _rest(other):
        return ""
    pairs = [(before[name], after[name]) for name in before]
    if any(_frame(old) != _frame(new) for old, new in pairs):
        return ""
    apart: dict[tuple[str, str], float] = {}
    for old, new in pairs:
        if old.scores and new.scores and (old.scores, new.scores) not in apart:
            scores = read_scores(here, old.scores), read_scores(there, new.scores)
            apart[old.scores, new.scores] = gap = _apart(*scores)
            if gap > OTHER_PROCESSOR:
                return ""
    largest, moved = max(apart.values(), default=0.0), 0.0
    for old, new in pairs:
        own = apart[old.scores, new.scores] if old.scores and new.scores else largest
        for was, now in _values(old, new):
            gap = abs(was - now) / max(1.0, abs(was), abs(now))
            if gap > (_FOLLOWS if own else _ALONE):
                return ""
            moved = max(moved, gap)
    told = f"{largest:.2g} SD of the scores" if largest else f"{moved:.2g} of the values"
    return f"equal but for rounding (largest difference {told}), as between two kinds of processors"


def _rest(record: Record) -> str:
    """All that is said beside rows and learning curves."""
    fits = [{name: value for name, value in fit.items() if name != "curve"} for fit in record.fits]
    return digest([record.failures, record.warnings, fits])


def _frame(row: Row) -> Row:
    """``row`` without what rounding changes: which numbers it has, but not how large they are."""
    open_: Mapping[str, float | None] = {
        name: None if getattr(row, name) is None else 0.0 for name in _NUMBERS
    }
    numbers = any(value is not None for value in open_.values())
    reason = _DECIMAL.sub("#", row.reason) if row.reason and numbers else row.reason
    named = {kind: getattr(row, kind) and "named" for kind in ("scores", "samples")}
    return replace(row, reason=reason, **open_, **named)  # type: ignore[arg-type]


def _values(old: Row, new: Row) -> Iterator[tuple[float, float]]:
    for name in _NUMBERS:
        was, now = getattr(old, name), getattr(new, name)
        if was is not None and now is not None:
            yield was, now


def _apart(one: dict[str, float], other: dict[str, float]) -> float:
    """How far two sets of scores are apart, in SDs of the one that varies less."""
    found = distance(one, other), distance(other, one)
    return max(float("inf") if isinstance(each, str) else each.largest for each in found)
