"""A small recipe for the tests: two crops of a photograph are told from those of others.

As a program it runs the recipe, so that it can be killed: ``toy PHOTOS OUT WORKERS FIELDS``, the
fields as JSON.
"""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from PIL.Image import Resampling
from torch import nn

from baselines.pretraining.heads import ema_update, mlp, momentum
from baselines.pretraining.loop import pretrain
from baselines.pretraining.photos import Photos
from baselines.pretraining.recipe import Optimization

ROOT = Path(__file__).parents[3]
SIDE = 16


@dataclass(frozen=True)
class Toy:
    optimization: Optimization
    width: int = 8
    dropout: float = 0.2
    double: bool = False
    kill_at: int | None = None  # the step in whose middle SIGKILL comes
    interrupt_at: int | None = None  # the step after which SIGINT comes
    nan_at: int | None = None
    fail_at: int | None = None  # the step whose batch cannot be drawn
    name: str = "toy"
    multiple: int = 1

    @property
    def config(self) -> Mapping[str, Any]:
        return {"width": self.width, "dropout": self.dropout}

    def build(self) -> nn.Module:
        backbone = nn.Sequential(
            *(nn.Conv2d(3, self.width, 3, 2), nn.GELU(), nn.Dropout2d(self.dropout)),
            *(nn.Conv2d(self.width, 2 * self.width, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        )
        student = nn.ModuleDict(
            {"backbone": backbone, "projector": mlp(2 * self.width, 32, 16, layers=3)}
        )
        teacher = copy.deepcopy(student).requires_grad_(False)
        predictor = mlp(16, 32, 16, layers=2)
        unused = nn.Linear(2, 2)  # as any model may have
        parts = {"student": student, "teacher": teacher, "predictor": predictor, "unused": unused}
        return nn.ModuleDict(parts).to(self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        return torch.float64 if self.double else torch.float32

    def drawn(self, photos: Photos, n: int, step: int, generator: torch.Generator) -> Any:
        if step == self.fail_at:
            raise ValueError("no such photograph")
        views = []
        for index in torch.randint(len(photos), (n,), generator=generator).tolist():
            photo = photos[index]
            for _ in range(2):
                top, left = (
                    int(torch.randint(side - SIDE + 1, (), generator=generator))
                    for side in photo.shape[1:]
                )
                views.append(photo[:, top : top + SIDE, left : left + SIDE])
        return torch.stack(views)

    def batch(self, drawn: torch.Tensor, device: str) -> Any:
        stacked = (drawn / 255 - 0.5).to(device, self.dtype)
        return stacked[::2], stacked[1::2]

    def loss(self, model: Any, batch: Any, gather: Any) -> tuple[torch.Tensor, dict[str, Any]]:
        student, teacher, (first, second) = model["student"], model["teacher"], batch
        with torch.no_grad():
            keys = teacher["projector"](gather(teacher["backbone"](second)))
        hidden = gather(student["backbone"](first))
        queries = model["predictor"](student["projector"](hidden))
        similar = F.normalize(queries) @ F.normalize(keys).T / 0.2
        targets = torch.arange(len(similar), device=similar.device)
        hits = (similar.argmax(1) == targets).float().mean()
        loss = F.cross_entropy(similar, targets)
        return loss, {"hits": hits, "pairs": float(len(similar))}

    def after_step(self, model: Any, step: int) -> None:
        ema_update(model["teacher"], model["student"], momentum(step, self.optimization.steps))
        if step == self.kill_at:  # the optimizer has stepped, the step is not done
            os.kill(os.getpid(), signal.SIGKILL)
        if step == self.interrupt_at:
            os.kill(os.getpid(), signal.SIGINT)
        if step + 1 == self.nan_at:
            with torch.no_grad():
                next(model["student"].parameters()).fill_(float("nan"))

    def exported(self, model: Any) -> dict[str, torch.Tensor]:
        return model["student"]["backbone"].state_dict()


def toy(preset: str, overrides: Mapping[str, Any]) -> Toy:
    """As an entry point of ``iqa_eval.recipes`` makes it."""
    if preset != "tiny":
        raise ValueError(f"toy has no preset {preset!r}; presets: tiny")
    return Toy(Optimization(**{"steps": 6, "batch": 8, "lr": 0.1, **overrides}))


def photographs(folder: Path) -> Path:
    """Six small ones, of noise at different scales."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(6):
        coarse = rng.integers(0, 256, (4 + i, 5 + i, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((40, 32), Resampling.BICUBIC).save(folder / f"{i}.png")
    return folder


def command(monkeypatch: Any) -> Callable[..., Any]:
    """``iqa-eval pretrain`` as a function of its arguments; "toy" is registered."""
    import typer
    from typer.testing import CliRunner

    from baselines.pretraining import command
    from harness import registry

    target = "tests.baselines.pretraining.toy:toy"
    point = EntryPoint("toy", target, "iqa_eval.recipes")
    real = registry.entries
    known = {**real("recipes"), "toy": registry.Entry("toy", target, "tests", point)}
    monkeypatch.setattr(
        registry, "entries", lambda group: known if group == "recipes" else real(group)
    )
    app = typer.Typer()
    app.command("pretrain")(command.pretrain)
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


def started(
    recipe: Toy, photos: Path, out: Path, workers: int = 0, **how: Any
) -> subprocess.Popen[bytes]:
    """A process that runs ``recipe``."""
    program = [sys.executable, "-m", "tests.baselines.pretraining.toy"]
    arguments = [str(photos), str(out), str(workers), json.dumps(asdict(recipe))]
    given = {"cwd": ROOT, "stderr": subprocess.DEVNULL, **how}
    return subprocess.Popen([*program, *arguments], **given)


def main(photos: str, out: str, workers: str, given: str) -> None:
    options = json.loads(given)
    options["optimization"] = Optimization(**options["optimization"])
    torch.set_num_threads(1)
    pretrain(Toy(**options), Photos(photos), Path(out), device="cpu", workers=int(workers))


if __name__ == "__main__":
    main(*sys.argv[1:])
