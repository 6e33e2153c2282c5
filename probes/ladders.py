"""The samples of one ladder of a plan: its masks, its damages, and what has no mask or severity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.ndimage import binary_dilation

from harness.canonical import digest
from harness.sample import Damage, Sample

from .calibration import Found
from .contents import Content
from .damage_curve import Wanted
from .design import Design
from .mask_shapes import Placement, Shape, rank_field
from .masks import MaskRecipe, area_met
from .plans import Ladder
from .render import Recipe, mask_json, pristine

if TYPE_CHECKING:
    from harness.images import Decoded, DecodePolicy, Failure

_BLOCKS = 48  # on the longer side: the grid on which room for another mask is looked for
_COMPACT: tuple[Shape, ...] = ("cell", "rectangle", "ellipse")
_ANCHORS: tuple[Placement, ...] = ("corner", "edge", "center")
_DRAWS = 4  # of each shape and anchor


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
    recipes = (_mask(ladder, area, seed) for area in ladder.areas(design))
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
    elsewhere = _elsewhere(ladder, content, areas, seed) if ladder.others else {}
    for i, area in enumerate(areas):
        severity = ladder.severity if found is None else found.severities[i]
        reason = None if found is None else found.reasons[i]
        damages = [_damage(ladder, content, area, severity, seed)]
        for order, type in enumerate(ladder.others, start=1):
            if area in elsewhere:
                recipe = elsewhere[area][order - 1]
                met = _met(content, recipe)
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
    return tuple(facts.items())


def _name(ladder: Ladder, area: Fraction) -> str:
    level = [] if ladder.severity is None else [str(ladder.severity)]
    mask = f"{ladder.shape}-{ladder.placement}-{ladder.feather:g}px-{ladder.mask}"
    what = ladder.control or ("with-" + "-".join(ladder.others) if ladder.others else ladder.kind)
    where = f"{area.numerator}-{area.denominator}"
    return "/".join([ladder.content, ladder.type, what, *level, mask, where])


def _mask(ladder: Ladder, area: Fraction, seed: int) -> MaskRecipe | None:
    """The ladder's mask at an area; None for the whole image."""
    if area == 1:
        return None
    return MaskRecipe(
        ladder.shape,
        float(area),
        0.0 if ladder.control == "band" else ladder.feather,
        ladder.placement,
        ladder.control if ladder.control in ("band", "complement") else "inside",
        # Alike for all areas, severities and kinds: nested, and comparable at a fixed mask.
        int(digest([seed, ladder.content, ladder.type, ladder.mask])[:8], 16),
    )


def _damage(
    ladder: Ladder, content: Content, area: Fraction, severity: float | None, seed: int
) -> Damage:
    """The ladder's own damage at an area."""
    recipe = _mask(ladder, area, seed)
    if recipe is None:
        return Damage(ladder.type, severity, seed=seed)
    return Damage(
        *(ladder.type, severity, mask_json(recipe), float(area)),
        area_met=_met(content, recipe),
        feather=recipe.feather,
        seed=seed,
    )


def _met(content: Content, recipe: MaskRecipe) -> float:
    """The share of pixels that a mask covers."""
    if recipe.part == "band":
        return area_met(_alpha(content, recipe))
    height, width = pristine(content).shape[1:]
    covered = max(1, round(recipe.area * height * width)) / (height * width)
    return 1 - covered if recipe.part == "complement" else covered


def _alpha(content: Content, recipe: MaskRecipe) -> np.ndarray:
    damage = Damage("", None, mask=mask_json(recipe))
    found = Recipe(content, (damage,)).alpha()
    assert found is not None
    return found


def _elsewhere(
    ladder: Ladder, content: Content, areas: tuple[Fraction, ...], seed: int
) -> dict[Fraction, tuple[MaskRecipe, ...]]:
    """Masks for the other damages that touch neither the ladder's own nor each other.

    They are nested over areas and compact, whatever its own shape is, and lie where there is
    room for the largest of ``areas`` that has any; an area without room is left out.
    """
    height, width = pristine(content).shape[1:]
    rows, columns = (max(1, round(_BLOCKS * side / max(height, width))) for side in (height, width))
    candidates = _candidates(content.id, rows, columns, seed)
    start = int(digest([ladder.type, ladder.mask])[:8], 16) % len(candidates)
    for area in reversed(areas):
        own = _mask(ladder, area, seed)
        assert own is not None
        taken = _blocks(_alpha(content, own) > 0, rows, columns)
        chosen = []
        for mask, ranked in candidates[start:] + candidates[:start]:
            covered = np.zeros(rows * columns, bool)
            covered[ranked[: max(1, round(area * covered.size))]] = True
            # One block more on every side: room for feathers, and for what the grid rounds off.
            around = binary_dilation(covered.reshape(rows, columns), np.ones((3, 3)))
            if not (around & taken).any():
                chosen.append(mask)
                taken |= around
            if len(chosen) == len(ladder.others):
                return {
                    fitting: tuple(
                        replace(mask, area=float(fitting), feather=ladder.feather)
                        for mask in chosen
                    )
                    for fitting in areas
                    if fitting <= area
                }
    return {}


@lru_cache(maxsize=8)
def _candidates(
    content: str, rows: int, columns: int, seed: int
) -> tuple[tuple[MaskRecipe, np.ndarray], ...]:
    """Places for masks, drawn by content, each with the blocks of a grid in its order."""
    found = []
    for anchor, (shape, placement) in enumerate(product(_COMPACT * _DRAWS, _ANCHORS)):
        drawn = int(digest([seed, content, anchor])[:8], 16)
        field = rank_field(shape, placement, drawn, rows, columns)
        mask = MaskRecipe(shape, 1.0, placement=placement, seed=drawn)
        found.append((mask, np.argsort(field, axis=None, kind="stable")))
    return tuple(found)


def _blocks(mask: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The blocks of a grid that a mask touches, ``bool [rows, columns]``."""
    for axis, parts in enumerate((rows, columns)):
        starts = np.arange(parts) * mask.shape[axis] // parts
        mask = np.logical_or.reduceat(mask, starts, axis=axis)
    return mask
