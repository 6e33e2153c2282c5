"""Damage of a batch of images of one size, through soft masks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from probes.degradations import Rngs, degrade_batch


@dataclass(frozen=True)
class Damage:
    """One damage of one image: ``image`` and ``mask`` are rows of a batch's images and masks."""

    image: int
    mask: int
    type: str
    severity: float


def damaged(
    images: Tensor,
    damages: Sequence[Damage],
    masks: Tensor,
    rngs: torch.Generator | Sequence[int],
) -> Tensor:
    """x ← (1 - M) x + M D(x), D of the whole image; an image's damages one after another.

    ``images`` ``float32 [N, 3, S, S]``, multiples of 1/255 in [0, 1], and ``masks`` ``[D, S, S]``
    are on one device. ``rngs``: one generator on it, or a seed for each mask, so that damages of
    one type and mask have the same draws. A new tensor of multiples of 1/255, bitwise equal to
    the images where masks are 0.
    """
    current = images.clone()
    turns: Counter[int] = Counter()
    groups: dict[tuple[int, str], list[Damage]] = defaultdict(list)
    for damage in damages:
        groups[turns[damage.image], damage.type].append(damage)
        turns[damage.image] += 1
    # One call for each type: on a GPU the damages of a batch run side by side.
    for (_, name), members in sorted(groups.items()):
        rows, opacity = (
            torch.tensor([getattr(d, field) for d in members], device=images.device)
            for field in ("image", "mask")
        )
        own: Rngs = (
            rngs
            if isinstance(rngs, torch.Generator)
            else [torch.Generator().manual_seed(rngs[d.mask]) for d in members]
        )
        before = current[rows]
        after = degrade_batch(before, name, [d.severity for d in members], own)
        # lerp is exact at both ends.
        mixed = torch.lerp(before, after, masks[opacity][:, None])
        current[rows] = mixed.mul_(255).round_().div_(255)
    return current
