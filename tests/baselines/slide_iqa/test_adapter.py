"""``slide-iqa`` from checkpoints made here: what is exported is what is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from baselines.pretraining import checkpoint
from baselines.slide_iqa import adapter
from baselines.slide_iqa.config import PRESETS, TRAINED_SHAPES, TRAINED_TYPES
from baselines.slide_iqa.encoder import Encoder
from baselines.slide_iqa.model import Slide
from baselines.slide_iqa.reading import Linear, Tokens, quality_map
from baselines.slide_iqa.recipe import SlideRecipe
from harness import load_model
from harness.conformance import check
from harness.file_hashes import file_sha256
from harness.model import TrainedOn, operations
from tests.baselines.pretraining.trials import (
    absent_is_a_skip,
    bad_files_are_one_clear_line,
    noise,
    shipped_is_no_option,
)

RECIPE = SlideRecipe(PRESETS["smoke"])
WIDTH = 6 * PRESETS["smoke"].backbone.width
CONFIG = {"recipe": "slide-iqa", "config": json.loads(json.dumps(RECIPE.config)), "step": 8}
ABOUT = {
    "license": "CC0-1.0",
    "source": "drawn here",
    "trained_on": [{"dataset": "cid22", "split": "train"}, {"dataset": "kadis700k"}],
}
Made = Callable[..., tuple[Path, Encoder]]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Write a checkpoint of the smoke preset; with a head, and changed, if asked."""

    def make(head: bool = False, half: bool = False, **changes: Any) -> tuple[Path, Encoder]:
        torch.manual_seed(0)
        model = RECIPE.build()
        assert isinstance(model, Slide)
        tensors = RECIPE.exported(model)
        if head:
            tensors |= {"head.weight": torch.randn(WIDTH), "head.bias": torch.tensor(0.3)}
        path = tmp_path / "checkpoint.safetensors"
        checkpoint.write(path, tensors, {**CONFIG, **changes}, half=tensors if half else ())
        return path, model.encoder.eval()

    return make


def loaded(path: Path) -> Any:
    return load_model("slide-iqa", weights=str(path))


def statistics(tokens: torch.Tensor) -> torch.Tensor:
    """Class token, mean and standard deviation of the others, of NumPy."""
    patches = tokens[1:].double().numpy()
    found = np.concatenate([tokens[0].numpy(), np.mean(patches, 0), np.std(patches, 0)])
    return torch.from_numpy(found).float()


@pytest.mark.parametrize("half", [False, True])
def test_features_are_those_of_the_encoder_that_was_exported(made: Made, half: bool) -> None:
    path, encoder = made(half=half)
    pixels = noise(96, 128)
    full = pixels[None].float() / 255
    smaller = F.interpolate(full, scale_factor=0.5, mode="bilinear", antialias=True)
    smaller = F.pad(smaller, (0, 0, 0, 16), mode="reflect")  # 48 rows are three patches
    with torch.inference_mode():
        expected = [statistics(encoder(each)[0]) for each in (full, smaller[..., :48, :])]
    found = loaded(path).features([pixels])
    assert found.shape == (1, 1, WIDTH)
    assert found.dtype == torch.float32
    within = {"rtol": 1e-2, "atol": 1e-2} if half else {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(found[0, 0], torch.cat(expected), **within)


def test_images_are_padded_by_reflection_and_halves_are_rounded_up(made: Made) -> None:
    path, encoder = made()
    pixels = noise(40, 33)
    padded = np.pad(pixels.numpy(), ((0, 0), (0, 8), (0, 15)), mode="reflect")
    half = F.interpolate(pixels[None] / 255, (20, 17), mode="bilinear", antialias=True)[0]
    half_padded = np.pad(half.numpy(), ((0, 0), (0, 12), (0, 15)), mode="reflect")
    with torch.inference_mode():
        views = torch.from_numpy(padded) / 255, torch.from_numpy(half_padded)
        expected = torch.cat([statistics(encoder(view[None])[0]) for view in views])
    found = loaded(path).features([pixels])[0, 0]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(17, 17), (17, 64), (18, 33), (33, 18), (47, 31), (65, 97)])
def test_odd_and_small_images_are_read_and_have_a_map(made: Made, size: tuple[int, int]) -> None:
    model = loaded(made(head=True)[0])
    pixels = noise(*size)
    assert model.features([pixels]).isfinite().all()
    (found,) = model.quality_map([pixels])
    assert found.shape == tuple(-(-side // 16) for side in size)
    assert found.isfinite().all()


@pytest.mark.parametrize("size", [(16, 64), (64, 16), (3, 3)])
def test_images_that_are_too_small_are_one_clear_line(made: Made, size: tuple[int, int]) -> None:
    model = loaded(made()[0])
    with pytest.raises(ValueError, match=r"x\d+ image is too small: more than 16 pixels a side"):
        model.features([noise(*size)])


def test_every_corner_counts(made: Made) -> None:
    model = loaded(made()[0])
    pixels = noise(50, 70)
    for y in (0, -1):
        for x in (0, -1):
            changed = pixels.clone()
            changed[:, y, x] = 255 - changed[:, y, x]
            both = model.features([pixels, changed])
            assert not torch.equal(both[0], both[1])


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (160, 32)])
def test_the_mean_of_the_map_is_the_score(made: Made, size: tuple[int, int]) -> None:
    model = loaded(made(head=True)[0])
    pixels = noise(*size)
    (found,) = model.quality_map([pixels])
    assert found.dtype == torch.float32
    assert found.std() > 0
    score = model.score([pixels])
    assert score.dtype == torch.float64
    assert found.double().mean().item() == pytest.approx(score.item(), abs=1e-4)


def test_patches_at_half_size_lie_over_the_pixels_that_they_have_seen() -> None:
    # Three by five patches; at half size two by three, the last of which lie half in the padding.
    values = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    half = torch.cat([torch.zeros(1, 1), values.view(6, 1)])
    head = Linear(torch.tensor([0, 0, 0, 0, 1, 0], dtype=torch.float64), 2.0)
    found = quality_map(Tokens(torch.zeros(16, 1), half, (3, 5)), head)
    rows, columns = ((np.arange(n) + 0.5) / 2 - 0.5 for n in (3, 5))
    tall = np.stack([np.interp(rows, [0, 1], column) for column in values.T.numpy()], 1)
    wanted = np.stack([np.interp(columns, [0, 1, 2], row) for row in tall])
    np.testing.assert_allclose(found.numpy(), wanted + 2, rtol=1e-5, atol=1e-6)


def test_the_score_is_the_head_on_the_features_and_the_map_shows_where(made: Made) -> None:
    path, _ = made(head=True)
    model = loaded(path)
    tensors, _ = checkpoint.read(path)
    pixels = [noise(64, 96, 1), noise(96, 64, 2)]
    features = model.features(pixels)[:, 0].double()
    expected = features @ tensors["head.weight"].double() + tensors["head.bias"].double()
    torch.testing.assert_close(model.score(pixels), expected)
    # Rows are rows: another corner changes the map there, or beside it, the most.
    flat = torch.full((3, 192, 256), 128, dtype=torch.uint8)
    changed = flat.clone()
    changed[:, 176:, :16] = noise(16, 16)
    before, after = model.quality_map([flat, changed])
    assert after.shape == (12, 16)
    row, column = divmod(int((after - before).abs().argmax()), 16)
    assert row in (10, 11)
    assert column in (0, 1)


@pytest.mark.parametrize("head", [False, True])
def test_it_keeps_the_contract(made: Made, head: bool) -> None:
    model = loaded(made(head=head)[0])
    offered = {"features", "score", "quality_map"} if head else {"features"}
    assert operations(model) == offered
    found = check(model)
    assert len(found) > (13 if head else 6)
    assert [(each.name, each.problem) for each in found if each.problem] == []


def test_loading_leaves_the_random_stream_alone(made: Made) -> None:
    path, _ = made()
    before = torch.get_rng_state()
    loaded(path)
    assert torch.equal(torch.get_rng_state(), before)


def test_it_moves_to_a_device_and_refuses_what_is_none(made: Made) -> None:
    model = loaded(made()[0])
    assert model.to("cpu") is model
    with pytest.raises(ValueError, match="device 'abacus' cannot be used here"):
        model.to("abacus")


def test_the_card_is_what_the_checkpoint_says_of_itself(made: Made) -> None:
    path, _ = made(about=ABOUT)
    card = loaded(path).card
    sha256 = file_sha256(path)
    assert (card.name, card.license) == ("slide-iqa", "Apache-2.0")
    assert card.trained_on == (TrainedOn("cid22", "train"), TrainedOn("kadis700k"))
    assert card.trained_degradations == TRAINED_TYPES
    assert card.trained_masks == TRAINED_SHAPES
    assert card.options == {"weights": sha256[:16]}
    (weights,) = card.weights
    assert (weights.sha256, weights.license) == (sha256, "CC0-1.0")
    assert weights.source == "drawn here"


def test_without_a_word_on_its_training_nothing_is_known_of_it(made: Made) -> None:
    card = loaded(made()[0]).card
    assert card.trained_on is None
    assert card.weights[0].license == "not stated"


def test_the_checkpoint_of_the_package_is_no_option(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = made(about=ABOUT)
    shipped_is_no_option(adapter, path, monkeypatch)


def test_without_a_checkpoint_it_is_a_skip_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent_is_a_skip(adapter, "iqa-eval pretrain slide-iqa", tmp_path, monkeypatch)


def changed(**fields: Any) -> dict[str, Any]:
    return {**CONFIG["config"], **fields}  # type: ignore[dict-item]


BACKBONE = CONFIG["config"]["backbone"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": "toy"}, "of the recipe 'toy', not slide-iqa"),
        ({"config": {}}, "does not fit: KeyError: 'backbone'"),
        ({"config": None}, "does not fit: TypeError"),
        ({"config": changed(backbone={**BACKBONE, "depth": 3})}, "Missing key"),
        ({"config": changed(backbone={**BACKBONE, "width": 96})}, "size mismatch"),
        ({"config": changed(backbone={**BACKBONE, "patch": 8})}, "patches of 16 pixels, not 8"),
        ({"config": changed(backbone={**BACKBONE, "colour": 1})}, "unexpected keyword"),
        ({"config": changed(types=None)}, "does not fit: TypeError"),
        ({"about": "mine"}, "does not fit: AttributeError"),
        ({"about": {"trained_on": [{"set": "cid22"}]}}, "unexpected keyword"),
    ],
)
def test_other_checkpoints_are_one_clear_line(
    made: Made, changes: dict[str, Any], message: str
) -> None:
    path, _ = made(**changes)
    with pytest.raises(ValueError, match=message) as caught:
        loaded(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"checkpoint {path}: ")


def test_heads_that_do_not_fit_are_one_clear_line(made: Made) -> None:
    path, _ = made(head=True)
    tensors, config = checkpoint.read(path)
    for broken, message in (
        ({**tensors, "head.weight": torch.randn(7)}, f"a head of 7 weights, for {WIDTH} features"),
        ({k: v for k, v in tensors.items() if k != "head.bias"}, "KeyError: 'head.bias'"),
    ):
        checkpoint.write(path, broken, config)
        with pytest.raises(ValueError, match=message):
            loaded(path)


def test_damaged_foreign_and_missing_files_are_one_clear_line(made: Made) -> None:
    path, _ = made()
    bad_files_are_one_clear_line(path, loaded)
