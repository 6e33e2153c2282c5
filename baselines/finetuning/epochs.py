"""One fit: from first weights, or from a state, through its epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from harness.canonical import digest

from .. import saved_state
from ..loading import usable_device
from ..pretraining import checkpoint
from ..pretraining.schedule import parameter_groups
from ..state_dict import in_one_line
from . import curve
from .config import FitConfig, learning_rate
from .fitted import predicted
from .objective import Objective
from .pictures import Pictures, as_float

FITTED, STATE, CURVE = "fitted.safetensors", "state.pt", "curve.csv"


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

    def generator(self, *what: str | int) -> torch.Generator:
        """For draws that depend on the seed and on ``what`` they are for; on the CPU."""
        return torch.Generator().manual_seed(self.seed_of(*what))

    def seed_of(self, *what: str | int) -> int:
        return int(digest([self.seed, *what])[:16], 16)


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
        path = fit.folder / STATE
        state = saved_state.read(path, fit.run, "remove it, or fit in another folder")
        if state is None:
            self._prepare()
            self.optimizer = self._optimizer()
            self._save()
            return
        try:
            self.module.load_state_dict(state["module"])
            for name, parameter in self.module.named_parameters():
                parameter.requires_grad_(name in state["trained"])
            self.optimizer = self._optimizer()
            self.optimizer.load_state_dict(state["optimizer"])
            self.epoch, self.curve, self.best = state["epoch"], state["curve"], state["best"]
        except (RuntimeError, ValueError, KeyError) as error:
            raise ValueError(
                f"{path}: does not fit: {in_one_line(error)}; remove it to begin again"
            ) from None

    def finished(self) -> Path:
        fit, config = self.fit, self.fit.config
        with _bar(fit, "fitting", config.epochs * self._steps * config.batch) as bar:
            bar.update(self.epoch * self._steps * config.batch)
            while self.epoch < config.epochs:
                row = self._trained(bar)
                self.epoch += 1
                self.curve.append({"epoch": self.epoch, **row, **self._validated()})
                if curve.best(self.curve) == self.epoch - 1:
                    weights = self.student.state_dict()
                    self.best = {name: tensor.cpu().clone() for name, tensor in weights.items()}
                self._save()
                curve.write(fit.folder / CURVE, self.curve)
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

    def _prepare(self) -> None:
        fit, draws = self.fit, self.fit.generator("crops to prepare")

        def crops(n: int) -> Tensor:
            which = torch.randint(len(fit.train), (n,), generator=draws).tolist()
            return as_float(fit.train.crops(which, draws), self.device)

        torch.manual_seed(fit.seed_of("prepare"))
        with _bar(fit, "preparing") as bar:

            def tick(n: int) -> None:
                bar.update(n)

            generator = fit.generator("preparing")
            fit.objective.prepare(self.module.train(), crops, generator, tick)

    def _optimizer(self) -> torch.optim.Optimizer:
        config = self.fit.config
        return torch.optim.AdamW(parameter_groups(self.module, config.weight_decay), lr=config.lr)

    @property
    def _steps(self) -> int:
        """Of an epoch: what is left over after whole batches waits for another epoch."""
        config = self.fit.config
        return max(1, len(self.fit.train) * config.crops_per_image // config.batch)

    def _trained(self, bar: tqdm) -> dict[str, float]:
        """Train for an epoch; the means of its numbers over its steps."""
        fit, config, steps = self.fit, self.fit.config, self._steps
        self.module.train()
        n = len(fit.train) * config.crops_per_image
        order = torch.randperm(n, generator=fit.generator(self.epoch, "order")) % len(fit.train)
        rows: list[dict[str, Tensor]] = []
        for step, which in enumerate(order.split(config.batch)[:steps]):
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(config, self.epoch, (step + 1) / steps)
            pixels = fit.train.crops(which.tolist(), fit.generator(self.epoch, step, "crops"))
            labels = ((fit.train.labels[which] - self.mean) / self.scale).float()
            torch.manual_seed(fit.seed_of(self.epoch, step, "networks"))
            loss, numbers = fit.objective.loss(
                self.module,
                as_float(pixels, self.device),
                labels.to(self.device),
                fit.generator(self.epoch, step, "objective"),
            )
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            rows.append({"loss": loss.detach(), **{k: v.detach() for k, v in numbers.items()}})
            bar.update(len(which))
        means = {name: float(torch.stack([row[name] for row in rows]).mean()) for name in rows[0]}
        for name, value in means.items():
            if not math.isfinite(value):
                raise ValueError(f"{name} is {value} in epoch {self.epoch + 1}: try a lower lr")
        return {"lr": self.optimizer.param_groups[0]["lr"], **means}

    def _validated(self) -> dict[str, float]:
        images, config = self.fit.validation, self.fit.config
        self.module.eval()
        scores = [predicted(self.student, images[i], config) for i in range(len(images))]
        return curve.agreement(np.array(scores), images.labels.numpy())

    def _save(self) -> None:
        trained = [name for name, p in self.module.named_parameters() if p.requires_grad]
        state = {
            "run": dict(self.fit.run),
            "epoch": self.epoch,
            "curve": self.curve,
            "module": self.module.state_dict(),
            "trained": trained,
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
        }
        saved_state.write(self.fit.folder / STATE, state)


def _bar(fit: Fit, what: str, total: int | None = None) -> tqdm:
    """Shown where no other process shows one of many fits."""
    return tqdm(
        desc=f"{fit.objective.name}: {what}",
        total=total,
        unit="crop",
        leave=False,
        delay=2,
        disable=parent_process() is not None,
    )
