"""One fit: from first weights, or from a state, through its epochs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ..denormals import denormals_as_zero
from ..loading import usable_device
from ..pretraining import checkpoint
from . import curve, states
from .ahead import ahead
from .config import learning_rate
from .fitted import predicted
from .pictures import as_float
from .preparing import prepare
from .run import CURVE, FITTED, SECONDS, STATE, Fit
from .steps import Diverged, Numbers, adamw, means, step


def run_epochs(fit: Fit, begun: Mapping[str, Any] | None = None) -> Path:
    """Run all epochs that are left; the file of the student of the best one.

    It goes on from the state in its folder or, where there is none, from ``begun``, of `begin`.
    Raises Diverged, in one line, where numbers are not finite any more.
    """
    with torch.random.fork_rng(devices=[]), denormals_as_zero():
        return _Running(fit, states.read(fit) or begun).finished()


def begin(fit: Fit) -> dict[str, Any]:
    """The state of ``fit`` before its first epoch, which is in its folder then."""
    with torch.random.fork_rng(devices=[]), denormals_as_zero():
        return _Running(fit, states.read(fit)).state()


class _Running:
    """What changes from epoch to epoch."""

    def __init__(self, fit: Fit, state: Mapping[str, Any] | None) -> None:
        self.fit, self.device = fit, usable_device(fit.device)
        torch.manual_seed(fit.seed_of("weights"))
        self.module = fit.objective.build().to(self.device)
        self.student = fit.objective.student(self.module)
        labels = fit.train.labels
        self.mean, self.scale = float(labels.mean()), float(labels.std(correction=0)) or 1.0
        self.epoch, self.curve, self.best = 0, list[curve.Row](), dict[str, Tensor]()
        if state is not None and "epoch" in state:
            with states.restoring(fit):
                self._restore(state)
        else:
            prepare(fit, self.module, state)
            self.optimizer = adamw(self.module, fit.config.weight_decay)
            self._save()

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.module.load_state_dict(state["module"])
        for name, parameter in self.module.named_parameters():
            parameter.requires_grad_(name in state["trained"])
        self.optimizer = adamw(self.module, self.fit.config.weight_decay)
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, rows = state["epoch"], state["curve"]
        states.check(self.epoch, self.fit.config.epochs, rows, "epoch")
        if len(rows) != self.epoch or any("srcc" not in row for row in rows):
            raise ValueError("its curve is not that of its epochs")
        self.curve, self.best = list(rows), dict(state["best"])
        whole = self.student.state_dict() if self.epoch else {}
        if {n: t.shape for n, t in self.best.items()} != {n: t.shape for n, t in whole.items()}:
            raise ValueError("its best student is of another shape")

    def finished(self) -> Path:
        fit, config = self.fit, self.fit.config
        crops = fit.steps * config.batch  # of an epoch
        with fit.bar("fitting", config.epochs * crops, self.epoch * crops) as bar:
            while self.epoch < config.epochs:
                started = time.perf_counter()
                row = self._trained(bar)
                seconds = time.perf_counter() - started
                self.epoch += 1
                self.curve.append({"epoch": self.epoch, **row, **self._validated()})
                if curve.best(self.curve) == self.epoch - 1:
                    weights = self.student.state_dict()
                    self.best = {name: tensor.cpu().clone() for name, tensor in weights.items()}
                self._save()
                self._show()
                with (fit.folder / SECONDS).open("a") as file:
                    file.write(f"{self.epoch} {seconds:.3f}\n")
        self._show()  # again, since it may have been killed right after the last state
        path, kept = fit.folder / FITTED, curve.best(self.curve)
        told = {
            "run": fit.run,
            "student": self.student.config,
            "mean": self.mean,
            "scale": self.scale,
            "epoch": kept + 1,
            "srcc": curve.known(self.curve[kept]["srcc"]),
        }
        checkpoint.write(path, self.best, told)
        (fit.folder / STATE).unlink()
        return path

    def _trained(self, bar: tqdm) -> dict[str, float]:
        """Train for an epoch; the means of its numbers over its steps."""
        fit, config, steps = self.fit, self.fit.config, self.fit.steps
        self.module.train()
        n = len(fit.train) * config.crops_per_image
        order = torch.randperm(n, generator=fit.generator(self.epoch, "order")) % len(fit.train)
        batches = order.split(config.batch)[:steps]

        def cut(i: int) -> Tensor:
            return fit.train.crops(batches[i].tolist(), fit.generator(self.epoch, i, "crops"))

        rows: list[Numbers] = []
        for i, pixels in enumerate(ahead(cut, range(len(batches)), fit.train.threads)):
            labels = ((fit.train.labels[batches[i]] - self.mean) / self.scale).float()
            torch.manual_seed(fit.seed_of(self.epoch, i, "networks"))
            loss, numbers = fit.objective.loss(
                self.module,
                as_float(pixels, self.device),
                labels.to(self.device),
                fit.generator(self.epoch, i, "objective"),
            )
            rate = learning_rate(config, self.epoch, (i + 1) / steps)
            rows.append(step(self.optimizer, rate, loss, numbers))
            bar.update(len(batches[i]))
        found = means(rows, f"epoch {self.epoch + 1}")
        return {"lr": learning_rate(config, self.epoch, 1.0), **found}

    def _validated(self) -> dict[str, float]:
        images = self.fit.validation
        self.module.eval()
        scores = np.array(predicted(self.student, images, self.fit.config))
        if not np.isfinite(scores).all():
            raise Diverged(f"scores are not finite after epoch {self.epoch}: try a lower lr")
        return curve.agreement(scores, images.labels.numpy())

    def _show(self) -> None:
        curve.write(self.fit.folder / CURVE, curve.marked(self.curve))

    def _save(self) -> None:
        states.write(self.fit, **self.state())

    def state(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "curve": self.curve,
            "module": self.module.state_dict(),
            "trained": [name for name, p in self.module.named_parameters() if p.requires_grad],
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
        }
