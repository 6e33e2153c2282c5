"""The checkpoint in the package: what it says of itself, and that it has learned something."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.slide_iqa import adapter
from baselines.slide_iqa.config import TRAINED_SHAPES, TRAINED_TYPES
from harness import load_model
from harness.conformance import check
from harness.model import TrainedOn
from probes.contents import embedded
from probes.degradations import HELD_OUT, degrade_batch
from probes.masks import HELD_OUT_SHAPES


@pytest.fixture(scope="module")
def model() -> adapter.Scores:
    found = load_model("slide-iqa")
    assert isinstance(found, adapter.Scores)
    return found


@pytest.fixture(scope="module")
def photographs() -> torch.Tensor:
    """``uint8 [8, 3, 192, 192]``: the middle of each embedded photograph."""
    crops = []
    for content in embedded():
        image = content.image()
        y, x = ((side - 192) // 2 for side in image.shape[1:])
        crops.append(image[:, y : y + 192, x : x + 192])
    return torch.stack(crops)


def damaged(images: torch.Tensor, type: str, severity: float) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    found = degrade_batch(images.float() / 255, type, [severity] * len(images), rng)
    return (found * 255).round().byte()


def test_it_is_small_and_tells_what_made_it(model: adapter.Scores) -> None:
    assert adapter.SHIPPED.stat().st_size < 15 * 2**20
    card = model.card
    assert card.trained_on == (
        TrainedOn("CID22", "training"),
        TrainedOn("demo", role="pseudo", component="head"),
    )
    assert card.trained_degradations == TRAINED_TYPES
    assert card.trained_masks == TRAINED_SHAPES
    (weights,) = card.weights
    assert "CC BY-SA 4.0" in weights.license
    for told in ("steps", "seed 0", "pseudo-labels of demo", "one core", *HELD_OUT):
        assert told in weights.source
    assert all(shape in weights.source for shape in HELD_OUT_SHAPES)


def test_it_meets_the_contract(model: adapter.Scores) -> None:
    assert not [found for found in check(model) if found.problem]


@pytest.mark.parametrize("type", ["gaussian-blur", "white-noise", "jpeg", HELD_OUT[0], "webp"])
def test_strong_damage_scores_worse(
    type: str, model: adapter.Scores, photographs: torch.Tensor
) -> None:
    pristine = model.score(list(photographs))
    falls = pristine - model.score(list(damaged(photographs, type, 5)))
    assert (falls > 0).double().mean() >= 0.75
    assert falls.median() > 0


@pytest.mark.parametrize("type", ["gaussian-blur", "white-noise", "pixelate"])
def test_maps_fall_where_the_damage_is(
    type: str, model: adapter.Scores, photographs: torch.Tensor
) -> None:
    part = photographs.clone()
    part[..., 64:128, 64:128] = damaged(photographs, type, 5)[..., 64:128, 64:128]
    changes = [
        before - after
        for before, after in zip(
            model.quality_map(list(photographs)), model.quality_map(list(part)), strict=True
        )
    ]
    inside = np.array([float(change[4:8, 4:8].mean()) for change in changes])
    elsewhere = np.array([float(change.mean()) for change in changes])
    assert (inside > elsewhere).mean() >= 0.75
