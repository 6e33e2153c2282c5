"""Triplets to learn maps from: two images of one content, and what they differ in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.pretraining.crops import Images, square

from .channels import CHANNELS
from .config import STRIDE, MapsConfig
from .damage import Damage, damaged
from .perlin import masks


@dataclass(frozen=True)
class Triplets:
    """``tests`` and ``references`` ``float32 [B, 3, S, S]`` in [0, 1], and their maps.

    ``targets`` ``float32 [B, C, S/4, S/4]`` in [0, 1]: above 0.5 where the test has more of a
    channel's damage (see ``CHANNELS``), 0.5 where both have the same.
    """

    tests: Tensor
    references: Tensor
    targets: Tensor


@dataclass(frozen=True)
class Difference:
    """What a damage adds to a channel of a pair: ``weight``, in [-1, 1], times the row ``mask``."""

    pair: int
    channel: int
    mask: int
    weight: float


@dataclass(frozen=True)
class Plan:
    """What is done to n pairs: of pair i the test is image i and the reference image n + i.

    The pairs of ``identical`` have damage of the test alone, and no difference: their test is
    their reference, too.
    """

    damages: list[Damage]
    differences: list[Difference]
    identical: list[int]


@dataclass(frozen=True, eq=False)
class Drawn:
    """All that triplets are made of, small enough to be sent from one process to another.

    ``contents`` ``uint8 [n, 3, S, S]``; ``noise`` seeds what is drawn on the device, and the CPU
    ``generator`` goes on to what is drawn of the masks.
    """

    contents: np.ndarray
    plan: Plan
    noise: int
    generator: torch.Generator


def draw_triplets(
    photos: Images,
    n: int,
    config: MapsConfig,
    generator: torch.Generator,
    progress: float = 0.0,
) -> Drawn:
    """What ``n`` triplets of crops of the photographs are made of.

    The CPU ``generator`` fixes everything; ``progress`` is the share of the training that is
    done, for the curriculum. Crops are flipped left to right at random before they are damaged.
    """
    drawn, cut, noise = draws(generator)
    plan = compose(config, n, drawn, config.least_severity(progress))
    return Drawn(crops(photos, n, config.crop, cut), plan, noise, generator)


def make_triplets(drawn: Drawn, config: MapsConfig, device: str | torch.device = "cpu") -> Triplets:
    """The triplets, with all their damage, on ``device``."""
    plan, n = drawn.plan, len(drawn.contents)
    noise = torch.Generator(device).manual_seed(drawn.noise)
    opacities = masks(len(plan.damages), config, drawn.generator, device)
    contents = torch.from_numpy(drawn.contents).to(device).float() / 255
    both = damaged(torch.cat([contents, contents]), plan.damages, opacities, noise)
    tests, references = both[:n], both[n:]
    identical = torch.tensor(plan.identical, dtype=torch.long, device=device)
    references[identical] = tests[identical]
    maps = targets(plan.differences, opacities, n, len(config.channels))
    return Triplets(tests, references, maps)


def draws(generator: torch.Generator) -> tuple[np.random.Generator, np.random.Generator, int]:
    """Generators of the plan and of the crops, and a seed of the noise, from one on the CPU.

    Crops have draws of their own, so that they are the same whatever is done to the images.
    """
    seed, of_noise = torch.randint(2**62, (2,), generator=generator).tolist()
    drawn, cut = np.random.default_rng(seed).spawn(2)
    return drawn, cut, of_noise


def crops(photos: Images, n: int, side: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` squares ``uint8 [n, 3, side, side]``, of distinct photographs as far as there are."""
    chosen = rng.choice(len(photos), n, replace=n > len(photos)).tolist()
    found = torch.stack([square(photos[number], side, rng) for number in chosen])
    flipped = torch.from_numpy(np.flatnonzero(rng.random(n) < 0.5))
    found[flipped] = found[flipped].flip(3)
    return found.numpy()


def compose(config: MapsConfig, n: int, rng: np.random.Generator, least: float = 1.0) -> Plan:
    """A plan of ``n`` pairs; each damage has a mask of its own, and a severity of least to 5."""
    plan = Plan([], [], [])
    for pair in range(n):
        kind = rng.random() - config.clean_share
        if kind < 0:
            continue
        if identical := kind < config.identical_share:
            plan.identical.append(pair)
        for c in draw_channels(config, rng):
            for side in (0,) if identical else _sides(config, rng):
                name, sign = draw_type(config.channels[c], rng)
                severity, mask = float(rng.uniform(least, 5)), len(plan.damages)
                plan.damages.append(Damage(pair + side * n, mask, name, severity))
                if not identical:
                    weight = (1 - 2 * side) * sign * severity / 5
                    plan.differences.append(Difference(pair, c, mask, weight))
    return plan


def draw_channels(config: MapsConfig, rng: np.random.Generator) -> list[int]:
    """Distinct channels of the config, by number; as many as ``regions`` says."""
    count = 1 + int(rng.choice(len(config.regions), p=config.regions))
    return rng.choice(len(config.channels), count, replace=False).tolist()


def draw_type(channel: str, rng: np.random.Generator) -> tuple[str, int]:
    """One of the types of a channel, and its sign."""
    types = list(CHANNELS[channel].items())
    return types[int(rng.integers(len(types)))]


def targets(differences: list[Difference], opacities: Tensor, n: int, channels: int) -> Tensor:
    """0.5 + 0.5 clip(Σ weight × mask, -1, 1), as means of blocks of 4 × 4 pixels.

    ``float32 [n, channels, S/4, S/4]`` of ``opacities`` ``[D, S, S]``.
    """
    device, side = opacities.device, opacities.shape[-1]
    found = torch.full((n, channels, side // STRIDE, side // STRIDE), 0.5, device=device)
    places = sorted({(d.pair, d.channel) for d in differences})
    if not places:
        return found
    number = {place: i for i, place in enumerate(places)}
    rows = torch.tensor([number[d.pair, d.channel] for d in differences], device=device)
    taken = torch.tensor([d.mask for d in differences], device=device)
    weights = torch.tensor([d.weight for d in differences], device=device)[:, None, None]
    # Of one channel a pair has at most two damages, so the order of the sum changes nothing.
    sums = torch.zeros(len(places), side, side, device=device)
    sums.index_add_(0, rows, weights * opacities[taken])
    pairs, of = torch.tensor(places, device=device).T
    found[pairs, of] += 0.5 * F.avg_pool2d(sums.clamp(-1, 1), STRIDE)
    return found


def _sides(config: MapsConfig, rng: np.random.Generator) -> tuple[int, ...]:
    """Which images a region damages: the test (0), the reference (1), or both."""
    share = rng.random()
    if share < config.reference_share:
        return (1,)
    return (0, 1) if share < config.reference_share + config.both_share else (0,)
