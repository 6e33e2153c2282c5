"""The checkpoint in the package: what it says of itself, and that it has learned its channels."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import roc_auc_score

from baselines.relational import adapter, tiling
from baselines.relational.channels import CHANNELS
from harness import load_model
from harness.model import TrainedOn
from probes.contents import embedded
from probes.degradations import HELD_OUT, degrade_batch

SIDE = 128


@pytest.fixture(scope="module")
def model() -> adapter.Scored:
    found = load_model("relational")
    assert isinstance(found, adapter.Scored)
    return found


@pytest.fixture(scope="module")
def photographs() -> torch.Tensor:
    """``uint8 [4, 3, SIDE, SIDE]``: the middle of embedded photographs."""
    crops = []
    for content in embedded()[:4]:
        image = content.image()
        y, x = ((side - SIDE) // 2 for side in image.shape[1:])
        crops.append(image[:, y : y + SIDE, x : x + SIDE])
    return torch.stack(crops)


def right_half(images: torch.Tensor, type: str, severity: float = 4.0) -> torch.Tensor:
    """``images`` with damage of their right half."""
    rng = torch.Generator().manual_seed(0)
    hurt = degrade_batch(images.float() / 255, type, [severity] * len(images), rng)
    found = images.clone()
    found[..., SIDE // 2 :] = (hurt * 255).round().byte()[..., SIDE // 2 :]
    return found


def test_it_is_small_and_tells_what_made_it(model: adapter.Scored) -> None:
    assert adapter.SHIPPED.stat().st_size < 15 * 2**20
    card = model.card
    assert card.trained_on == (TrainedOn("CID22", "training"),)
    assert card.map_channels == tuple(CHANNELS)
    assert not set(card.trained_degradations) & set(HELD_OUT)
    (weights,) = card.weights
    assert "CC BY-SA 4.0" in weights.license
    for told in ("3000 steps", "1000 steps", "seed 0", "189 photographs", "one core"):
        assert told in weights.source


def test_equal_images_differ_in_nothing(model: adapter.Scored, photographs: torch.Tensor) -> None:
    images = list(photographs)
    assert all(bool((m == 0.5).all()) for m in model.distortion_map(images, images))
    assert model.score_pair(images, images).tolist() == [0.0] * len(images)


def test_exchanging_the_images_turns_maps_and_scores(
    model: adapter.Scored, photographs: torch.Tensor
) -> None:
    tests, references = (
        list(right_half(photographs, "jpeg")),
        list(right_half(photographs, "darken")),
    )
    one, other = (
        torch.stack(model.distortion_map(*pair))
        for pair in ((tests, references), (references, tests))
    )
    assert (one + other - 1).abs().max() < 1e-6
    assert torch.equal(model.score_pair(tests, references), -model.score_pair(references, tests))


def test_tiles_give_what_the_whole_does(
    model: adapter.Scored, photographs: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests, references = [right_half(photographs, "jpeg")[0]], [photographs[0]]
    whole, score = model.distortion_map(tests, references)[0], model.score_pair(tests, references)
    monkeypatch.setattr(tiling, "TILE", 48)
    assert (model.distortion_map(tests, references)[0] - whole).abs().max() < 1e-5
    assert (model.score_pair(tests, references) - score).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("type", "channel"),
    [
        ("gaussian-blur", "blur"),
        ("high-sharpen", "blur"),
        ("white-noise", "white-noise"),
        ("jpeg", "jpeg"),
        ("brighten", "brightness"),
        ("darken", "brightness"),
        ("pixelate", "pixelate"),
    ],
)
def test_it_tells_where_and_which_way(
    model: adapter.Scored, photographs: torch.Tensor, type: str, channel: str
) -> None:
    hurt = right_half(photographs, type)
    maps = torch.stack(model.distortion_map(list(hurt), list(photographs)))
    mine = maps[:, tuple(CHANNELS).index(channel)]
    inside = torch.zeros(mine.shape[1:], dtype=torch.bool)
    inside[:, mine.shape[2] // 2 :] = True
    found = [roc_auc_score(inside.flatten(), (m - 0.5).abs().flatten()) for m in mine]
    assert sum(found) / len(found) > 0.9
    assert (mine[:, inside].mean() - 0.5) * CHANNELS[channel][type] > 0.1
    assert model.score_pair(list(hurt), list(photographs)).mean() < 0
