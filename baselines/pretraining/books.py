"""What the first process of a run writes: log, state, checkpoint, drawing."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from . import checkpoint
from .log import STEP, Log, draw, means
from .recipe import Recipe
from .schedule import learning_rate
from .state import State, write_state

CHECKPOINT, STATE, LOG = "checkpoint.safetensors", "state.pt", "log.csv"
SECONDS, WAITED = "seconds", "waited"  # of a step, beside its numbers
_REDRAW = 60  # seconds, at least, between two drawings of the loss


class Books:
    """Keeps the files of a run in ``out``; the log is cut to ``step``, from which it goes on."""

    def __init__(self, recipe: Recipe, run: Mapping[str, Any], out: Path, step: int) -> None:
        self.recipe, self.run, self.out = recipe, run, out
        self._log = Log(out / LOG, step)
        self._drawn = time.monotonic()

    def log(self, step: int, rows: Sequence[Mapping[str, float]]) -> str:
        """Add the means of the last steps up to ``step``. Returns the numbers for people."""
        plan = self.recipe.optimization
        numbers = means(rows)
        seconds, waited = numbers.pop(SECONDS), numbers.pop(WAITED)
        fixed = {STEP: step, "lr": learning_rate(step - 1, plan)}
        speed = {"images_per_second": plan.batch / seconds, "waiting": waited / seconds}
        self._log.add({**fixed, **numbers, **speed})
        return ", ".join(f"{name} {value:.3g}" for name, value in numbers.items())

    def save(self, state: State, model: nn.Module) -> None:
        """Write the state, and what there is of a checkpoint and of a drawing."""
        write_state(self.out / STATE, state)
        self._export(model, state.step)
        if time.monotonic() - self._drawn > _REDRAW:
            self._draw()

    def close(self, model: nn.Module) -> None:
        """Write the last checkpoint and drawing: also where a run was killed just before it."""
        self._export(model, self.recipe.optimization.steps)
        self._draw()

    def _export(self, model: nn.Module, step: int) -> None:
        tensors = self.recipe.exported(model)
        checkpoint.write(self.out / CHECKPOINT, tensors, {**self.run, "step": step})

    def _draw(self) -> None:
        draw(self.out / LOG, f"Pretraining of {self.recipe.name}")
        self._drawn = time.monotonic()
