"""Block-wise Degradation Modelling: each block of a crop gets a damage of its own."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import torch
from torch import Tensor

from probes.degradations import degrade_batch

from .config import ShdiqaConfig


class Plan(NamedTuple):
    """The damage of B crops of K blocks, drawn on the CPU; ``noise`` seeds what is drawn in it.

    ``types`` and ``levels`` ``int64 [B, K]`` are numbers of the config's types, distinct in each
    crop, and levels.
    """

    types: Tensor
    levels: Tensor
    noise: int


def draw(crops: int, config: ShdiqaConfig, generator: torch.Generator) -> Plan:
    """Any types, without repetition in a crop, and any levels, alike likely."""
    order = torch.rand(crops, len(config.types), generator=generator).argsort(1)
    size = (crops, config.blocks)
    levels = torch.randint(len(config.levels), size, generator=generator)
    noise = int(torch.randint(2**62, (), generator=generator))
    return Plan(order[:, : config.blocks], levels, noise)


def damaged(images: Tensor, plan: Plan, pixels: Tensor, config: ShdiqaConfig) -> Tensor:
    """Each block of the crops with its damage, computed on the whole crop.

    ``images`` ``float32 [B, 3, S, S]`` in [0, 1] and ``pixels`` ``bool [K, S, S]`` (see ``Blocks``)
    are on one device. A new tensor, rounded to multiples of 1/255 as evaluated images are: off that
    grid, damage could be told by its last bits.
    """
    rng = torch.Generator(images.device).manual_seed(plan.noise)
    found = images.clone()
    # One call for each type: on a GPU the damages of a batch run side by side.
    groups: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for crop, types in enumerate(plan.types.tolist()):
        for block, number in enumerate(types):
            groups[number].append((crop, block))
    for number, members in sorted(groups.items()):
        # Types of a crop are distinct, so no crop is in a group twice.
        crops, blocks = torch.tensor(members).T
        severities = [config.levels[i] for i in plan.levels[crops, blocks].tolist()]
        crops, blocks = crops.to(images.device), blocks.to(images.device)
        after = degrade_batch(images[crops], config.types[number], severities, rng)
        found[crops] = torch.where(pixels[blocks][:, None], after, found[crops])
    return found.mul_(255).round_().div_(255)
