"""The batches of a run: each drawn from a generator of its own step, so nothing is carried over."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from lightning_fabric import Fabric

from harness.canonical import digest

from .photos import Photos
from .recipe import Recipe


def step_seed(seed: int, step: int, process: int, purpose: str = "batch") -> int:
    """The first 64 bits of SHA-256 of what the draws of a step follow from."""
    return int(digest([seed, step, process, purpose])[:16], 16)


def generator(seed: int, step: int, process: int) -> torch.Generator:
    """That of the batch of a process at a step, on the CPU."""
    return torch.Generator().manual_seed(step_seed(seed, step, process))


def batches(
    recipe: Recipe, photos: Photos, steps: range, fabric: Fabric
) -> Generator[Any, None, None]:
    """The batch of this process at each of ``steps``; the next is made while one trains.

    In a thread: most of the work lets others run. On 2 cores a step whose batch takes as long
    as its training takes half of the time so with one thread for each, four fifths with two.
    """
    plan = recipe.optimization

    @torch.no_grad()
    def draw(step: int) -> Any:
        rng = generator(plan.seed, step, fabric.global_rank)
        return recipe.batch(photos, plan.batch // fabric.world_size, step, rng, str(fabric.device))

    with ThreadPoolExecutor(1) as ahead:
        following = [ahead.submit(draw, step) for step in steps[:1]]
        for step in steps:
            batch = following.pop().result()
            if step + 1 in steps:
                following.append(ahead.submit(draw, step + 1))
            yield batch
