"""What else differs between two sets of records, and may be why their numbers do."""

from __future__ import annotations

from collections.abc import Iterable

from ..about import about_paths, read_about
from .pairs import Pair, Records


def changed_packages(baseline: Records, candidate: Records) -> list[str]:
    """A line for each library whose version is another one, where both runs say what they had."""
    before, after = baseline.packages, candidate.packages
    return [
        f"{name} {before[name]} → {after[name]}"
        for name in sorted(before.keys() & after.keys())
        if before[name] != after[name]
    ]


def changed_code(found: Iterable[Pair], baseline: Records, candidate: Records) -> list[str]:
    """Models of one version on both sides whose cards, where they tell, name different code."""
    alike = (p for p in found if p.new is not None and p.new.model_version == p.old.model_version)
    cards = {(p.old.model, about_paths(p.old)[0], about_paths(p.new)[0]) for p in alike if p.new}
    changed = set()
    for model, *paths in cards:
        files = [
            side.folder / path for side, path in zip((baseline, candidate), paths, strict=True)
        ]
        if all(file.is_file() for file in files):
            sources = {read_about(file).get("source") for file in files}
            if len(sources - {None}) > 1:
                changed.add(model)
    return sorted(changed)
