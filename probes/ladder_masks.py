"""The masks of a ladder: its own, and room for other damages elsewhere."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import product

import numpy as np
from scipy.ndimage import binary_dilation

from harness.canonical import digest
from harness.sample import Damage

from .contents import Content
from .mask_shapes import Placement, Shape, rank_field
from .masks import MaskRecipe, area_met
from .plans import Ladder
from .render import Recipe, mask_json, pristine

_BLOCKS = 48  # on the longer side: the grid on which room for another mask is looked for
_COMPACT: tuple[Shape, ...] = ("cell", "rectangle", "ellipse")
_ANCHORS: tuple[Placement, ...] = ("corner", "edge", "center")
_DRAWS = 4  # of each shape and anchor


def mask_of(ladder: Ladder, area: Fraction, seed: int) -> MaskRecipe | None:
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


def share_met(content: Content, recipe: MaskRecipe) -> float:
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


def room_elsewhere(
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
        own = mask_of(ladder, area, seed)
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
