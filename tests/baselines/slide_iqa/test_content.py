"""``slide-iqa+content``: features of two frozen networks side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from baselines.pretraining import checkpoint
from baselines.slide_iqa import adapter, content
from baselines.slide_iqa.config import PRESETS
from baselines.slide_iqa.model import Slide
from baselines.slide_iqa.recipe import SlideRecipe
from harness.conformance import check
from harness.file_hashes import file_sha256
from harness.model import UNKNOWN, ModelCard, TrainedOn, Unavailable, operations
from tests.baselines.pretraining.trials import noise

WIDTH = 6 * PRESETS["smoke"].backbone.width
CONTENT_WIDTH = 64  # of timm's test_vit


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Options: a checkpoint of the smoke preset with a head, and a tiny ViT of timm."""
    folder = tmp_path_factory.mktemp("content")
    torch.manual_seed(0)
    recipe = SlideRecipe(PRESETS["smoke"])
    model = recipe.build()
    assert isinstance(model, Slide)
    head = {"head.weight": torch.randn(WIDTH), "head.bias": torch.zeros(1)}
    about = {"trained_on": [{"dataset": "cid22"}]}
    settings = {"recipe": "slide-iqa", "config": json.loads(json.dumps(recipe.config))}
    path = folder / "checkpoint.safetensors"
    checkpoint.write(path, recipe.exported(model) | head, {**settings, "about": about})
    save_file(timm.create_model("test_vit").state_dict(), folder / "test_vit.safetensors")
    return {
        "weights": str(path),
        "content": "test_vit",
        "content_weights": str(folder / "test_vit.safetensors"),
    }


def plain(path: str, pixels: torch.Tensor) -> torch.Tensor:
    """timm's own tokens of ``uint8`` or float pixels in [0, 255], pooled."""
    net = timm.create_model("test_vit", dynamic_img_size=True).eval()
    net.load_state_dict(timm.models.load_state_dict(path))
    with torch.inference_mode():
        tokens = net.forward_features((pixels[None] / 255 - 0.5) / 0.5)[0]
    return torch.cat([tokens[0], tokens[1:].mean(0)])


def test_features_are_the_perceptual_ones_and_then_those_of_content_at_both_scales(
    files: dict[str, str],
) -> None:
    pixels = [noise(64, 96), noise(96, 64, 1)]
    found = content.load(**files).features(pixels)
    assert found.shape == (2, 1, WIDTH + 4 * CONTENT_WIDTH)
    assert found.dtype == torch.float32
    perceptual = adapter.load(weights=files["weights"]).features(pixels)
    assert torch.equal(found[..., :WIDTH], perceptual)
    half = torch.nn.functional.interpolate(
        pixels[0][None].float(), scale_factor=0.5, mode="bilinear", antialias=True
    )[0]
    expected = [plain(files["content_weights"], each) for each in (pixels[0], half)]
    torch.testing.assert_close(found[0, 0, WIDTH:], torch.cat(expected), rtol=1e-4, atol=1e-5)


def test_it_keeps_the_contract_and_has_no_score(files: dict[str, str]) -> None:
    model = content.load(**files)
    assert operations(model) == {"features"}  # though the checkpoint has a head
    assert [(each.name, each.problem) for each in check(model) if each.problem] == []
    assert model.to("cpu") is model


@pytest.mark.parametrize("size", [(31, 31), (33, 47), (41, 32)])
def test_odd_and_small_images_are_read(files: dict[str, str], size: tuple[int, int]) -> None:
    assert content.load(**files).features([noise(*size)]).isfinite().all()


def test_images_too_small_for_content_are_one_clear_line(files: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="a 30x64 image is too small: at least 31 pixels a side"):
        content.load(**files).features([noise(64, 64), noise(64, 30)])


def test_the_card_tells_of_both(files: dict[str, str]) -> None:
    card = content.load(**files).card
    hashes = [file_sha256(Path(files[name])) for name in ("weights", "content_weights")]
    assert card.name == "slide-iqa+content"
    assert card.license == "Apache-2.0; timm:test_vit: not stated"
    assert card.weights_hash == "+".join(hashes)
    assert card.options == {
        "weights": hashes[0][:16],
        "content": "test_vit",
        "content_weights": hashes[1][:16],
    }
    # Of what a file of weights has seen, nothing is known.
    assert card.trained_on == (TrainedOn("cid22"), TrainedOn(UNKNOWN))
    assert card.max_pixels == min(adapter.CARD.max_pixels, 16_384 * 16 * 16)


@pytest.mark.parametrize(
    ("ours", "other", "expected"),
    [
        (None, None, (TrainedOn(UNKNOWN),)),
        ((), (), ()),
        ((), (TrainedOn("imagenet"),), (TrainedOn("imagenet"),)),
        (None, (TrainedOn("imagenet"),), (TrainedOn(UNKNOWN), TrainedOn("imagenet"))),
    ],
)
def test_what_two_branches_have_seen(ours: Any, other: Any, expected: Any) -> None:
    beside = ModelCard(name="timm:x", version="1", mode="NR", trained_on=other)
    card = content._of_both(replace(content.CARD, trained_on=ours), beside, {})
    assert card.trained_on == expected
    assert card.options == {}


def test_the_default_content_is_a_skip_with_the_command_where_it_is_not_here(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Unavailable, match="not on this machine") as caught:
        content.load(weights=files["weights"])
    model = "vit_small_patch14_dinov2.lvd142m"
    assert model == content.CONTENT
    command = f"python -c \"import timm; timm.create_model('{model}', pretrained=True)\""
    assert caught.value.command == command
    assert caught.value.card is not None
    assert caught.value.card.name == "slide-iqa+content"
    assert capfd.readouterr() == ("", "")


def test_without_a_checkpoint_it_is_a_skip_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "SHIPPED", tmp_path / "none")
    with pytest.raises(Unavailable, match="no checkpoint is in the package") as caught:
        content.load()
    assert caught.value.card == content.CARD


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"content": "test_vot"}, "did you mean .*test_vit"),
        ({"content_weights": "/nowhere.pth"}, "no such file"),
        ({"weights": "/nowhere.safetensors"}, "no such file"),
    ],
)
def test_bad_options_are_one_clear_line(
    files: dict[str, str], options: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        content.load(**{**files, **options})
    assert "\n" not in str(caught.value)
