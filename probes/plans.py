"""Balanced fractional plans: which ladders of a design a budget of probes pays for.

Levels are dealt like cards: over the whole plan and within each type, every level of a factor
occurs as often as any other, give or take one. Which ladder of a type gets which of its levels
is an assignment problem, solved so that pairs with the levels of the other factors spread out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count
from typing import Literal

import numpy as np

from harness.canonical import digest

from .dealing import by_turns, levels_dealt, others_dealt, spread
from .design import SHARED, Design
from .mask_shapes import Placement, Shape

Kind = Literal["plain", "equal-damage", "equal-energy"]
Control = Literal["band", "complement", "two-draws"]
_FACTORS = ("type", "content", "severity", "shape", "placement", "feather")
_SPARE = 1.35  # masks per main effect; nearer to 1, effects are confounded by chance
_DRAWS = 10


@dataclass(frozen=True)
class Ladder:
    """One damage of one content through nested masks.

    ``severity`` is None where it is calibrated at each area. ``mask`` tells the masks of one
    content and type apart. With ``others``, types of damage elsewhere, or a ``control``, it
    stands beside the plain ladder that has the same other fields.
    """

    content: str
    type: str
    severity: int | None
    shape: Shape
    placement: Placement
    feather: float
    mask: int
    kind: Kind = "plain"
    others: tuple[str, ...] = ()
    control: Control | None = None

    @property
    def alone(self) -> bool:
        """Whether it is a plain ladder itself, of one damage."""
        return self.kind == "plain" and not self.others and self.control is None

    def areas(self, design: Design) -> tuple[Fraction, ...]:
        """The areas of its probes, rising."""
        beside = self.others or self.control is not None
        return design.placed_areas if beside else design.areas


def plan(design: Design, contents: Sequence[str], budget: int, seed: int = 0) -> tuple[Ladder, ...]:
    """The ladders that at most ``budget`` probes (harmless changes not counted) pay for.

    Deterministic. All main effects are estimable from the plain ladders and those with other
    damages: ``main_effects`` of them has full rank. Raises ValueError, with the least budget,
    for one too small for that, and for contents that are none or repeat.
    """
    if not isinstance(budget, int):
        raise ValueError(f"the budget is {budget!r}: give a whole number of probes")
    if not contents or len(set(contents)) < len(contents):
        raise ValueError("a plan needs contents with different names")
    found = _plan(design, contents, budget, seed)
    if found is None:
        raise ValueError(
            f"a budget of {budget} probes leaves main effects that cannot be estimated; "
            f"give at least {_least(design, contents, budget, seed)}"
        )
    return found


def _least(design: Design, contents: Sequence[str], budget: int, seed: int) -> int:
    """The least budget above ``budget`` that makes a plan."""
    return next(b for b in count(budget + 1) if _plan(design, contents, b, seed))


def main_effects(ladders: Sequence[Ladder]) -> np.ndarray:
    """The design matrix of the main effects, one-hot, ``float64 [ladders, 1 + effects]``.

    An intercept, then for every factor all levels that occur but its first. Areas are crossed
    with all else, since a ladder runs through them.
    """
    columns = [np.ones(len(ladders))]
    keys = [[getattr(ladder, name) for ladder in ladders] for name in _FACTORS]
    keys.append([1 + len(ladder.others) for ladder in ladders])
    for values in keys:
        for level in sorted(set(values))[1:]:
            columns.append(np.array([value == level for value in values], float))
    return np.stack(columns, axis=1)


def _counts(design: Design, budget: int) -> dict[str, int]:
    """How many ladders of each kind a budget pays for; "plain" counts sets of nested masks."""
    whole, placed = len(design.areas), len(design.placed_areas)
    costs = dict.fromkeys(SHARED, placed) | {"equal_damage": whole, "equal_energy": whole}
    counts = {name: int(budget * share) // costs[name] for name, share in design.shares.items()}
    rest = budget - sum(counts[name] * costs[name] for name in counts)
    return {"plain": rest // (whole * design.severities_per_mask), **counts}


def _plan(
    design: Design, contents: Sequence[str], budget: int, seed: int
) -> tuple[Ladder, ...] | None:
    """The plan, or None where the budget is too small."""
    counts = _counts(design, budget)
    several = [n for n in design.numbers if n > 1]
    wanted = {name: 1 for name, share in design.shares.items() if share > 0}
    wanted["co_occurrence"] = len(several)
    levels = (design.types, contents, design.shapes, design.placements, design.feathers)
    # Ladders on one mask differ in severity alone, so masks must outnumber the other effects.
    effects = 1 + sum(len(each) - 1 for each in levels)
    needed = max(len(design.types), math.ceil(_SPARE * effects))
    # Of its own share, which grows with the budget; what others leave comes and goes.
    own = (1 - sum(design.shares.values())) * budget
    if own < needed * len(design.areas) * design.severities_per_mask:
        return None
    if any(counts[name] < least for name, least in wanted.items()):
        return None
    # A draw may still confound two effects; the next one hardly does, too.
    for draw in range(_DRAWS):
        rng = np.random.default_rng(int(digest([design.hash, seed, draw])[:16], 16))
        plain = _dealt(design, contents, counts["plain"], "plain", rng)
        bases = _spread(plain, counts["co_occurrence"], rng) if several else []
        dealt = others_dealt([base.type for base in bases], design.types, several, rng)
        together = [replace(base, others=others) for base, others in zip(bases, dealt, strict=True)]
        matrix = main_effects([*plain, *together])
        if np.linalg.matrix_rank(matrix) == matrix.shape[1]:
            break
    else:
        return None
    drawn = [ladder for ladder in plain if ladder.type in design.drawn_types]
    wanted_controls: tuple[tuple[Control, Sequence[Ladder], int], ...] = (
        ("band", plain, counts["band"]),
        ("complement", plain, counts["complement"]),
        ("two-draws", drawn, counts["two_draws"]),
    )
    controls = [
        replace(base, control=control)
        for control, candidates, number in wanted_controls
        for base in _spread(candidates, number, rng)
    ]
    damage = _dealt(design, contents, counts["equal_damage"], "equal-damage", rng)
    energy = _dealt(design, contents, counts["equal_energy"], "equal-energy", rng)
    return (*plain, *together, *damage, *energy, *controls)


def _dealt(
    design: Design, contents: Sequence[str], masks: int, kind: Kind, rng: np.random.Generator
) -> list[Ladder]:
    """``masks`` sets of nested masks, balanced; each with its severities if the kind is plain."""
    share, extra = divmod(masks, len(design.types))
    sizes = np.full(len(design.types), share)
    sizes[rng.permutation(len(design.types))[:extra]] += 1
    types = np.repeat(np.arange(len(design.types)), sizes)
    content = levels_dealt(types, rng.permutation(len(contents)), [], rng)
    pairs = by_turns(design.severities, design.severities_per_mask)
    both = types * len(contents) + content
    severity = levels_dealt(types, np.arange(len(pairs)), [content, both], rng)
    chosen = [content, severity]
    for levels in (design.shapes, design.placements, design.feathers):
        chosen.append(levels_dealt(types, rng.permutation(len(levels)), chosen, rng))
    seen: Counter[int] = Counter()
    ladders = []
    for i, (c, s, shape, placement, feather) in enumerate(zip(*chosen, strict=True)):
        seen[both[i]] += 1
        ladder = Ladder(
            contents[c], design.types[types[i]], None, design.shapes[shape],
            design.placements[placement], design.feathers[feather], seen[both[i]], kind,
        )  # fmt: skip
        severities = pairs[s] if kind == "plain" else (None,)
        ladders += [replace(ladder, severity=each) for each in severities]
    return ladders


def _spread(candidates: Sequence[Ladder], number: int, rng: np.random.Generator) -> list[Ladder]:
    """``number`` of the candidates (all, if there are fewer), their levels spread out."""
    levels = [[getattr(ladder, name) for ladder in candidates] for name in _FACTORS]
    columns = [np.unique(values, return_inverse=True)[1] for values in levels]
    return [candidates[i] for i in spread(columns, number, rng)]
