"""Pairs of versions of which each has damage that the other lacks: what relational maps tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice

from harness.canonical import digest
from harness.sample import Damage, Dataset, Pair, Sample

from ..contents import Content
from ..degradations import BANK, HELD_OUT, TYPES
from ..design import DESIGN
from ..render import REQUIRES, Recipe
from ..sets import photographs
from ..versions import AREA, apart

# Two damages of each pair, with their severities in the test and in the reference; 0: without it.
_PLANS = (
    ((5, 0), (0, 5)),  # one of each image
    ((4, 0), (4, 0)),  # both of the test
    ((5, 2), (0, 4)),  # the first of both, more of it in the test
)
# What networks may be trained on, of one direction: the same pairs for every model.
_TYPES = tuple(name for name in TYPES if name not in HELD_OUT and not BANK[name].signed)


def opposed(root: str | None = None, n: int = 4, seed: int = 0) -> Dataset:
    """A pair of versions of each of ``n`` photographs, or of all if there are fewer.

    The photographs are the embedded ones or of the folder ``root``, drawn and reduced as those of
    ``probes-default``. Two types of damage lie in masks that do not touch; types of one family
    come as late as possible. Raises FileNotFoundError and ValueError as ``photographs``.
    """
    found = photographs(root, replace(DESIGN, max_contents=n), seed)
    contents = sorted(found.values(), key=lambda content: digest([seed, content.id]))[:n]
    types = islice(cycle(_spread(seed)), 2 * len(contents))
    couples = [
        tuple(_couple(content, turn, (next(types), next(types)), seed))
        for turn, content in enumerate(contents)
    ]
    return Dataset(
        "opposed",
        tuple(sample for couple in couples for sample in couple),
        explicit_pairs=tuple(
            Pair(f"{test.id}|{reference.id}", test.id, reference.id, test.content)
            for test, reference in couples
        ),
        requires=REQUIRES,
    )


def _spread(seed: int) -> list[str]:
    """The types, drawn, with one of each family before the second of any."""
    drawn = sorted(_TYPES, key=lambda name: digest([seed, name]))
    taken: Counter[str] = Counter()
    turns: dict[str, int] = {}
    for name in drawn:
        turns[name] = taken[BANK[name].family]
        taken[BANK[name].family] += 1
    return sorted(drawn, key=lambda name: turns[name])


def _couple(content: Content, turn: int, types: tuple[str, str], seed: int) -> Iterator[Sample]:
    """The test and the reference."""
    masks = apart(content, seed)
    for side, role in enumerate(("test", "reference")):
        damages = tuple(
            Damage(
                type, float(severities[side]), mask=mask, area_asked=AREA, area_met=met, order=k,
                seed=seed,
            )
            for k, (type, severities, (mask, met)) in enumerate(
                zip(types, _PLANS[turn % len(_PLANS)], masks, strict=True)
            )
            if severities[side]
        )  # fmt: skip
        yield Sample(f"{content.id}/{role}", Recipe(content, damages), content.id, damages=damages)
