"""Counting multiply-accumulates: published numbers, and nets small enough to count by hand."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from harness.macs import Counts, count, modules_of


def counts(network: nn.Module, *shapes: tuple[int, ...], **named: object) -> Counts:
    inputs = [torch.rand(shape) for shape in shapes]
    with torch.inference_mode():
        return count(SimpleNamespace(net=network.eval()), lambda: network(*inputs, **named))


# By hand: (network, shape of the input, MACs).
LAYERS = {
    "linear": (nn.Linear(7, 5), (3, 4, 7), 3 * 4 * 7 * 5),
    "conv": (nn.Conv2d(3, 8, 5, padding=2), (2, 3, 10, 12), 2 * 10 * 12 * 8 * 3 * 25),
    "stride": (nn.Conv2d(3, 8, 2, stride=2), (1, 3, 10, 12), 5 * 6 * 8 * 3 * 4),
    "groups": (nn.Conv2d(8, 16, 3, groups=4), (1, 8, 9, 9), 7 * 7 * 16 * 2 * 9),
    "depthwise": (nn.Conv2d(8, 8, 3, groups=8), (1, 8, 9, 9), 7 * 7 * 8 * 9),
    "conv1d": (nn.Conv1d(4, 6, 3), (2, 4, 10), 2 * 8 * 6 * 4 * 3),
    "transposed": (nn.ConvTranspose2d(4, 6, 2, stride=2), (1, 4, 5, 5), 25 * 4 * 6 * 4),
    "transposed groups": (nn.ConvTranspose2d(4, 6, 2, 2, groups=2), (1, 4, 5, 5), 25 * 4 * 3 * 4),
    "without": (nn.Sequential(nn.BatchNorm2d(3), nn.GELU(), nn.AvgPool2d(2)), (1, 3, 8, 8), 0),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    network, shape, expected = LAYERS[name]
    found = counts(network, shape)
    assert found == Counts(sum(p.numel() for p in network.parameters()), expected, expected)


def test_attention_products_are_counted_in_full_only():
    n, width, heads = 10, 32, 4
    network = nn.MultiheadAttention(width, heads, batch_first=True)
    x = (2, n, width)
    projections = 2 * n * width * width * 4
    for settings in ({}, {"need_weights": False}):
        found = counts(network, x, x, x, **settings)
        assert found.macs_modules == projections
        assert found.macs_full == projections + 2 * 2 * n * n * width  # QK' and AV


def test_attention_over_other_tokens():
    network = nn.MultiheadAttention(16, 2, kdim=12, vdim=8, batch_first=True)
    found = counts(network, (1, 5, 16), (1, 7, 12), (1, 7, 8))
    assert found.macs_modules == 5 * 16 * 16 * 2 + 7 * 12 * 16 + 7 * 8 * 16
    assert found.macs_full == found.macs_modules + 2 * 5 * 7 * 16


def test_the_fast_path_of_torch_hides_nothing():
    before = torch.backends.mha.get_fastpath_enabled()
    network = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    found = counts(network, (1, 10, 32))
    assert found.macs_modules == 10 * (4 * 32 * 32 + 2 * 32 * 64)
    assert found.macs_full == found.macs_modules + 2 * 10 * 10 * 32
    assert torch.backends.mha.get_fastpath_enabled() == before


class Fused(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.scaled_dot_product_attention(x, x, x)


class ByHand(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return ((x @ x.mT).softmax(-1)) @ x


class Einsum(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = torch.einsum("bhid,bhjd->bhij", x, x).softmax(-1)
        return torch.einsum("bhij,bhjd->bhid", weights, x)


@pytest.mark.parametrize("network", [Fused(), ByHand(), Einsum()])
def test_attention_is_the_same_however_it_is_written(network):
    found = counts(network, (2, 3, 11, 8))
    assert found == Counts(0, 0, 2 * (2 * 3) * 11 * 11 * 8)


def test_functions_are_counted_in_full_only():
    kernel = torch.rand(4, 3, 3, 3)
    adapter = SimpleNamespace()
    found = count(adapter, lambda: nn.functional.conv2d(torch.rand(1, 3, 10, 10), kernel))
    assert found == Counts(0, 0, 8 * 8 * 4 * 27)


def test_a_layer_that_is_used_twice_counts_twice_and_is_one_in_parameters():
    layer = nn.Linear(6, 6)
    assert counts(nn.Sequential(layer, nn.ReLU(), layer), (1, 6)) == Counts(42, 72, 72)


def test_no_hook_is_left():
    layer = nn.Linear(6, 6)
    counts(layer, (1, 6))
    assert not layer._forward_hooks


def test_networks_are_found_wherever_they_are_kept():
    class Hides(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shown, self.hidden = nn.Linear(1, 1), [nn.Linear(1, 2)]

    class Adapter:
        def __init__(self) -> None:
            self.parts = {"a": (Hides(),)}
            self.run = partial(nn.Linear(1, 3).forward)
            self.inner = SimpleNamespace(model=nn.Linear(1, 4), back=self)
            self.tensor, self.kind, self.library = torch.ones(3), nn.Linear, nn

    found = [m.out_features for m in modules_of(Adapter()) if isinstance(m, nn.Linear)]
    assert sorted(found) == [1, 2, 3, 4]


# Published: torchvision states GMACs ("_ops") and parameters with its weights.
@pytest.mark.parametrize(
    ("name", "ops", "parameters"),
    [
        ("resnet18", 1.814, 11_689_512),
        ("resnet50", 4.089, 25_557_032),
        ("mobilenet_v3_small", 0.057, 2_542_856),
        ("densenet121", 2.834, 7_978_856),
        ("vit_b_16", 17.564, 86_567_656),
    ],
)
def test_published_numbers(name, ops, parameters):
    import torchvision

    with torch.device("meta"):  # shapes only: nothing is computed
        network = torchvision.models.get_model(name, weights=None)
        image = torch.rand(1, 3, 224, 224)
    stated = torchvision.models.get_model_weights(name).DEFAULT.value.meta
    assert (ops, parameters) == (stated["_ops"], stated["num_params"])
    with torch.inference_mode():
        found = count(SimpleNamespace(net=network.eval()), lambda: network(image))
    assert found.parameters == parameters
    assert found.macs_full / 1e9 == pytest.approx(ops, abs=0.0006)
    if name != "vit_b_16":
        assert found.macs_modules == found.macs_full


def test_a_vision_transformer_under_both_conventions():
    """ViT-B/16: 16.87 G where published tables count modules, 17.58 G with attention."""
    import timm

    with torch.device("meta"):
        network = timm.create_model("vit_base_patch16_224").eval()
        image = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        found = count(SimpleNamespace(net=network), lambda: network(image))
    assert found.parameters == 86_567_656
    # Tables add the few per mille of normalization.
    assert found.macs_modules == pytest.approx(16.87e9, rel=0.002)
    assert found.macs_full == pytest.approx(17.58e9, rel=0.002)
    assert found.macs_full - found.macs_modules == 12 * 2 * 197 * 197 * 768
    network.reset_classifier(0)
    with torch.inference_mode():
        found = count(SimpleNamespace(net=network), lambda: network(image))
    assert found.parameters == 85_798_656
