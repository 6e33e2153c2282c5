"""What pretraining costs beside a bare forward pass, backward pass and optimizer step.

Three things take turns, on the recipe slide-iqa: the bare steps, of the same network on one batch
that is made beforehand; the steps of ``pretrain`` as it is, with the time that they wait for
their batches; and the making of these batches alone, in this process, with the time in its parts.
On a GPU all clocks wait for it, and what batches are made of is also drawn alone by as many
workers as ``pretrain`` has there. On a CPU batches are made on the cores that train, so that
little waiting says little there. The photographs are those that libraries ship, unless a folder
is given.

The time in degradations is also given as a share of a real step, as if nothing went on beside
them. The last line is ``pretrain ratio VALUE``: images per second of the real steps over those
of the bare ones; at 1, batches would cost nothing.
"""

from __future__ import annotations

import argparse
import math
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

if str(Path(__file__).resolve().parent) in sys.path:
    sys.path.remove(str(Path(__file__).resolve().parent))  # where `baselines` is a script

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from baselines.loading import usable_device
from baselines.pretraining.batches import Draw, default_workers, drawn_by_workers
from baselines.pretraining.contrast import info_nce
from baselines.pretraining.loop import pretrain
from baselines.pretraining.photos import Photos
from baselines.pretraining.schedule import parameter_groups
from baselines.slide_iqa import render, views
from baselines.slide_iqa.recipe import SlideRecipe, make
from baselines.slide_iqa.relations import relations
from probes.contents import embedded

# Steps of a run that are not counted: the first waits for all of its batch, and they warm up;
# while the last one trains, no batch is made.
FIRST, LAST = 2, 1
PARTS = {
    "plans": [(views, "compose")],
    "masks": [(views, "opacities")],
    "cutting": [(views, "square"), (views, "_corners")],
    "degradations": [(render, "degrade_batch")],
}


def main() -> None:
    gpu = torch.cuda.is_available()
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--photos", type=Path, help="folder; else those that libraries ship")
    options.add_argument("--preset", default="small")
    options.add_argument("--batch", type=int, help="images a step, instead of the preset's")
    options.add_argument("--precision", help="instead of the preset's")
    options.add_argument("--device", default="cuda" if gpu else "cpu")
    options.add_argument("--steps", type=int, default=50 if gpu else 5, help="of each measurement")
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    chosen = {"batch": given.batch, "precision": given.precision}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    steps = FIRST + given.steps + LAST
    recipe = make(given.preset, {**chosen, "steps": steps, "save_every": steps})
    with tempfile.TemporaryDirectory() as folder:
        if given.photos is None:
            for content in embedded():
                shutil.copy(content.path, folder)
        compare(recipe, Photos(given.photos or folder), given.device, given.rounds)


def compare(recipe: SlideRecipe, photos: Photos, device: str, rounds: int) -> None:
    plan = recipe.optimization
    where = torch.cuda.get_device_name() if device.startswith("cuda") else "CPU"
    print(
        f"{plan.batch} images of {recipe.slide.crop} pixels a step, {plan.precision}, {where}, "
        f"{torch.get_num_threads()} threads, {len(photos)} photographs",
        flush=True,
    )
    workers = default_workers(usable_device(device), 1)
    bare = Bare(recipe, photos, device)
    bare.seconds(1)  # to warm up
    found: list[dict[str, float]] = []
    for number in range(1, rounds + 1):
        row = {"bare": bare.seconds(len(counted(recipe)))}
        row |= real(recipe, photos, device) | alone(recipe, photos, device)
        row |= by_workers(recipe, photos, workers) if workers else {}
        found.append(row)
        rates = (f"{name} {plan.batch / row[name]:.1f}" for name in ("bare", "real", "views"))
        print(f"round {number} of {rounds}, images/s: {', '.join(rates)}", flush=True)

    parts = ", ".join(f"{part} {share(found, part, 'views')}" for part in (*PARTS, "rest"))
    one, ours, making = (plan.batch / middle(found, name) for name in ("bare", "real", "views"))
    print(f"bare forward pass, backward pass and optimizer step: {one:.1f} images/s")
    print(f"real steps: {ours:.1f} images/s; waiting for batches {share(found, 'waiting', 'real')}")
    print(f"views alone: {making:.1f} images/s; {parts}")
    if workers:
        print(f"drawn by {workers} workers: {plan.batch / middle(found, 'drawn'):.1f} images/s")
    print(f"degradations alone, of the time of a real step: {share(found, 'degradations', 'real')}")
    print(f"pretrain ratio {middle(found, 'bare', 'real'):.2f}")


def middle(found: Sequence[Mapping[str, float]], name: str, of: str | None = None) -> float:
    """The median over the rounds of some seconds, or of their ratio to others."""
    return statistics.median(row[name] / (row[of] if of else 1) for row in found)


def share(found: Sequence[Mapping[str, float]], name: str, of: str) -> str:
    return f"{100 * middle(found, name, of):.0f} %"


def counted(recipe: SlideRecipe) -> range:
    """The steps of a run that are measured."""
    return range(FIRST, recipe.optimization.steps - LAST)


def clock() -> float:
    """Seconds, read when a GPU is done with what it was given."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


# --- the bare steps ---------------------------------------------------------------------------


class Bare:
    """The recipe's network and optimizer in a loop that has its batch already."""

    def __init__(self, recipe: SlideRecipe, photos: Photos, device: str) -> None:
        self.recipe, self.plan, self.device = recipe, recipe.optimization, usable_device(device)
        torch.manual_seed(self.plan.seed)
        self.model: Any = recipe.build().to(self.device).train()
        self.optimizer = torch.optim.AdamW(parameter_groups(self.model, self.plan.weight_decay))
        batch = made(recipe, photos, 0, device)
        self.images, self.relations = batch.images, relations(batch.records, recipe.slide)

    def seconds(self, steps: int) -> float:
        """Of a step."""
        began = clock()
        for step in range(steps):
            self.step(step)
        return (clock() - began) / steps

    def step(self, number: int) -> None:
        half = self.plan.precision == "bf16-mixed"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            queries, keys = self.model.heads(*self.model.encoded(self.images))
            loss = info_nce(queries, keys, self.relations, self.recipe.slide.temperature)
        self.optimizer.zero_grad()
        loss.backward()
        if self.plan.grad_clip is not None:
            clip_grad_norm_(self.model.parameters(), self.plan.grad_clip)
        self.optimizer.step()
        self.recipe.after_step(self.model, number)


# --- the real ones ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Watched(SlideRecipe):
    """The recipe, which notes when each step has its batch and when it ends."""

    began: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)

    def loss(self, *arguments: Any) -> tuple[Tensor, Mapping[str, float | Tensor]]:
        self.began.append(clock())
        return super().loss(*arguments)

    def after_step(self, model: Any, step: int) -> None:
        super().after_step(model, step)
        self.ended.append(clock())


def real(recipe: SlideRecipe, photos: Photos, device: str) -> dict[str, float]:
    """Seconds of a step of a run, and those of them spent on waiting for its batch."""
    watched = Watched(recipe.slide)
    with tempfile.TemporaryDirectory() as out:
        pretrain(watched, photos, Path(out), device)
    began, ended, steps = watched.began, watched.ended, counted(recipe)
    whole = ended[steps[-1]] - ended[FIRST - 1]
    waiting = math.fsum(began[step] - ended[step - 1] for step in steps)
    return {"real": whole / len(steps), "waiting": waiting / len(steps)}


# --- the batches ------------------------------------------------------------------------------


def draw(recipe: SlideRecipe, photos: Photos) -> Draw:
    """That of the only process of a run."""
    return Draw(recipe, photos, recipe.optimization.batch, 0)


def made(recipe: SlideRecipe, photos: Photos, step: int, device: str) -> views.Batch:
    """The batch of a step of a run."""
    with torch.no_grad():
        return recipe.batch(draw(recipe, photos)(step), device)


def alone(recipe: SlideRecipe, photos: Photos, device: str) -> dict[str, float]:
    """Seconds of making the batch of a step, and those of its parts."""
    seconds = dict.fromkeys(PARTS, 0.0)

    def timed(part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any) -> Any:
            began = clock()
            found = call(*arguments)
            seconds[part] += clock() - began
            return found

        return wrapped

    steps = counted(recipe)
    with ExitStack() as stack:
        for part, functions in PARTS.items():
            for home, name in functions:
                call = timed(part, getattr(home, name))
                stack.enter_context(mock.patch.object(home, name, call))
        began = clock()
        for step in steps:
            made(recipe, photos, step, device)
        whole = clock() - began
    found = {"views": whole, **seconds, "rest": whole - math.fsum(seconds.values())}
    return {name: value / len(steps) for name, value in found.items()}


def by_workers(recipe: SlideRecipe, photos: Photos, workers: int) -> dict[str, float]:
    """Seconds in which workers draw what the batch of a step is made of, once all are at work."""
    ready, steps = 2 * workers + 1, len(counted(recipe))
    with closing(drawn_by_workers(draw(recipe, photos), range(ready + steps), workers)) as found:
        for _ in range(ready):
            next(found)
        began = time.perf_counter()
        for _ in found:
            pass
        return {"drawn": (time.perf_counter() - began) / steps}


if __name__ == "__main__":
    main()
