"""What the network of the maps promises by construction, whatever its weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from baselines.relational.config import PRESETS, Network
from baselines.relational.network import Maps
from harness.model import Unavailable

SMALL = PRESETS["smoke"].network
CHANNELS = 5
FORMS = [SMALL, replace(SMALL, depths=(2, 1, 3)), replace(SMALL, mscn=False), Network()]


def network(config: Network, *, pretrained: bool = True) -> Maps:
    """With weights that were drawn, the last ones as large as training makes them."""
    torch.manual_seed(0)
    found = Maps(config, CHANNELS, pretrained=pretrained).eval()
    torch.nn.init.normal_(found.last.weight, std=0.2)
    return found


def pair(height: int, width: int, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    test = torch.rand(batch, 3, height, width, generator=generator)
    noise = torch.randn(test.shape, generator=generator)
    return test, (test + 0.02 * noise).clamp(0, 1)


@pytest.mark.parametrize("config", FORMS)
def test_maps_are_antisymmetric_and_differ_from_one_half(config: Network) -> None:
    model, (test, reference) = network(config), pair(48, 64)
    with torch.inference_mode():
        forth, back = model(test, reference), model(reference, test)
        features = model.encode(test), model.encode(reference)
        assert torch.equal(model.logits(*features), -model.logits(*features[::-1]))
        assert torch.equal(model.signed(*features), -model.signed(*features[::-1]))
    assert forth.shape == (2, CHANNELS, 12, 16)
    assert (forth + back - 1).abs().max() < 1e-6
    assert (forth - 0.5).abs().max() > 0.01


def test_an_image_beside_itself_is_one_half_everywhere() -> None:
    model, (test, _) = network(SMALL), pair(48, 64)
    with torch.inference_mode():
        assert (model(test, test.clone()) == 0.5).all()


def test_the_free_form_promises_neither_and_its_signed_maps_do() -> None:
    model, (test, reference) = network(replace(SMALL, antisymmetric=False)), pair(48, 64)
    with torch.inference_mode():
        assert (model(test, reference) + model(reference, test) - 1).abs().max() > 1e-3
        assert (model(test, test) - 0.5).abs().max() > 1e-3
        one, other = model.encode(test), model.encode(reference)
        signed = model.signed(one, other)
        expected = model(test, reference) - model(reference, test)
        assert torch.equal(signed, -model.signed(other, one))
        assert (model.signed(one, one) == 0).all()
    torch.testing.assert_close(signed, expected)


def test_the_form_of_the_maps_is_that_of_the_docstring() -> None:
    model, (test, reference) = network(SMALL), pair(32, 32)
    with torch.inference_mode():
        one, other = model.encode(test), model.encode(reference)
        g_forth, g_back = (model.last(model.decoder(*p)) for p in ((one, other), (other, one)))
        expected = (g_forth - g_back).sigmoid()
        torch.testing.assert_close(model(test, reference), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("config", FORMS[:3])
def test_no_pixel_beyond_the_radius_has_a_gradient_and_one_at_it_has(config: Network) -> None:
    model = network(config)
    assert model.radius is not None
    side = model.multiple * (2 * model.radius // model.multiple + 3)
    images = [image.requires_grad_() for image in pair(side, side, 1)]
    furthest = 0
    middle = side // 8
    for cell in range(middle, middle + model.multiple // 4):  # of all places in a coarse cell
        value = model(*images)[0, :, cell, cell].sum()
        for gradient in torch.autograd.grad(value, images):
            for axis in (2, 3):
                seen = gradient.abs().sum([i for i in range(4) if i != axis]).nonzero()[:, 0]
                low, high = int(seen.min()), int(seen.max())
                furthest = max(furthest, 4 * cell - low, high - (4 * cell + 3))
    assert furthest == model.radius


@pytest.mark.parametrize("config", FORMS)
def test_what_is_made_of_a_pair_does_not_depend_on_its_batch(config: Network) -> None:
    model, (test, reference) = network(config).train(), pair(32, 48, 3)
    together, alone = model(test, reference)[1:2], model(test[1:2], reference[1:2])
    # Kernels for other sizes round differently, by up to 1e-4; a mean over the batch moves tenths.
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-3)


def test_the_shipped_network_is_small_and_has_no_buffers_to_train() -> None:
    model = Maps(Network(), 20)
    assert sum(p.numel() for p in model.parameters()) < 6e6
    assert model.radius is not None
    assert model.state_dict().keys() == dict(model.named_parameters()).keys()


def test_a_first_step_reaches_every_weight() -> None:
    model, (test, reference) = network(SMALL).train(), pair(32, 32)
    (model(test, reference) - 0.7).square().mean().backward()
    idle = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


def test_a_few_steps_tell_which_image_is_noisier() -> None:
    torch.manual_seed(0)
    model = Maps(SMALL, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    base = torch.nn.functional.interpolate(torch.rand(8, 3, 8, 8), scale_factor=4, mode="bicubic")
    for _ in range(25):
        test = base + 0.05 * torch.randn(base.shape)
        found = model(test, base)
        optimizer.zero_grad()
        (found - 0.9).square().mean().backward()
        optimizer.step()
    with torch.inference_mode():
        noisy = (base + 0.05 * torch.randn(base.shape)).flip(3)
        assert (model(noisy, base.flip(3)) > 0.5).float().mean() > 0.95


@pytest.mark.parametrize(("height", "width"), [(20, 16), (16, 17), (4, 8)])
def test_sizes_that_are_no_multiples_are_one_clear_line(height: int, width: int) -> None:
    with pytest.raises(ValueError, match=f"{width}x{height} pixels; sides must be multiples of 8"):
        network(SMALL)(*pair(height, width))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widths": (8,), "depths": (1,)}, "equal length|none of 4"),
        ({"timm": "swinv3_tiny"}, "timm has no network 'swinv3_tiny'"),
        ({"timm": "vit_tiny_patch16_224"}, "none of 4"),
    ],
)
def test_networks_that_cannot_be_are_one_clear_line(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Maps(replace(SMALL, **changes), CHANNELS, pretrained=False)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_published_weights_that_are_not_here_are_one_line_with_the_command(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Unavailable) as caught:
        Maps(replace(SMALL, timm="test_resnet"), CHANNELS)
    assert "create_model('test_resnet', pretrained=True)" in str(caught.value.command)


def test_a_convolutional_backbone_of_timm_keeps_the_promises() -> None:
    model = network(replace(SMALL, timm="test_resnet"), pretrained=False)
    test, reference = pair(64, 96)
    with torch.inference_mode():
        forth, back = model(test, reference), model(reference, test)
        assert (model(test, test) == 0.5).all()
    assert forth.shape == (2, CHANNELS, 16, 24)
    assert (forth + back - 1).abs().max() < 1e-6
    assert model.radius is None


@pytest.mark.slow
def test_swin_pads_to_its_windows_and_keeps_the_promises() -> None:
    model = network(PRESETS["full"].network, pretrained=False)
    assert (model.multiple, model.radius) == (256, None)
    test, reference = pair(256, 512, 1)
    with torch.inference_mode():
        forth, back = model(test, reference), model(reference, test)
        assert (model(test, test) == 0.5).all()
    assert forth.shape == (1, CHANNELS, 64, 128)
    assert (forth + back - 1).abs().max() < 1e-6
