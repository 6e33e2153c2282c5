"""Which damage goes where in a batch: plans, drawn on the CPU and rendered elsewhere.

A batch draws on few type sets and area bins, so that enough of its pairs are alike enough to be
positive or ambiguous. Views come in pairs with the same types, severities and area bin: two
photographs, or two crops of one damaged photograph.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from probes.masks import MaskRecipe, alpha

from .config import SlideConfig

_TWIN = 0.8  # of the positive gap: feathers and the pixel grid take some of the rest


@dataclass(frozen=True)
class Region:
    """One damage and where it is; ``mask`` is None for the whole image."""

    type: str
    severity: float
    mask: MaskRecipe | None = None


@dataclass(frozen=True)
class Plan:
    """One photograph, the damage done to it in sequence, and the crops taken of it (1 or 2).

    With ``two_draws`` the second region is a second draw on the undamaged image.
    """

    photo: int
    regions: tuple[Region, ...]
    crops: int
    two_draws: bool = False


def compose(
    config: SlideConfig, views: int, photos: int, rng: np.random.Generator, progress: float = 0.0
) -> list[Plan]:
    """Plans of ``views`` views in all, of ``photos`` photographs (each pair draws its own).

    ``progress`` is the share of the training that is done. Raises ValueError for an odd number
    of views, or fewer than two photographs.
    """
    if views % 2 or photos < 2:
        raise ValueError(
            f"views come in pairs of two photographs; got {views} views, {photos} photographs"
        )
    # Photographs first: configs that differ in what is done see the same ones in the same order.
    pairs = [rng.choice(photos, 2, replace=False).tolist() for _ in range(views // 2)]
    same_image = rng.random(len(pairs)) < config.same_image_share
    sets = _type_sets(config, rng)
    plans: list[Plan] = []
    for pair, same in zip(pairs, same_image.tolist(), strict=True):
        plans += _pair(config, pair[:1] if same else pair, sets, rng, progress)
    return plans


def side(config: SlideConfig, plan: Plan) -> int:
    """Side in pixels of the image that is damaged: one crop, or a window that two are taken of."""
    return config.crop if plan.crops == 1 else round(config.window * config.crop)


def _pair(
    config: SlideConfig,
    photos: list[int],
    sets: list[list[tuple[str, ...]]],
    rng: np.random.Generator,
    progress: float,
) -> list[Plan]:
    """Two views with the same types, severities and area bin: of one photograph or of two."""
    types, kind = _types_and_kind(config, sets, rng)
    least = [severity for start, severity in config.curriculum if progress >= start][-1]
    severities = rng.integers(least, 6, len(types)).tolist()
    lowest, highest = (math.log2(area) for area in config.areas)
    width = (highest - lowest) / config.area_bins
    lowest += width * int(rng.integers(config.area_bins))
    octaves = rng.uniform(0, width, len(types))
    plans = []
    for photo in photos:
        areas = 2 ** (lowest + octaves)
        regions = [
            Region(name, float(severity), _mask(config, float(area), rng))
            for name, severity, area in zip(types, severities, areas, strict=True)
        ]
        plan = Plan(photo, tuple(regions), 3 - len(photos), kind == "two-draws")
        if kind == "full-frame":
            plan = replace(plan, regions=tuple(replace(r, mask=None) for r in regions))
        elif kind == "two-draws":
            plan = replace(plan, regions=(replace(regions[0], mask=None), *regions))
        elif kind == "band":
            sliver = _sliver(config, regions[0], side(config, plan))
            plan = replace(plan, regions=(sliver,))
        plans.append(plan)
        # The twin's areas lie near, in the same bin, and are as evenly spread over it.
        moved = octaves + min(_TWIN * config.positive_gap, width) * rng.uniform(-1, 1, len(types))
        octaves = width - np.abs(width - np.abs(moved))
    return plans


def _type_sets(config: SlideConfig, rng: np.random.Generator) -> list[list[tuple[str, ...]]]:
    """The batch's sets of types, by their size, the frequent ones first.

    Sets of several types are made of the single ones, so that many sets have types in common.
    """
    singles = rng.permutation(config.types)[: config.type_sets[0]]
    weights = _weights(config, len(singles))
    return [
        [tuple(rng.choice(singles, size, replace=False, p=weights).tolist()) for _ in range(count)]
        if size > 1
        else [(str(name),) for name in singles]
        for size, count in enumerate(config.type_sets, 1)
    ]


def _weights(config: SlideConfig, count: int) -> np.ndarray:
    weights = config.popularity ** np.arange(count)
    return weights / weights.sum()


def _types_and_kind(
    config: SlideConfig, sets: list[list[tuple[str, ...]]], rng: np.random.Generator
) -> tuple[tuple[str, ...], str]:
    share = rng.random()
    if share < config.pristine_share:
        return (), "pristine"
    if share < config.pristine_share + config.full_frame_share:
        return _one(config, sets[0], rng), "full-frame"
    share = rng.random()
    if share < config.band_share:
        return _one(config, sets[0], rng), "band"
    if share < config.band_share + config.two_draws_share:
        return (str(rng.choice(config.stochastic_types)),), "two-draws"
    return _one(config, sets[rng.choice(len(sets), p=config.regions)], rng), "localized"


def _one(
    config: SlideConfig, sets: list[tuple[str, ...]], rng: np.random.Generator
) -> tuple[str, ...]:
    return sets[int(rng.choice(len(sets), p=_weights(config, len(sets))))]


def _mask(config: SlideConfig, area: float, rng: np.random.Generator) -> MaskRecipe:
    shape = config.shapes[int(rng.integers(len(config.shapes)))]
    feather = float(rng.uniform(*config.feathers)) if rng.random() < config.feather_share else 0.0
    return MaskRecipe(shape, min(area, config.areas[1]), feather, seed=int(rng.integers(2**63)))


def _sliver(config: SlideConfig, region: Region, side: int) -> Region:
    """The band at the edge of the region's mask, made smaller until it is below activity."""
    assert region.mask is not None
    mask = replace(region.mask, part="band", feather=0.0)
    most = config.least_coverage * config.crop**2
    while alpha(mask, side, side).sum() >= most and mask.area * side**2 > 1:
        mask = replace(mask, area=mask.area / 2)
    return replace(region, mask=mask)
