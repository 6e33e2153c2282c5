"""The batches of a run: each drawn from a generator of its own step, so nothing is carried over."""

from __future__ import annotations

import os
import pickle
import sys
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TYPE_CHECKING, Any

import torch

from harness.canonical import digest

from .interrupt import unheard
from .photos import Photos
from .recipe import Recipe

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # no worker needs it

_MOST = 8  # workers, unless more are asked for


def step_seed(seed: int, step: int, process: int, purpose: str = "batch") -> int:
    """The first 64 bits of SHA-256 of what the draws of a step follow from."""
    return int(digest([seed, step, process, purpose])[:16], 16)


def generator(seed: int, step: int, process: int) -> torch.Generator:
    """That of the batch of a process at a step, on the CPU."""
    return torch.Generator().manual_seed(step_seed(seed, step, process))


def default_workers(device: torch.device, processes: int) -> int:
    """With a GPU up to 8, on the cores that its process leaves; none on a CPU, which trains."""
    if device.type == "cpu":
        return 0
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(_MOST, max(1, cores // processes - 1))


def batches(
    recipe: Recipe, photos: Photos, steps: range, fabric: Fabric, workers: int | None = None
) -> Generator[Any, None, None]:
    """The batch of this process at each of ``steps``; the next is made while one trains.

    In a thread: most of the work lets others run. On 2 cores a step whose batch takes as long
    as its training takes half of the time so with one thread for each, four fifths with two.
    What it is made of is drawn there, too, or by as many ``workers``, processes of their own,
    since Python's lock keeps threads from it; None is `default_workers`.
    """
    if workers is None:
        workers = default_workers(fabric.device, fabric.world_size)
    share = recipe.optimization.batch // fabric.world_size
    draw = Draw(recipe, photos, share, fabric.global_rank)
    found = drawn_by_workers(draw, steps, workers) if workers else (draw(step) for step in steps)

    @torch.no_grad()
    def make() -> Any:
        return recipe.batch(next(found), str(fabric.device))

    with closing(found), ThreadPoolExecutor(1) as ahead:
        following = [ahead.submit(make) for _ in steps[:1]]
        for step in steps:
            batch = following.pop().result()
            if step + 1 in steps:
                following.append(ahead.submit(make))
            yield batch


@dataclass(frozen=True)
class Draw:
    """Draws what the ``n`` samples of a process at a step are made of."""

    recipe: Recipe
    photos: Photos
    n: int
    process: int

    def __call__(self, step: int) -> Any:
        rng = generator(self.recipe.optimization.seed, step, self.process)
        return self.recipe.drawn(self.photos, self.n, step, rng)


def drawn_by_workers(draw: Draw, steps: range, workers: int) -> Generator[Any, None, None]:
    """What ``draw`` gives for each of ``steps``, in order, at most ``workers`` + 1 of them ahead.

    The workers share the memory of the photographs. They end with this process, however it ends,
    and an error in one is raised here. Raises ValueError for a worker that was killed.
    """
    theirs = replace(draw, photos=draw.photos.shared(workers))
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, (theirs,))
    coming = iter(steps)

    def submitted(count: int) -> list[Future[bytes]]:
        with unheard():  # it starts workers
            return [pool.submit(_drawn, step) for step in islice(coming, count)]

    try:
        waiting = deque(submitted(workers + 1))
        while waiting:
            done = waiting.popleft().result()
            waiting.extend(submitted(1))
            yield pickle.loads(done)
    except BrokenProcessPool:
        raise ValueError(
            "a worker that draws batches was killed, perhaps for want of memory: "
            "the same command with fewer --workers goes on"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


# --- in a worker --------------------------------------------------------------------------------

_draw: Draw


def _begin(draw: Draw) -> None:
    global _draw
    _draw = draw
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # as where it is trained
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process that was killed cannot end its workers, and they would wait for ever."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@torch.no_grad()
def _drawn(step: int) -> bytes:
    # Pickled here, since the pool would send tensors through /dev/shm, which is often small.
    return pickle.dumps(_draw(step), pickle.HIGHEST_PROTOCOL)
