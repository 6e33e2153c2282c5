"""The tiny dataset and the dummy models that the tests share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch
from PIL import Image

from harness.model import ModelCard
from harness.sample import Dataset, Sample
from harness.source import FileSource

# A busy machine is no failure: what is slow is for benchmarks to say. The same tests draw the same
# examples, so that no change is blamed for the fault of another; `make fuzz` draws new ones.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.register_profile("fuzz", deadline=None, print_blob=True)
hypothesis.settings.load_profile("steady")


def card(name: str, **changes: object) -> ModelCard:
    defaults = {
        "version": "1",
        "mode": "NR",
        "summary": "a test model",
        "license": "Apache-2.0",
        "options": {},
    }
    return ModelCard(name=name, **{**defaults, "trained_on": (), **changes})  # type: ignore[arg-type]


class Sharpness:
    """A scorer and encoder of plain statistics; counts the images that it has seen."""

    def __init__(self, name: str = "sharpness", **changes: object) -> None:
        self.card = card(name, **changes)
        self.seen = 0

    def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
        self.seen += len(images)
        return torch.stack([image.double().diff(dim=2).abs().mean() for image in images])

    def features(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
        self.seen += len(images)
        rows = [
            torch.stack([i.float().mean(), i.float().std(), i.float().diff(dim=1).abs().mean()])
            for i in images
        ]
        return torch.stack(rows)[:, None]


class Difference:
    """A full-reference scorer with maps; rejects pairs of different sizes."""

    def __init__(self) -> None:
        self.card = card("difference", mode="FR", map_channels=("any",))

    def score_pair(
        self, images: Sequence[torch.Tensor], references: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        errors = [
            (i.double() - r.double()).square().mean()
            for i, r in zip(images, references, strict=True)
        ]
        return -torch.stack(errors)

    def distortion_map(
        self, images: Sequence[torch.Tensor], references: Sequence[torch.Tensor]
    ) -> list[torch.Tensor]:
        return [
            0.5 + 0.5 * (i.float() - r.float()).abs().mean(0, keepdim=True) / 255
            for i, r in zip(images, references, strict=True)
        ]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """24 small JPEG files: 6 scenes, each pristine and at three strengths of noise."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for scene in range(6):
        ramp = np.linspace(0, 200, 64)[None, :, None] * rng.uniform(0.3, 1, (1, 1, 3))
        base = np.broadcast_to(ramp, (48, 64, 3)) + 30
        for level in range(4):
            noisy = base + rng.normal(0, 8 * level, base.shape)
            image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
            image.save(folder / f"scene{scene}_{level}.jpg", quality=95)
    return folder


@pytest.fixture
def table(photos: Path) -> Path:
    """A CSV of the 18 noisy photographs, each with its reference; less noise, higher label."""
    rows = ["image,label,reference,distortion,severity"]
    for scene in range(6):
        for level in (1, 2, 3):
            name = f"scene{scene}_{level}.jpg"
            rows.append(f"{name},{10 - level - scene / 10},scene{scene}_0.jpg,noise,{level}")
    path = photos / "labels.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def tiny(photos: Path) -> Dataset:
    """The same photographs as a dataset value."""

    samples = []
    for scene in range(6):
        pristine = f"scene{scene}_0.jpg"
        samples += [
            Sample(
                f"scene{scene}_{level}.jpg",
                FileSource(photos / f"scene{scene}_{level}.jpg"),
                content=pristine,
                label=float(-level),
                reference=pristine,
            )
            for level in (1, 2, 3)
        ]
    references = tuple(
        Sample(f"scene{s}_0.jpg", FileSource(photos / f"scene{s}_0.jpg"), f"scene{s}_0.jpg")
        for s in range(6)
    )
    return Dataset("tiny", tuple(samples), references, label_kind="mos")
