"""Images to fit on, and a fit that nothing disturbed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from baselines.finetuning import loop
from harness.sample import Dataset
from tests.baselines.finetuning.small import CONTROL, SMALL, pictures


@pytest.fixture(scope="session")
def train(tmp_path_factory) -> Dataset:
    return pictures(tmp_path_factory.mktemp("train"), 4)


@pytest.fixture(scope="session")
def validation(tmp_path_factory) -> Dataset:
    return pictures(tmp_path_factory.mktemp("validation"), 2, first=4)


@pytest.fixture(scope="session")
def undisturbed(train, validation, tmp_path_factory) -> Path:
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("fits") / "undisturbed"
    return loop.fit(CONTROL, SMALL, train, validation, 0, out)
