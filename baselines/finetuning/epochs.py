"""One fit: from first weights, or from a state, through its epochs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ..loading import usable_device
from ..pretraining import checkpoint
from . import curve, states
from .config import learning_rate
from .fitted import predicted
from .pictures import as_float
from .preparing import prepare
from .run import CURVE, FITTED, STATE, Fit
from .steps import Numbers, adamw, means, step


def run_epochs(fit: Fit) -> Path:
    """Run all epochs that are left; the file of the student of the best one."""
    device = usable_device(fit.device)
    with torch.random.fork_rng(devices=[]):
        return _Running(fit, device).finished()


class _Running:
    """What changes from epoch to epoch."""

    def __init__(self, fit: Fit, device: torch.device) -> None:
        self.fit, self.device = fit, device
        torch.manual_seed(fit.seed_of("weights"))
        self.module = fit.objective.build().to(device)
        self.student = fit.objective.student(self.module)
        labels = fit.train.labels
        self.mean, self.scale = float(labels.mean()), float(labels.std(correction=0)) or 1.0
        self.epoch, self.curve, self.best = 0, list[curve.Row](), dict[str, Tensor]()
        state = states.read(fit)
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
        self.epoch, self.curve, self.best = state["epoch"], state["curve"], state["best"]

    def finished(self) -> Path:
        fit, config = self.fit, self.fit.config
        crops = fit.steps * config.batch  # of an epoch
        with fit.bar("fitting", config.epochs * crops, self.epoch * crops) as bar:
            while self.epoch < config.epochs:
                row = self._trained(bar)
                self.epoch += 1
                self.curve.append({"epoch": self.epoch, **row, **self._validated()})
                if curve.best(self.curve) == self.epoch - 1:
                    weights = self.student.state_dict()
                    self.best = {name: tensor.cpu().clone() for name, tensor in weights.items()}
                self._save()
                curve.write(fit.folder / CURVE, curve.marked(self.curve))
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
        rows: list[Numbers] = []
        for i, which in enumerate(order.split(config.batch)[:steps]):
            pixels = fit.train.crops(which.tolist(), fit.generator(self.epoch, i, "crops"))
            labels = ((fit.train.labels[which] - self.mean) / self.scale).float()
            torch.manual_seed(fit.seed_of(self.epoch, i, "networks"))
            loss, numbers = fit.objective.loss(
                self.module,
                as_float(pixels, self.device),
                labels.to(self.device),
                fit.generator(self.epoch, i, "objective"),
            )
            rate = learning_rate(config, self.epoch, (i + 1) / steps)
            rows.append(step(self.optimizer, rate, loss, numbers))
            bar.update(len(which))
        found = means(rows, f"epoch {self.epoch + 1}")
        return {"lr": learning_rate(config, self.epoch, 1.0), **found}

    def _validated(self) -> dict[str, float]:
        images, config = self.fit.validation, self.fit.config
        self.module.eval()
        scores = [predicted(self.student, images[i], config) for i in range(len(images))]
        return curve.agreement(np.array(scores), images.labels.numpy())

    def _save(self) -> None:
        trained = [name for name, p in self.module.named_parameters() if p.requires_grad]
        states.write(
            self.fit,
            epoch=self.epoch,
            curve=self.curve,
            module=self.module.state_dict(),
            trained=trained,
            optimizer=self.optimizer.state_dict(),
            best=self.best,
        )
