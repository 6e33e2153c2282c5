"""``control:NAME``: yardsticks. A measure that cannot tell these from a model measures nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.model import Family, Images, Model, ModelCard, Weights

from .loading import closest, refuse, tensors_sha256
from .nss import LUMA

if TYPE_CHECKING:
    import torch


# Pixels; fixed beforehand, and fitted to no image.
SMOOTHING = 4.0


def _card(name: str, summary: str, **more: Any) -> ModelCard:
    return ModelCard(
        name=f"control:{name}",
        version="1",
        mode="NR",
        summary=summary,
        license="Apache-2.0",
        trained_on=(),
        control=True,
        **more,
    )


class Constant:
    """Gives every image the same score."""

    def __init__(self) -> None:
        self.card = _card("constant", "the same score for every image", coverage="nothing")

    def score(self, images: Images) -> torch.Tensor:
        """``float64 [N]`` of zeros."""
        import torch

        return torch.zeros(len(images), dtype=torch.float64)


class Luminance:
    """Brighter is better: what a label that follows brightness looks like."""

    def __init__(self) -> None:
        summary = "mean luma (Rec. 601): brighter is better"
        self.card = _card("luminance", summary, coverage="the whole image")

    def score(self, images: Images) -> torch.Tensor:
        """``float64 [N]`` in [0, 255]: mean luma."""
        import torch

        weights = torch.tensor(LUMA, dtype=torch.float64)
        return torch.stack([weights @ image.double().mean((1, 2)) for image in images])


class AbsDiff:
    """Where an image differs from its reference at all: |t − r|, smoothed, of no type."""

    def __init__(self) -> None:
        summary = f"smoothed |t - r|: mean over RGB, Gaussian of {SMOOTHING:g} px"
        fields = {"coverage": "the whole image", "map_channels": ("difference",)}
        self.card = replace(_card("abs-diff", summary, requires=("scipy",), **fields), mode="FR")

    def distortion_map(self, images: Images, references: Images) -> list[torch.Tensor]:
        """``float32 [1, H, W]`` in [0.5, 1] each; ValueError where the sizes differ."""
        import torch
        from scipy.ndimage import gaussian_filter

        maps = []
        for image, reference in zip(images, references, strict=True):
            if image.shape != reference.shape:
                sizes = " and ".join(f"{i.shape[2]} × {i.shape[1]}" for i in (image, reference))
                raise ValueError(f"control:abs-diff compares images of one size, not {sizes}")
            change = (image.float() - reference.float()).abs().mean(0) / 255
            smooth = gaussian_filter(change.numpy(), SMOOTHING, mode="nearest").clip(0, 1)
            maps.append(torch.from_numpy(0.5 + 0.5 * smooth)[None])
        return maps


def untrained_vit(*, seed: int = 0, device: str = "cpu") -> Model:
    """A ViT-Tiny/16 as ``timm:vit_tiny_patch16_224`` would be, with random weights of ``seed``."""
    from .timm_encoder import TimmEncoder, create, max_pixels

    if not isinstance(seed, int) or seed < 0:
        raise ValueError(f"control:untrained-vit: seed must be 0 or more, not {seed!r}")
    net = create("vit_tiny_patch16_224", pretrained=False)
    _randomize(net, seed)
    card = _card(
        "untrained-vit",
        f"untrained: ViT-Tiny/16 with random weights, seed {seed}",
        weights=(Weights(f"random, seed {seed}", tensors_sha256(net.state_dict())),),
        max_pixels=max_pixels(net),
    )
    return TimmEncoder(net, card, device)


def _randomize(net: torch.nn.Module, seed: int) -> None:
    """Matrices uniform with std 0.02, the std of timm's own start; biases zero; norms one.

    NumPy's uniform numbers have the same bits on every processor; torch's normal ones do not.
    """
    import numpy as np
    import torch

    rng = np.random.default_rng(seed)
    limit = 0.02 * 3**0.5
    with torch.no_grad():
        for name, parameter in sorted(net.named_parameters()):
            if parameter.ndim > 1:
                values = rng.uniform(-limit, limit, tuple(parameter.shape))
                parameter.copy_(torch.from_numpy(values))
            else:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)


_CONTROLS: dict[str, tuple[Callable[..., Model], tuple[str, ...]]] = {
    "abs-diff": (AbsDiff, ()),
    "constant": (Constant, ()),
    "luminance": (Luminance, ()),
    "untrained-vit": (untrained_vit, ("device", "seed")),
}


def load(name: str, **options: Any) -> Model:
    """The control called ``name``; ValueError for an unknown name or option."""
    if name not in _CONTROLS:
        raise ValueError(f"there is no control {name!r}; {closest(name, _CONTROLS)}")
    make, takes = _CONTROLS[name]
    refuse(f"control:{name}", options.keys() - set(takes), takes)
    return make(**options)


FAMILY = Family(
    load, "yardsticks: constant, luminance, |t - r|, an untrained network", tuple(_CONTROLS)
)
