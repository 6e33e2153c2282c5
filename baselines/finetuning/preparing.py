"""What comes before the epochs: a teacher is trained on the training images, without labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from . import curve, states
from .ahead import ahead
from .objective import Preparation
from .pictures import as_float
from .run import PREPARED, Fit
from .steps import Numbers, adamw, means, step

_ROWS = 10  # of its curve, at least


def prepare(fit: Fit, module: nn.Module, state: Mapping[str, Any] | None) -> None:
    """Train the teacher within ``module``, if the objective has one, and freeze it.

    It goes on from ``state``, of one that was killed. State and curve (teacher.csv) are written at
    least as often as an epoch of the fit ends, counted in crops; not the state at the very end,
    since the epochs write theirs then. Raises ValueError, in one line, for a loss that is not
    finite and a state that does not fit.
    """
    if (preparation := fit.objective.preparation) is not None:
        _Preparing(fit, module, preparation).run(state)


class _Preparing:
    def __init__(self, fit: Fit, module: nn.Module, preparation: Preparation) -> None:
        self.fit, self.module, self.preparation = fit, module, preparation
        self.plan, self.part = preparation.plan, preparation.part(module).requires_grad_(True)
        self.optimizer = adamw(self.part, self.plan.weight_decay)
        self.done, self.curve = 0, list[curve.Row]()

    @property
    def between(self) -> int:
        """Steps from one state to the next."""
        epoch = self.fit.steps * self.fit.config.batch
        return max(1, min(epoch // self.plan.batch, self.plan.steps // _ROWS))

    def run(self, state: Mapping[str, Any] | None) -> None:
        fit, plan = self.fit, self.plan
        if state is not None:
            with states.restoring(fit):
                self.part.load_state_dict(state["prepared"])
                self.optimizer.load_state_dict(state["optimizer"])
                states.check(state["steps"], plan.steps, state["curve"], "step")
                self.done, self.curve = state["steps"], state["curve"]
        self.module.train()
        crops = ahead(self._drawn, range(self.done, plan.steps), fit.train.threads)
        with fit.bar("preparing", plan.steps * plan.batch, self.done * plan.batch) as bar:
            while self.done < plan.steps:
                until = min(self.done + self.between, plan.steps)
                rows = []
                for number in range(self.done, until):
                    rows.append(self._stepped(number, next(crops)))
                    bar.update(plan.batch)
                self.done = until
                found = means(rows, f"step {until} of the preparation", "teacher_lr")
                self.curve.append({"step": until, "lr": plan.rate(until - 1), **found})
                if until < plan.steps:
                    self._save()
                curve.write(fit.folder / PREPARED, self.curve)
        self.part.zero_grad(set_to_none=True)
        self.part.requires_grad_(False)

    def _drawn(self, number: int) -> Tensor:
        """The crops of step ``number``."""
        draws = self.fit.generator("prepare", number, "crops")
        size = (self.plan.batch,)
        which = torch.randint(len(self.fit.train), size, generator=draws).tolist()
        return self.fit.train.crops(which, draws)

    def _stepped(self, number: int, pixels: Tensor) -> Numbers:
        fit, plan = self.fit, self.plan
        images = as_float(pixels, next(self.part.parameters()).device)
        torch.manual_seed(fit.seed_of("prepare", number, "networks"))
        generator = fit.generator("prepare", number, "objective")
        loss, numbers = self.preparation.loss(self.module, images, generator)
        return step(self.optimizer, plan.rate(number), loss, numbers)

    def _save(self) -> None:
        states.write(
            self.fit,
            steps=self.done,
            curve=self.curve,
            prepared=self.part.state_dict(),
            optimizer=self.optimizer.state_dict(),
        )
