"""A batch of damaged views and their records: drawn of photographs on the CPU, then rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from baselines.pretraining.crops import Images, square

from .composition import Plan, compose, side
from .config import SlideConfig
from .records import Records
from .render import damaged, opacities

_TRIES = 16  # pairs of crops, of which the first that agrees is taken


@dataclass(frozen=True)
class Batch:
    """Views ``float32 [B, 3, S, S]`` in [0, 1], pairs one after the other, and their records."""

    images: Tensor
    records: Records


class LeanMasks(NamedTuple):
    """Opacities ``float32 [R, s, s]`` in a quarter of their bytes: few are neither 0 nor 1.

    ``levels`` ``uint8 [R, s, s]``, or ``[R, 1, 1]`` if each is alike everywhere: 0, 1, or 2 for
    the next one of ``between``.
    """

    levels: np.ndarray
    between: np.ndarray

    @classmethod
    def of(cls, masks: np.ndarray, plan: Plan) -> LeanMasks:
        if all(region.mask is None for region in plan.regions):
            masks = masks[:, :1, :1]
        between = (masks > 0) & (masks < 1)
        return cls(np.where(between, 2, masks).astype(np.uint8), masks[between])

    def opacities(self, side: int, device: str | torch.device) -> Tensor:
        levels = torch.from_numpy(self.levels).to(device)
        found = levels.float()
        if len(self.between):
            found.masked_scatter_(levels == 2, torch.from_numpy(self.between).to(device))
        return found.expand(-1, side, side)


@dataclass(frozen=True, eq=False)
class Drawn:
    """All that a batch is made of, small enough to be sent from one process to another.

    Of each of ``plans``: its source ``uint8 [3, s, s]``, the masks of its regions, and the top
    left corners (y, x) of its crops. ``flipped`` are numbers of views; ``noise`` seeds what is
    drawn on the device.
    """

    plans: list[Plan]
    sources: list[np.ndarray]
    masks: list[LeanMasks]
    corners: list[list[tuple[int, int]]]
    flipped: np.ndarray
    records: Records
    noise: int


def draw_views(
    photos: Images,
    views: int,
    config: SlideConfig,
    generator: torch.Generator,
    progress: float = 0.0,
) -> Drawn:
    """What ``views`` views, an even number, of the photographs are made of.

    The CPU ``generator`` fixes everything; ``progress`` is the share of the training that is
    done, for the curriculum. A photograph smaller than what is cut from it is enlarged. Views
    are flipped left to right at random, and nothing else is done to them: colors are damage here.
    Raises ValueError as ``compose`` does.
    """
    seed = int(torch.randint(2**62, (), generator=generator))
    # Cuts have draws of their own, so that they are the same whatever is done to the images.
    drawn, cut = np.random.default_rng(seed).spawn(2)
    plans = compose(config, views, len(photos), drawn, progress)
    masks = [opacities(plan, side(config, plan)) for plan in plans]
    corners = [_corners(mask, plan, config, cut) for mask, plan in zip(masks, plans, strict=True)]
    sources = [square(photos[plan.photo], side(config, plan), cut).numpy() for plan in plans]
    flipped = np.flatnonzero(cut.random(views) < 0.5)
    records = _records(plans, masks, corners, config, cut)
    lean = [LeanMasks.of(mask, plan) for mask, plan in zip(masks, plans, strict=True)]
    return Drawn(plans, sources, lean, corners, flipped, records, seed)


def make_views(drawn: Drawn, config: SlideConfig, device: str | torch.device = "cpu") -> Batch:
    """The views, with all their damage, on ``device``."""
    finished = _damaged(drawn, device)
    size = config.crop
    cuts = zip(finished, drawn.corners, strict=True)
    images = torch.stack(
        [image[:, y : y + size, x : x + size] for image, places in cuts for y, x in places]
    )
    flipped = torch.from_numpy(drawn.flipped).to(device)
    images[flipped] = images[flipped].flip(3)
    return Batch(images, drawn.records.map(lambda t: t.to(device)))


def _damaged(drawn: Drawn, device: str | torch.device) -> list[Tensor]:
    """The sources as damaged ``float32``, those of one size together."""
    plans = drawn.plans
    noise = torch.Generator(device).manual_seed(drawn.noise)
    finished: list[Tensor] = [torch.empty(0)] * len(plans)
    for crops in (1, 2):
        members = [i for i, plan in enumerate(plans) if plan.crops == crops]
        if members:
            sources = [torch.from_numpy(drawn.sources[i]) for i in members]
            images = torch.stack(sources).to(device).float() / 255
            opacity = [drawn.masks[i].opacities(images.shape[-1], device) for i in members]
            done = damaged(images, [plans[i] for i in members], opacity, noise)
            for i, image in zip(members, done, strict=True):
                finished[i] = image
    return finished


def _corners(
    masks: np.ndarray, plan: Plan, config: SlideConfig, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Top left corners (y, x) of a plan's crops.

    Two crops are drawn again until both show each region at nearly the same extent, as far as
    a few tries go: else localized damage would make most pairs of crops ambiguous.
    """
    if plan.crops == 1:
        return [(0, 0)]
    size = config.crop
    tries = rng.integers(side(config, plan) - size + 1, size=(_TRIES, 2, 2))
    if all(region.mask is None for region in plan.regions):
        return [(int(y), int(x)) for y, x in tries[0]]
    # Sums over rectangles by the sums over all pixels above and to the left.
    sums = np.pad(masks, ((0, 0), (1, 0), (1, 0))).cumsum(1, np.float64).cumsum(2)
    y, x = tries[..., 0], tries[..., 1]
    below, right = y + size, x + size
    inside = sums[:, below, right] - sums[:, y, right] - sums[:, below, x] + sums[:, y, x]
    extent = np.log2(np.maximum(inside / size**2, config.least_coverage / 2))  # [R, tries, 2]
    active = (extent > np.log2(config.least_coverage)).all((0, 2))
    agreed = active & (np.abs(np.diff(extent)) <= config.positive_gap).all((0, 2))
    # The first try where none agrees.
    return [(int(y), int(x)) for y, x in tries[agreed.argmax()]]


def _records(
    plans: list[Plan],
    masks: list[np.ndarray],
    corners: list[list[tuple[int, int]]],
    config: SlideConfig,
    rng: np.random.Generator,
) -> Records:
    views = sum(plan.crops for plan in plans)
    coverage, severity, overlap = np.zeros((3, views, len(config.types)), np.float32)
    images = np.repeat(rng.integers(2**63, size=len(plans)), [plan.crops for plan in plans])
    size, view = config.crop, 0
    for plan, opacity, places in zip(plans, masks, corners, strict=True):
        seen = [opacity[:, y : y + size, x : x + size] for y, x in places]
        rows = range(view, view + plan.crops)
        for r, region in enumerate(plan.regions):
            t = config.types.index(region.type)
            for row, mask in zip(rows, seen, strict=True):
                # Two draws of one type cover what the wider one covers.
                coverage[row, t] = max(coverage[row, t], mask[r].mean())
                severity[row, t] = region.severity if coverage[row, t] > 0 else 0
            if plan.crops == 2:
                either = np.maximum(seen[0][r], seen[1][r]).sum()
                both = np.minimum(seen[0][r], seen[1][r]).sum()
                overlap[rows, t] = max(overlap[view, t], both / max(either, 1e-6))
        view += plan.crops
    arrays = (coverage, severity, images, overlap)
    return Records(*(torch.from_numpy(array) for array in arrays))
