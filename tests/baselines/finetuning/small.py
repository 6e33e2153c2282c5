"""A student that trains in a second, and images whose label can be seen."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from baselines.finetuning.config import FitConfig
from baselines.finetuning.objective import Regression
from baselines.finetuning.student import Student
from baselines.slide_iqa.config import Backbone
from baselines.slide_iqa.encoder import Encoder
from harness.sample import Dataset, Sample
from harness.source import FileSource

SMALL = FitConfig(
    epochs=3,
    batch=8,
    lr=3e-3,
    warmup_epochs=1,
    crop=32,
    crops_per_image=2,
    shorter_side=64,
    test_crops=2,
    queries=2,
    ffn=16,
)
BACKBONE = Backbone("patch", mscn=False, image_size=32, width=24, depth=1, heads=3)


def student() -> Student:
    return Student(Encoder(BACKBONE), SMALL.queries, SMALL.ffn)


CONTROL = Regression(student, {"of": "tests"})


class Killed(BaseException):
    """As good as kill -9: nothing catches it."""


class Dying(Regression):
    """The control, killed after ``steps`` steps."""

    def loss(self, *arguments):
        if self.taken == self.steps:
            self.die()
        object.__setattr__(self, "taken", self.taken + 1)
        return super().loss(*arguments)

    def die(self):
        raise Killed


def dying(steps: int, kind: type[Dying] = Dying) -> Dying:
    found = kind(student, CONTROL.config)
    for name, value in (("steps", steps), ("taken", 0)):
        object.__setattr__(found, name, value)
    return found


def rows(path: Path) -> list[dict[str, float]]:
    """Of a curve."""
    with path.open() as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def assert_same_fit(one: Path, other: Path) -> None:
    assert one.read_bytes() == other.read_bytes()
    curves = [{p.name: p.read_bytes() for p in f.parent.glob("*.csv")} for f in (one, other)]
    assert curves[0] == curves[1]
    assert "curve.csv" in curves[0]


def pictures(folder: Path, scenes: int, name: str = "toy", first: int = 0) -> Dataset:
    """Four brightnesses of each scene, the darker the better, from 10 to 40."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for scene in range(first, first + scenes):
        rng = np.random.default_rng(scene)
        noise = rng.normal(0, 12, (40 + scene % 3, 56, 3))
        for level in range(4):
            pixels = (60 + 40 * level + noise).clip(0, 255).astype(np.uint8)
            path = folder / f"{scene}-{level}.png"
            Image.fromarray(pixels).save(path)
            samples.append(
                Sample(path.name, FileSource(path), f"scene{scene}", label=40.0 - 10 * level)
            )
    return Dataset(name, tuple(samples), label_kind="mos")


def without_labels(dataset: Dataset) -> Dataset:
    return replace(dataset, samples=tuple(replace(s, label=None) for s in dataset.samples))


def noise(height: int, width: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, height, width), generator=generator, dtype=torch.uint8)
