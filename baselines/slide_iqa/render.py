"""Damage through masks, on a batch of images of one size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from probes.degradations import degrade_batch
from probes.masks import alpha

from .composition import Plan


def opacities(plan: Plan, side: int) -> np.ndarray:
    """The masks of a plan's regions on an image of ``side`` pixels, ``float32 [R, side, side]``."""
    masks = np.ones((len(plan.regions), side, side), np.float32)
    for r, region in enumerate(plan.regions):
        if region.mask is not None:
            masks[r] = alpha(region.mask, side, side)
    return masks


def damaged(
    images: Tensor, plans: Sequence[Plan], masks: Sequence[Tensor], rng: torch.Generator
) -> Tensor:
    """x ← (1 - M) x + M D(x), one region after another, with D computed on the whole image.

    ``images`` ``float32 [N, 3, H, W]``, multiples of 1/255 in [0, 1]; ``masks`` hold for each image
    the opacities ``[R, H, W]`` of its plan's regions; all on one device, and so is ``rng``. A new
    tensor, bitwise equal to the images where a mask is 0. Rounded to multiples of 1/255 after each
    region, as evaluated images are: off that grid, damage could be told by its last bits.
    """
    current = images.clone()
    for turn in range(max((len(plan.regions) for plan in plans), default=0)):
        # One call for each type: on a GPU the damages of a batch run side by side.
        groups: dict[str, list[int]] = defaultdict(list)
        for i, plan in enumerate(plans):
            if turn < len(plan.regions):
                groups[plan.regions[turn].type].append(i)
        for name, members in sorted(groups.items()):
            index = torch.tensor(members, device=images.device)
            before = current[index]
            # A second draw is of the undamaged image, and of the same type as the first.
            source = torch.stack([(images if plans[i].two_draws else current)[i] for i in members])
            severities = [plans[i].regions[turn].severity for i in members]
            after = degrade_batch(source, name, severities, rng)
            opacity = torch.stack([masks[i][turn] for i in members])[:, None]
            # lerp is exact at both ends.
            current[index] = torch.lerp(before, after, opacity).mul_(255).round_().div_(255)
    return current
