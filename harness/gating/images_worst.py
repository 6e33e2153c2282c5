"""The pictures that were damaged most, whatever the mean over all of them says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..reports.compare_words import number
from .images_effect import Differences
from .images_sides import Sides

WORST = 10


@dataclass(frozen=True)
class Change:
    """What one model says of one picture: scores in its own units, and the change in SDs."""

    model: str
    before: float
    after: float
    sds: float


@dataclass(frozen=True)
class Damaged:
    """A picture that some model calls worse; ``reference`` is None without one."""

    name: str
    baseline: Path
    candidate: Path
    reference: Path | None
    changes: tuple[Change, ...]

    @property
    def drop(self) -> float:
        """The largest drop that any model sees, in its SDs; below 0."""
        return min(change.sds for change in self.changes)


def worst_of(sides: Sides, found: Mapping[str, Differences]) -> tuple[Damaged, ...]:
    """The pictures with the largest drop that any model sees, at most WORST."""
    changes: dict[str, list[Change]] = {}
    for label, each in found.items():
        rows = zip(each.names, each.before, each.after, each.change, strict=True)
        for name, *values in rows:
            changes.setdefault(name, []).append(Change(label, *map(float, values)))
    damaged = [
        Damaged(
            name,
            sides.path(0, name),
            sides.path(1, sides.pairs.of[name]),
            sides.reference_of(name),
            tuple(sorted(own, key=lambda change: change.sds)),
        )
        for name, own in changes.items()
    ]
    worse = sorted((d for d in damaged if d.drop < 0), key=lambda d: (d.drop, d.name))
    return tuple(worse[:WORST])


def in_words(damaged: Damaged) -> str:
    change = damaged.changes[0]
    return (
        f"among the worst: {damaged.name}: {change.model} {number(change.before)} → "
        f"{number(change.after)}, {number(change.sds)} SD"
    )
