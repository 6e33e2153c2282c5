"""Both sides of a gate for pictures: their folders, what belongs together, what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..settings import Settings
from .images_pairs import Folder, Partners, partners, read_folder
from .images_scores import Measured, measure


@dataclass(frozen=True)
class Sides:
    """Three folders, what belongs together in them, and what was measured on two."""

    baseline: Folder
    candidate: Folder
    reference: Folder | None
    pairs: Partners  # baseline → candidate
    references: tuple[Partners, Partners] | None  # of either side
    measured: tuple[Measured, Measured]

    def path(self, side: int, name: str) -> Path:
        return (self.baseline, self.candidate)[side].root / name

    def reference_of(self, name: str) -> Path | None:
        if self.reference is None or self.references is None:
            return None
        found = self.references[0].of.get(name)
        return None if found is None else self.reference.root / found


def read_sides(
    baseline: Path,
    candidate: Path,
    reference: Path | None,
    models: Sequence[Any],
    settings: Settings,
) -> Sides:
    old, new = read_folder(baseline), read_folder(candidate)
    pairs = partners(old, new, what="candidate")
    if reference is None:
        measured = [measure(folder, None, models, settings) for folder in (old, new)]
        return Sides(old, new, None, pairs, None, (measured[0], measured[1]))
    pristine = read_folder(reference)
    beside = [partners(f, pristine, what="reference", shared=True) for f in (old, new)]
    measured = [
        measure(folder, (pristine, own), models, settings)
        for folder, own in zip((old, new), beside, strict=True)
    ]
    own = beside[0], beside[1]
    return Sides(old, new, pristine, pairs, own, (measured[0], measured[1]))


def refused_of(sides: Sides) -> dict[str, str]:
    """A picture of the baseline → why no model can compare it."""
    found = dict(sides.pairs.lacking)
    old, new = (each.sizes for each in sides.measured)
    sizes = [  # an output without rows has no columns either
        {n: tuple(map(int, size)) for n, size in zip(s.ids, s.values.reshape(-1, 2), strict=True)}
        for s in (old, new)
    ]
    for name, partner in sides.pairs.of.items():
        if name in old.failures:
            found[name] = f"baseline: {old.failures[name]}"
        elif partner in new.failures:
            found[name] = f"candidate: {new.failures[partner]}"
        elif (a := sizes[0][name]) != (b := sizes[1][partner]):
            shown = [f"{width} × {height}" for height, width in (a, b)]
            found[name] = f"sizes differ: baseline {shown[0]}, candidate {shown[1]} pixels"
    return dict(sorted(found.items()))
