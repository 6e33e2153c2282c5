"""One fit, as it is wanted: on what, how, and in which folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from harness.canonical import digest

from .config import FitConfig
from .objective import Objective
from .pictures import Pictures

FITTED, STATE, CURVE, PREPARED = "fitted.safetensors", "state.pt", "curve.csv", "teacher.csv"
SECONDS = "seconds"  # a line an epoch: its number, and how long its training took, no validation


@dataclass(frozen=True)
class Fit:
    """What is fitted on what, and where its files are; ``run`` says all of it in JSON."""

    objective: Objective
    config: FitConfig
    train: Pictures
    validation: Pictures
    seed: int
    folder: Path
    device: str
    run: Mapping[str, Any]

    @property
    def steps(self) -> int:
        """Of an epoch: what is left over after whole batches waits for another epoch."""
        return max(1, len(self.train) * self.config.crops_per_image // self.config.batch)

    def generator(self, *what: str | int) -> torch.Generator:
        """For draws that depend on the seed and on ``what`` they are for; on the CPU."""
        return torch.Generator().manual_seed(self.seed_of(*what))

    def seed_of(self, *what: str | int) -> int:
        return int(digest([self.seed, *what])[:16], 16)

    def bar(self, what: str, crops: int, done: int) -> tqdm:
        """Shown where no other process shows one of many fits."""
        return tqdm(
            desc=f"{self.objective.name}: {what}",
            total=crops,
            initial=done,
            unit="crop",
            leave=False,
            delay=2,
            disable=parent_process() is not None,
        )
