"""A student so small that everything can be trained in a test, and crops to train it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor

from baselines.finetuning.objective import Regression
from baselines.finetuning.student import Student
from baselines.shdiqa.config import PRESETS, DamageTeacherPlan, ShdiqaConfig
from baselines.slide_iqa.config import Backbone
from baselines.slide_iqa.encoder import Encoder
from tests.baselines.pretraining.trials import Photographs

SIDE = 64
Cut = Callable[[int, Generator], Tensor]


@pytest.fixture(scope="session")
def config() -> ShdiqaConfig:
    """Five types that a small network learns in a few steps."""
    types = ("white-noise", "quantization", "color-block", "darken", "pixelate")
    teacher = DamageTeacherPlan(40, 16, lr=3e-3)
    return replace(PRESETS["tiny"], types=types, levels=(4.0, 5.0), block_heads=2, teacher=teacher)


@pytest.fixture(scope="session")
def control() -> Regression:
    backbone = Backbone(image_size=SIDE, width=32, depth=1, heads=2)
    return Regression(lambda: Student(Encoder(backbone), queries=2, ffn=32), {"toy": True})


@pytest.fixture(scope="session")
def cut() -> Cut:
    """Crops, ``float [n, 3, 64, 64]`` in [0, 1], that the generator draws of 24 pictures."""
    photos = Photographs((SIDE, SIDE), (40, 90))
    every = torch.stack([photos[i] for i in range(len(photos))]).float() / 255
    return lambda n, generator: every[torch.randint(len(every), (n,), generator=generator)]
