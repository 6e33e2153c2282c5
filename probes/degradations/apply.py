"""Damage images with a type of the bank: a batch, or one."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .bank import Table, find, level
from .draws import Rngs, uniform

_SMALLEST_SIDE = 16


@torch.no_grad()
def degrade_batch(
    images: Tensor,
    type: str,
    severities: Sequence[float],
    rngs: Rngs,
    table: Table = "ours",
) -> Tensor:
    """Damage a batch, each image at its own severity.

    Args:
        images: float ``[B, 3, H, W]`` in [0, 1], sides of at least 16 pixels, on any device.
        type: one of ``TYPES``.
        severities: B numbers in [1, 5].
        rngs: one CPU generator per image, so that no image depends on its batch or device; or a
            single generator, for pretraining only.
        table: ``"ours"`` or ``"kadid"``.

    Returns:
        float32 of the same shape and device, clipped to [0, 1].

    Raises:
        ValueError: for an unknown type, a severity outside [1, 5] or arguments of other sizes.
    """
    degradation = find(type)
    _check(images, severities, rngs)
    levels = torch.tensor([level(degradation, s, table) for s in severities], device=images.device)
    images = images.float()
    if not len(images):
        return images
    if degradation.signed and table == "ours":
        levels = torch.where(uniform(rngs, (), images) < 0.5, -levels, levels)
    with torch.autocast(images.device.type, enabled=False):
        if images.device.type != "cpu" or degradation.family == "compression":
            return degradation.apply(images, levels, rngs).clamp(0, 1)
        # On a CPU one by one is as fast, and no result depends on the batch, to the last bit.
        parts = []
        for i, image in enumerate(images.split(1)):
            own = rngs if isinstance(rngs, torch.Generator) else [rngs[i]]
            parts.append(degradation.apply(image, levels[i : i + 1], own))
        return torch.cat(parts).clamp(0, 1)


def degrade(
    image: Tensor, type: str, severity: float, rng: torch.Generator, table: Table = "ours"
) -> Tensor:
    """Damage one uint8 image ``[3, H, W]``; uint8 of the same shape and device.

    As ``degrade_batch`` with one image, rounded to the nearest of 0 … 255.
    """
    if image.dtype != torch.uint8:
        raise ValueError(f"degrade takes uint8 images, not {image.dtype}; see degrade_batch")
    damaged = degrade_batch(image[None] / 255, type, [severity], [rng], table)
    return (damaged[0] * 255).round().byte()


def _check(images: Tensor, severities: Sequence[float], rngs: Rngs) -> None:
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[1] != 3 or not images.is_floating_point():
        raise ValueError(f"expected float images [B, 3, H, W], not {images.dtype} {list(shape)}")
    if min(shape[2:]) < _SMALLEST_SIDE:
        raise ValueError(f"images must be at least {_SMALLEST_SIDE} px a side, not {shape[2:]}")
    if len(severities) != shape[0]:
        raise ValueError(f"{shape[0]} images need as many severities, not {len(severities)}")
    if not isinstance(rngs, torch.Generator) and len(rngs) != shape[0]:
        raise ValueError(f"{shape[0]} images need as many generators, not {len(rngs)}")
