"""Ranked sets to learn a score from: one content, and more and more of one recipe of damage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from baselines.pretraining.crops import Images

from .config import ScoreConfig
from .damage import Damage, damaged
from .engine import crops, draw_channels, draw_type, draws
from .perlin import masks


@dataclass(frozen=True)
class Ranked:
    """Ladders of ``tiers`` images one after another, N images in all; ``recipes`` ladders a set.

    ``references`` and ``tests`` ``float32 [N, 3, S, S]`` in [0, 1]: references are the undamaged
    crops. ``tier`` ``int64 [N]`` counts from 0, which is undamaged; ``set`` ``int64 [N]`` numbers
    the contents. ``amounts`` ``float32 [N, C]`` in [-1, 1]: of each channel sign × mean of the
    mask × severity/5. Those of one ladder grow away from 0 with the tier.
    """

    references: Tensor
    tests: Tensor
    tier: Tensor
    set: Tensor
    amounts: Tensor


@dataclass(frozen=True, eq=False)
class Drawn:
    """All that ladders are made of, small enough to be sent from one process to another.

    ``contents`` ``uint8 [sets, 3, S, S]``; ``seeds``, one a mask, of what is drawn of the damage;
    ``shares``: image, channel, mask and sign × severity/5 of each damage. The CPU ``generator``
    goes on to what is drawn of the masks.
    """

    contents: np.ndarray
    damages: list[Damage]
    seeds: list[int]
    shares: list[tuple[int, int, int, float]]
    generator: torch.Generator


def draw_ranked(
    photos: Images,
    n: int,
    config: ScoreConfig,
    generator: torch.Generator,
    progress: float = 0.0,
) -> Drawn:
    """What ``n`` ladders, a multiple of ``recipes``, are made of.

    A recipe is a few types, each with a mask and draws of its own; all its severities rise
    from tier to tier, and masks and draws stay. The CPU ``generator`` fixes everything;
    ``progress`` is the share of the training that is done, for the curriculum. Raises ValueError
    for another number of ladders.
    """
    if n < 1 or n % config.recipes:
        raise ValueError(f"ladders come in sets of {config.recipes}; {n} is no multiple of it")
    maps, tiers = config.maps, config.tiers
    drawn, cut, _ = draws(generator)
    least, steps = maps.least_severity(progress), tiers - 1
    damages: list[Damage] = []
    seeds: list[int] = []
    shares: list[tuple[int, int, int, float]] = []
    for ladder in range(n):
        for c in draw_channels(maps, drawn):
            name, sign = draw_type(maps.channels[c], drawn)
            mask, start = len(seeds), drawn.random()
            seeds.append(int(drawn.integers(2**63)))
            for tier in range(1, tiers):
                # Even steps, from anywhere in the first of as many parts as there are steps.
                severity = least + (5 - least) * (tier - 1 + start) / steps
                image = ladder * tiers + tier
                damages.append(Damage(image, mask, name, severity))
                shares.append((image, c, mask, sign * severity / 5))
    return Drawn(
        crops(photos, n // config.recipes, maps.crop, cut), damages, seeds, shares, generator
    )


def make_ranked(drawn: Drawn, config: ScoreConfig, device: str | torch.device = "cpu") -> Ranked:
    """The ladders, with all their damage, on ``device``."""
    maps, tiers = config.maps, config.tiers
    n = len(drawn.contents) * config.recipes
    opacities = masks(len(drawn.seeds), maps, drawn.generator, device)
    contents = torch.from_numpy(drawn.contents).to(device).float() / 255
    a_set = config.recipes * tiers
    references = contents.repeat_interleave(a_set, 0)
    images, of, taken, weights = (
        torch.tensor(part, device=device) for part in zip(*drawn.shares, strict=True)
    )
    amounts = torch.zeros(n * tiers, len(maps.channels), device=device)
    # No channel is twice in a ladder.
    amounts[images, of] = weights * opacities.mean((1, 2))[taken]
    return Ranked(
        references,
        damaged(references, drawn.damages, opacities, drawn.seeds),
        torch.arange(tiers, device=device).repeat(n),
        torch.arange(len(contents), device=device).repeat_interleave(a_set),
        amounts,
    )
