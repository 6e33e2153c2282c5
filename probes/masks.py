"""Where an image is damaged: recipes, the masks they make, and compositing through them.

Damage is computed on the whole image and let through by a mask, so pixels outside stay bitwise
pristine. A recipe is a value: the same recipe, size and luminance give the same mask.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from scipy.ndimage import binary_erosion, distance_transform_edt

from .mask_shapes import HELD_OUT_SHAPES as HELD_OUT_SHAPES
from .mask_shapes import PLACEMENTS, SHAPES, Placement, Shape, rank_field

Part = Literal["inside", "band", "complement"]
PARTS: tuple[Part, ...] = get_args(Part)
_BAND = 2  # pixels on either side of the edge
_MAX_FEATHER = 10_000
_TILE = 128  # pixels on a side; distances are computed in tiles


@dataclass(frozen=True)
class MaskRecipe:
    """A mask, independent of the size of the image.

    ``area`` is the fraction of the image that the mask covers, in (0, 1]; ``feather`` the width
    in pixels of the ramp across its edge (one wider than the mask keeps alpha below 1 everywhere).
    ``part`` takes the mask itself, the *band* within 2 px of its edge on both sides (always hard:
    a ramp would leave the band), or its *complement*; ``area`` speaks of the mask itself.
    The seed alone fixes anchor, proportions and orientation, so masks that differ in nothing but
    ``area`` are nested. Raises ValueError.
    """

    shape: Shape
    area: float
    feather: float = 0.0
    placement: Placement = "any"
    part: Part = "inside"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("shape", SHAPES), ("placement", PLACEMENTS), ("part", PARTS)):
            value = getattr(self, name)
            if value not in known:
                raise ValueError(
                    f"mask {name} {value!r} is unknown; choose from {', '.join(known)}"
                )
        if not 0 < self.area <= 1:
            raise ValueError(f"mask area must be a fraction in (0, 1], got {self.area!r}")
        if not 0 <= self.feather <= _MAX_FEATHER:
            raise ValueError(f"mask feather must be 0 to {_MAX_FEATHER} px, got {self.feather!r}")
        if not isinstance(self.seed, int) or self.seed < 0:
            raise ValueError(f"mask seed must be an int of at least 0, got {self.seed!r}")


def alpha(
    recipe: MaskRecipe, height: int, width: int, luma: np.ndarray | None = None
) -> np.ndarray:
    """The mask as opacity of the damage, ``float32 [height, width]`` in [0, 1].

    It is at least 0.5 on exactly round(area x height x width) pixels (on the others, for the
    complement). ``luma`` is the luminance ``[height, width]``, needed by the placements "smooth"
    and "textured" (ValueError without it).
    """
    field = rank_field(recipe.shape, recipe.placement, recipe.seed, height, width, luma)
    mask = _lowest(field, max(1, round(recipe.area * field.size)))
    if recipe.part == "band":
        return _band(mask).astype(np.float32)
    soft = _feathered(mask, recipe.feather)
    return 1 - soft if recipe.part == "complement" else soft


def area_met(alpha: np.ndarray) -> float:
    """The fraction of the image that a mask covers: the share of pixels with alpha >= 0.5."""
    return float(np.mean(alpha >= 0.5))


def composite(
    pristine: torch.Tensor, degraded: torch.Tensor, alpha: np.ndarray | torch.Tensor
) -> torch.Tensor:
    """round(alpha x degraded + (1 - alpha) x pristine), for ``uint8 [3, H, W]`` and ``[H, W]``.

    Bitwise pristine where alpha is 0 or the damage changes nothing, bitwise degraded where alpha
    is 1. Raises ValueError if types or sizes do not fit.
    """
    opacity = torch.as_tensor(alpha, dtype=torch.float32, device=pristine.device)
    if pristine.dtype != torch.uint8 or degraded.dtype != torch.uint8:
        raise ValueError(f"composite takes uint8, got {pristine.dtype} and {degraded.dtype}")
    if pristine.shape != degraded.shape or pristine.shape[-2:] != opacity.shape:
        sizes = ", ".join(str(list(t.shape)) for t in (pristine, degraded, opacity))
        raise ValueError(f"composite needs two [3, H, W] and an alpha [H, W], got {sizes}")
    # From the pristine side, so that equal pixels stay equal whatever alpha rounds to.
    change = degraded.float().sub_(pristine).mul_(opacity)
    return change.add_(pristine).round_().to(torch.uint8)


def _lowest(field: np.ndarray, count: int) -> np.ndarray:
    """The ``count`` lowest pixels of a field, ties taken in reading order, as ``bool [H, W]``."""
    ranked = field.ravel()
    cut = np.partition(ranked, count - 1)[count - 1]
    mask = ranked < cut
    ties = np.flatnonzero(ranked == cut)
    mask[ties[: count - np.count_nonzero(mask)]] = True
    return mask.reshape(field.shape)


def _band(mask: np.ndarray) -> np.ndarray:
    """The pixels that have one of the other side within 2 px (Euclidean), as ``bool [H, W]``."""
    height, width = mask.shape
    band = np.zeros_like(mask)
    for dy in range(_BAND + 1):
        for dx in range(-_BAND, _BAND + 1):
            if (dy, dx) <= (0, 0) or dy * dy + dx * dx > _BAND * _BAND:
                continue  # each pair of pixels once
            here = np.s_[: height - dy, max(0, -dx) : width - max(0, dx)]
            there = np.s_[dy:, max(0, dx) : width - max(0, -dx)]
            differ = mask[here] ^ mask[there]
            band[here] |= differ
            band[there] |= differ
    return band


def _feathered(mask: np.ndarray, feather: float) -> np.ndarray:
    """A smoothstep of the signed distance to the mask's edge, 0 to 1 over ``feather`` pixels.

    The edge runs half a pixel outside the mask's border pixels, so the mask's own get over 0.5.
    """
    if feather <= 1 or mask.all():
        return mask.astype(np.float32)  # the nearest pixels are half a pixel from the edge
    reach = math.ceil(feather / 2) + 1
    step = max(_TILE, 4 * reach)
    border = mask & ~binary_erosion(mask, border_value=1)
    soft = mask.astype(np.float32)
    # Only distances within reach matter: tile by tile this is exact, and most tiles have no edge.
    for top in range(0, mask.shape[0], step):
        for left in range(0, mask.shape[1], step):
            y, x = max(0, top - reach), max(0, left - reach)
            near = np.s_[y : top + step + reach, x : left + step + reach]
            if not border[near].any():
                continue
            distance = distance_transform_edt(~border[near])
            signed = np.where(mask[near], distance + 0.5, 0.5 - distance)
            ramp = np.clip(signed / feather + 0.5, 0, 1)[top - y :, left - x :][:step, :step]
            soft[top : top + step, left : left + step] = ramp * ramp * (3 - 2 * ramp)
    return soft
