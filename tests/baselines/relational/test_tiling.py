"""What tiles give is what the whole image gives, at sizes that are multiples of nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tqdm import tqdm

from baselines.relational import tiling
from baselines.relational.config import PRESETS, SCORE_PRESETS, Network
from baselines.relational.network import Maps
from baselines.relational.score import Scorer

SMALL = PRESETS["smoke"].network
CPU = torch.device("cpu")
WHOLE = 4096
SIZES = [(131, 97), (64, 211), (101, 8), (7, 150), (1, 90)]


def network(config: Network = SMALL, channels: int = 5) -> Maps:
    torch.manual_seed(0)
    found = Maps(config, channels, pretrained=False).eval()
    torch.nn.init.normal_(found.last.weight, std=0.2)
    return found


def pair(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth noise and the same with grain, ``uint8``: neither flat nor saturated."""
    rng = np.random.default_rng(0)
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    waves = np.stack([np.sin(rows / 9 + columns / p) for p in (5, 7, 11)])
    images = [128 + 60 * waves + rng.normal(0, s, waves.shape) for s in (4, 8)]
    one, other = (torch.from_numpy(i.clip(0, 255).astype(np.uint8)) for i in images)
    return one, other


@pytest.mark.parametrize("antisymmetric", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_maps_and_scores_of_tiles_are_those_of_the_whole(
    size: tuple[int, int], antisymmetric: bool
) -> None:
    model = network(replace(SMALL, antisymmetric=antisymmetric))
    scorer = Scorer(model, SCORE_PRESETS["smoke"]).eval()
    images = pair(*size)
    side = 40
    assert len(list(tiling.tiles(model, *images, CPU, side, "maps"))) > 1
    whole = tiling.distortion_map(model, *images, CPU, WHOLE)
    assert whole.shape == (5, -(-size[0] // 4), -(-size[1] // 4))
    assert whole.std() > 0.01
    found = tiling.distortion_map(model, *images, CPU, side)
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-5)
    one, other = (tiling.pooled_pair(model, *images, CPU, s) for s in (side, WHOLE))
    assert torch.equal(one.map_pixels, other.map_pixels)
    assert torch.equal(one.feature_pixels, other.feature_pixels)
    with torch.inference_mode():
        torch.testing.assert_close(scorer.score(one), scorer.score(other), rtol=0, atol=1e-5)


def test_the_whole_is_the_network_on_an_image_padded_by_reflection() -> None:
    model, images = network(), pair(45, 62)
    padded = [np.pad(i.numpy(), ((0, 0), (0, 3), (0, 2)), mode="reflect") for i in images]
    with torch.inference_mode():
        expected = model(*(torch.from_numpy(p)[None] / 255 for p in padded))[0, :, :12]
    found = tiling.distortion_map(model, *images, CPU)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_a_halo_that_is_too_narrow_would_show() -> None:
    model, images = network(), pair(131, 97)
    whole = tiling.distortion_map(model, *images, CPU, WHOLE)
    model.radius = 1
    found = tiling.distortion_map(model, *images, CPU, 40)
    assert (found - whole).abs().max() > 1e-4


def test_every_pixel_is_pooled_once() -> None:
    model, images = network(), pair(131, 97)
    pairs = tiling.pooled_pair(model, *images, CPU, 40)
    assert set(pairs.map_pixels.tolist()) == {33 * 25}
    wanted = [-(-131 // s) * -(-97 // s) for s in model.encoder.strides]
    assert sorted(set(pairs.feature_pixels.tolist()), reverse=True) == wanted


def test_what_lies_where_is_kept() -> None:
    model, (image, _) = network(), pair(128, 200)
    changed = image.clone()
    changed[:, 88:104, 144:160] = 255 - changed[:, 88:104, 144:160]
    found = (tiling.distortion_map(model, changed, image, CPU, 48) - 0.5).abs().amax(0)
    y, x = divmod(int(found.argmax()), found.shape[1])
    assert 18 <= y <= 29
    assert 32 <= x <= 43
    assert found[:10].max() == 0


@pytest.mark.slow
def test_tiles_of_swin_are_nearly_the_whole_and_cover_it() -> None:
    model, images = network(PRESETS["full"].network), pair(300, 520)
    found = tiling.distortion_map(model, *images, CPU, 256)
    whole = tiling.distortion_map(model, *images, CPU, WHOLE)
    assert found.shape == whole.shape == (5, 75, 130)
    assert found.isfinite().all()
    assert (found - whole).abs().mean() < 0.1 * (whole - 0.5).abs().mean()


def test_what_takes_long_shows_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waits: list[float] = []

    def at_once(parts: list[object], *, delay: float, **settings: object) -> object:
        waits.append(delay)
        return tqdm(parts, delay=0, mininterval=0, **settings)

    monkeypatch.setattr(tiling, "tqdm", at_once)
    model, images = network(), pair(64, 97)
    assert len(list(tiling.tiles(model, *images, CPU, 40, "maps"))) == 6
    assert "6/6" in capsys.readouterr().err
    assert waits == [2]
    assert len(list(tiling.tiles(model, *images, CPU, WHOLE, "maps"))) == 1
    assert capsys.readouterr().err == ""
