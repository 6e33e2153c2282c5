"""Input channels against the float64 twin; tokens of any size, and nothing shared over a batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skimage.data import astronaut
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from baselines.mscn import mscn_channels
from baselines.nss import luminance, mscn
from baselines.slide_iqa.config import PRESETS, Backbone
from baselines.slide_iqa.encoder import Encoder, pooled
from harness.model import Unavailable

BACKBONE = PRESETS["smoke"].backbone


def photograph() -> torch.Tensor:
    return torch.from_numpy(astronaut()[:96, 100:228].copy()).permute(2, 0, 1)


def test_coefficients_are_those_of_the_reference_inside_the_border() -> None:
    image = photograph()
    # The reference rounds luma to whole levels, so equal gray images are compared.
    gray = image[:1].expand(3, -1, -1)
    found = mscn_channels(gray[None] / 255)[0, 0].numpy()
    wanted = mscn(luminance(gray.numpy()))
    inside = np.s_[3:-3, 3:-3]
    np.testing.assert_allclose(found[inside], wanted[inside], atol=2e-3)


def test_chroma_is_seen_where_the_luma_is_flat() -> None:
    image = torch.full((3, 32, 32), 0.5)
    image[2, :, 16:] += 0.2  # bluer on the right ...
    image[0, :, 16:] -= 0.2 * 0.114 / 0.299  # ... and less red, so that the luma stays
    luma, blue, red, contrast = mscn_channels(image[None])[0]
    assert torch.stack([luma.abs(), contrast]).max() < 0.01
    assert torch.stack([blue[:, 16], -blue[:, 15], -red[:, 16], red[:, 15]]).min() > 0.5


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_channels_of_a_flat_image_are_finite_and_nearly_zero(value: float) -> None:
    found = mscn_channels(torch.full((1, 3, 16, 16), value))
    assert found.shape == (1, 4, 16, 16)
    assert found.abs().max() < 0.05


def test_the_last_bits_of_float64_are_kept_and_autocast_does_not_reach_it() -> None:
    image = photograph()[None] / 255
    found, wide = mscn_channels(image), mscn_channels(image.double())
    assert wide.dtype == torch.float64
    torch.testing.assert_close(found.double(), wide, rtol=0, atol=2e-3)
    assert not torch.equal(found.double(), wide)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(mscn_channels(image), found)


@pytest.mark.parametrize("stem", ["conv", "patch"])
def test_tokens_of_any_size_one_class_token_and_one_for_each_patch(stem: str) -> None:
    encoder = Encoder(replace(BACKBONE, stem=stem)).eval()
    for height, width in ((BACKBONE.image_size, BACKBONE.image_size), (64, 96)):
        tokens = encoder(torch.rand(2, 3, height, width))
        assert tokens.shape == (2, 1 + height * width // encoder.patch**2, encoder.dim)
    assert pooled(tokens).shape == (2, 2 * encoder.dim)
    torch.testing.assert_close(pooled(tokens)[:, encoder.dim :], tokens[:, 1:].mean(1))


def test_what_is_made_of_an_image_does_not_depend_on_its_batch() -> None:
    encoder = Encoder(BACKBONE)  # in training mode, too
    images = torch.rand(3, 3, 64, 64)
    torch.testing.assert_close(encoder(images)[1:2], encoder(images[1:2]), rtol=1e-4, atol=1e-5)


def test_without_normalized_luminance_there_are_three_channels() -> None:
    encoder = Encoder(replace(BACKBONE, mscn=False, stem="patch"))
    assert encoder.vit.patch_embed.proj.in_channels == 3


def test_from_scratch_colors_are_normalized_as_those_of_imagenet() -> None:
    encoder = Encoder(BACKBONE)
    assert torch.equal(encoder.mean.flatten(), torch.tensor(IMAGENET_DEFAULT_MEAN))
    assert torch.equal(encoder.std.flatten(), torch.tensor(IMAGENET_DEFAULT_STD))
    assert not {"mean", "std"} & encoder.state_dict().keys()


# "test_vit" is the smallest ViT of timm; its published weights expect a mean of 0.5.
OF_TIMM = Backbone("patch", False, 160, 16, timm="test_vit")


def test_a_vit_of_timm_is_read_as_its_weights_were_trained() -> None:
    encoder = Encoder(OF_TIMM, pretrained=False).eval()
    image = torch.rand(1, 3, 160, 160)
    assert encoder.dim == 64
    assert (encoder.mean == 0.5).all()
    assert (encoder.std == 0.5).all()
    with torch.inference_mode():
        assert torch.equal(encoder(image), encoder.vit.forward_features((image - 0.5) / 0.5))
        assert encoder(torch.rand(1, 3, 64, 96)).shape == (1, 25, 64)


def test_published_weights_that_are_not_here_are_one_line_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Unavailable) as caught:
        Encoder(OF_TIMM)
    assert "\n" not in str(caught.value)
    assert caught.value.command is not None
    assert "create_model('test_vit', pretrained=True)" in caught.value.command
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patch": 8, "timm": None, "stem": "conv"}, "patches of 16 pixels, not 8"),
        ({"patch": 8}, "test_vit has patches of 16 pixels, not 8"),
        ({"stem": "conv"}, "stem must be patch"),
        ({"mscn": True}, "mscn off"),
        ({"timm": "test_vit2"}, "no plain ViT"),  # a register token, no class token
        ({"timm": "test_resnet"}, "no plain ViT"),
    ],
)
def test_what_does_not_go_together_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Encoder(replace(OF_TIMM, **changes), pretrained=False)
    assert "\n" not in str(caught.value)
