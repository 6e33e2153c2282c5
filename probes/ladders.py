"""The samples of one ladder of a plan: its damages, and what has no mask or severity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from harness.canonical import digest
from harness.sample import Damage, Sample

from .calibration import Found
from .contents import Content
from .damage_curve import Wanted
from .design import Design
from .ladder_masks import mask_of, room_elsewhere, share_met
from .plans import Ladder
from .render import Recipe, mask_json

if TYPE_CHECKING:
    import numpy as np

    from harness.images import Decoded, DecodePolicy, Failure


@dataclass(frozen=True)
class Unreachable:
    """The source of a probe that does not exist: it gives the reason instead of pixels."""

    reason: str

    def fingerprint(self) -> str:
        return digest(["unreachable", self.reason])

    def load(self, policy: DecodePolicy) -> Decoded | Failure:
        from harness.images import Failure

        return Failure(self.reason)

    def alpha(self) -> np.ndarray | None:
        return None


def wanted(ladder: Ladder, content: Content, design: Design, seed: int) -> Wanted:
    """What is to be calibrated for an equal-damage or equal-energy ladder."""
    assert ladder.kind != "plain"
    recipes = (mask_of(ladder, area, seed) for area in ladder.areas(design))
    masks = tuple(None if recipe is None else mask_json(recipe) for recipe in recipes)
    return Wanted(ladder.kind, content, ladder.type, masks, seed)


def probes(
    ladder: Ladder, content: Content, design: Design, seed: int, found: Found | None
) -> Iterator[Sample]:
    """One sample an area; ``found`` holds the severities of a calibrated ladder.

    ``area_asked`` of a damage is that of its mask; ``area_met`` is the share that is damaged,
    also where the damage is in the mask's band or in its complement.
    """
    areas = ladder.areas(design)
    elsewhere = room_elsewhere(ladder, content, areas, seed) if ladder.others else {}
    for i, area in enumerate(areas):
        severity = ladder.severity if found is None else found.severities[i]
        reason = None if found is None else found.reasons[i]
        damages = [_damage(ladder, content, area, severity, seed)]
        for order, type in enumerate(ladder.others, start=1):
            if area in elsewhere:
                recipe = elsewhere[area][order - 1]
                met = share_met(content, recipe)
                mask, feather = mask_json(recipe), recipe.feather
            else:
                reason = f"co-occurrence: no room for {1 + len(ladder.others)} masks of {area}"
                mask, met, feather = None, 0.0, 0.0
            damages.append(Damage(type, severity, mask, float(area), met, feather, order, seed))
        two_draws: Literal["two-draws"] | None = None
        if ladder.control == "two-draws":
            two_draws = ladder.control
            # Its order in the list makes the second draw another one; nothing else differs.
            damages = [Damage(ladder.type, severity, seed=seed), replace(damages[0], order=1)]
        source = Recipe(content, tuple(damages), two_draws)
        yield Sample(
            _name(ladder, area),
            source if reason is None else Unreachable(reason),
            content.id,
            damages=tuple(damages),
            reference=content.id,
            facts=_facts(ladder, area, design, found),
        )


def _facts(
    ladder: Ladder, area: Fraction, design: Design, found: Found | None
) -> tuple[tuple[str, str | float], ...]:
    facts: dict[str, str | float] = {
        "role": "control" if ladder.control else "probe",
        "ladder": ladder.kind,
        "shape": ladder.shape,
        "placement": ladder.placement,
    }
    if area > design.placed_up_to:
        facts["shape"] = facts["placement"] = "whole" if area == 1 else "any"
    if ladder.control:
        facts["control"] = ladder.control
    if found is not None:
        facts["target"] = found.target
        # Of a ladder with gaps, what is compared along areas is not the same probes at each.
        facts["complete"] = "no" if None in found.severities else "yes"
    return tuple(facts.items())


def _name(ladder: Ladder, area: Fraction) -> str:
    level = [] if ladder.severity is None else [str(ladder.severity)]
    mask = f"{ladder.shape}-{ladder.placement}-{ladder.feather:g}px-{ladder.mask}"
    what = ladder.control or ("with-" + "-".join(ladder.others) if ladder.others else ladder.kind)
    where = f"{area.numerator}-{area.denominator}"
    return "/".join([ladder.content, ladder.type, what, *level, mask, where])


def _damage(
    ladder: Ladder, content: Content, area: Fraction, severity: float | None, seed: int
) -> Damage:
    """The ladder's own damage at an area."""
    recipe = mask_of(ladder, area, seed)
    if recipe is None:
        return Damage(ladder.type, severity, seed=seed)
    return Damage(
        *(ladder.type, severity, mask_json(recipe), float(area)),
        area_met=share_met(content, recipe),
        feather=recipe.feather,
        seed=seed,
    )
