"""The arms: one network trained in ways that differ in one setting, and what stands beside them.

An arm with a seed is one run of ``iqa-eval pretrain slide-iqa``, in a folder of its own. Arms of
one seed share their first weights, and the order of photographs, crops and flips.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from baselines.pretraining import checkpoint
from baselines.pretraining.photos import Photos
from baselines.pretraining.state import settings
from baselines.slide_iqa.adapter import SHIPPED, Features, load
from baselines.slide_iqa.config import PRESETS
from baselines.slide_iqa.recipe import SlideRecipe, make
from harness.model import Model, TrainedOn

BASE = "small"
ARMS = {
    "uniform": "damage of the full frame only",
    "none-positive": "localized, no exclusion: ambiguous pairs are positives",
    "none-negative": "localized, no exclusion: ambiguous pairs are negatives",
    BASE: "localized, ambiguous pairs excluded",
    "type-only": "localized, pairs of one type are never negatives",
}
UNTRAINED = "untrained"
CHECKPOINT = "checkpoint.safetensors"
_CLI = "from harness.cli import main; main()"
_ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}


@dataclass(frozen=True)
class Plan:
    """What all arms share."""

    photos: Path
    out: Path  # an arm's folder is out/<arm>/seed<seed>
    steps: int
    batch: int
    precision: str
    device: str

    def folder(self, arm: str, seed: int) -> Path:
        return self.out / arm / f"seed{seed}"

    def recipe(self, arm: str, seed: int) -> SlideRecipe:
        plan = {"steps": self.steps, "batch": self.batch, "precision": self.precision}
        return make(arm, {**plan, "seed": seed})

    def options(self, arm: str, seed: int) -> list[str]:
        """The arguments of ``iqa-eval`` that train an arm."""
        found = {
            "photos": self.photos, "out": self.folder(arm, seed), "preset": arm,
            "steps": self.steps, "batch": self.batch, "precision": self.precision,
            "seed": seed, "device": self.device,
        }  # fmt: skip
        pairs = [(f"--{name}", str(value)) for name, value in found.items()]
        return ["pretrain", "slide-iqa", *(word for pair in pairs for word in pair)]


def difference(arm: str) -> dict[str, Any]:
    """The one setting in which an arm is unlike ``BASE``; ValueError if it is not one."""
    mine, base = PRESETS[arm], PRESETS[BASE]
    names = [f.name for f in fields(base) if getattr(mine, f.name) != getattr(base, f.name)]
    if len(names) != (arm != BASE):
        raise ValueError(f"arm {arm!r} differs from {BASE!r} in {names}: it must be in one setting")
    return {name: getattr(mine, name) for name in names}


def train(plan: Plan, arms: Iterable[str], seeds: Sequence[int], jobs: int) -> None:
    """Train all arms with all seeds, ``jobs`` at a time; finished ones are left as they are.

    Seed by seed, so that what a stopped run has finished can be compared. Raises RuntimeError
    with the last line that a failed run wrote to train.log in its folder.
    """
    photos = Photos(plan.photos)
    wanted = [(arm, seed) for seed in seeds for arm in arms]
    lacking = [pair for pair in wanted if not _finished(plan, *pair, photos)]
    print(f"training {len(lacking)} of {len(wanted)} runs; the others are finished", flush=True)
    with ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(_run, plan, *pair) for pair in lacking]
        try:
            for one in running:
                print(f"trained {one.result()}", flush=True)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _finished(plan: Plan, arm: str, seed: int, photos: Photos) -> bool:
    path = plan.folder(arm, seed) / CHECKPOINT
    if not path.is_file():
        return False
    _, kept = checkpoint.read(path)
    return kept == {**settings(plan.recipe(arm, seed), photos, 1), "step": plan.steps}


def _run(plan: Plan, arm: str, seed: int) -> Path:
    folder = plan.folder(arm, seed)
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-P", "-c", _CLI, *plan.options(arm, seed)]
    log = folder / "train.log"
    with log.open("ab") as file:
        ended = subprocess.run(command, stdout=file, stderr=file, env={**os.environ, **_ONE_THREAD})
    if ended.returncode:
        lines = log.read_text("utf-8", "replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "nothing was written")
        raise RuntimeError(f"{arm}, seed {seed}: {last.strip()} (see {log})")
    return folder


def is_shipped(plan: Plan, arm: str, seed: int) -> bool:
    """Whether an arm is of the run whose checkpoint is in the package."""
    _, kept = checkpoint.read(plan.folder(arm, seed) / CHECKPOINT)
    _, shipped = checkpoint.read(SHIPPED)
    return {key: value for key, value in shipped.items() if key != "about"} == kept


def untrained(plan: Plan, seed: int) -> Path:
    """Write the network of a seed as it is before the first step."""
    import torch

    recipe = plan.recipe(BASE, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tensors = recipe.exported(recipe.build())
    path = plan.folder(UNTRAINED, seed) / CHECKPOINT
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {"recipe": recipe.name, "config": dict(recipe.config), "step": 0}
    checkpoint.write(path, tensors, kept)
    return path


def named(arm: str, seed: int) -> str:
    """What the harness calls an arm: never by the name of the paper's model."""
    return f"control:slide-{UNTRAINED}-{seed}" if arm == UNTRAINED else f"slide-arm:{arm}-{seed}"


def model(plan: Plan, arm: str, seed: int, dataset: str) -> Model:
    """An arm as an encoder, with a card that says what it has seen; ``dataset`` names the photos.

    Raises ValueError where the checkpoint cannot be read.
    """
    path = plan.folder(arm, seed) / CHECKPOINT
    found = load(weights=str(path))
    assert isinstance(found, Features)  # no head is in these checkpoints
    slide = PRESETS[BASE if arm == UNTRAINED else arm]
    localized = slide.pristine_share + slide.full_frame_share < 1
    trained = arm != UNTRAINED
    found.card = replace(
        found.card,
        name=named(arm, seed),
        summary=ARMS.get(arm, "the network before its first step"),
        paper="",  # of which these are no models
        control=not trained,
        trained_on=(TrainedOn(dataset),) if trained else (),
        trained_degradations=slide.types if trained else (),
        trained_masks=slide.shapes if trained and localized else (),
    )
    return found
