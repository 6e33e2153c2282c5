"""The frozen ResNet-50 that CONTRIQUE, Re-IQA and ARNIQA share, at full and at half scale."""

from __future__ import annotations

import copy
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from harness.model import Images

from .checkpoint import Layout, resnet50_state
from .loading import usable_device

if TYPE_CHECKING:
    import torch
    from PIL import Image

# Of one image: views of it and views of its half, each uint8 [V, 3, h, w].
Views = Callable[["Image.Image"], tuple["torch.Tensor", "torch.Tensor"]]

# A whole image of this many pixels takes about 8 GB on its way through the network.
MAX_PIXELS = 32_000_000
RECENT = 64  # images whose features are remembered, 16 kB a view
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# What is in use, by what it is and its device: models of the same weights share a network, and
# those of the same variant its work.
_networks: WeakValueDictionary[tuple[str, str], torch.nn.Module] = WeakValueDictionary()
_encoders: WeakValueDictionary[tuple[str, str, str], Encoder] = WeakValueDictionary()


class Encoder:
    """``float32 [V, 4096]`` of an image: 2048 of the full scale, then 2048 of the half scale.

    ``views`` makes the two scales of an image, of V views each. ``normalized`` by ImageNet's
    mean and standard deviation; ``unit`` scales each half to norm 1. Images are computed one by
    one, so that their features do not depend on what else is in a list. Those of the last
    images are remembered: the next model may ask for the same, or the next pair has the same
    reference.
    """

    def __init__(
        self, weights: str, variant: str, net: Any, views: Views, *, normalized: bool, unit: bool
    ) -> None:
        import torch

        self.weights, self.variant = weights, variant
        self.net, self.views, self.unit = net, views, unit
        mean, std = (_MEAN, _STD) if normalized else ((0.0,) * 3, (1.0,) * 3)
        self.mean = torch.tensor(mean)[:, None, None]
        self.std = torch.tensor(std)[:, None, None]
        self.device = torch.device("cpu")
        self.forget()

    def forget(self) -> None:
        """Remember no image."""
        self._recent: OrderedDict[tuple[torch.Size, bytes], torch.Tensor] = OrderedDict()

    def on(self, device: str) -> Encoder:
        """This encoder on ``device``; ValueError if there is no such thing here."""
        where = usable_device(device)
        if where == self.device:
            return self
        key = (self.weights, self.variant, str(where))
        moved = _encoders.get(key)
        if moved is None:
            moved = copy.copy(self)
            moved.forget()
            net = _networks.get((self.weights, str(where)))
            moved.net = copy.deepcopy(self.net).to(where) if net is None else net
            moved.device = where
            _networks[self.weights, str(where)], _encoders[key] = moved.net, moved
        return moved

    def __call__(self, images: Images) -> torch.Tensor:
        """``float32 [N, V, 4096]`` on the CPU. Raises ValueError where an image has no half."""
        import torch

        return torch.stack([self._remembered(image) for image in images])

    def _remembered(self, image: torch.Tensor) -> torch.Tensor:
        key = image.shape, hashlib.sha256(image.contiguous().numpy().data).digest()
        value = self._recent.pop(key, None)
        self._recent[key] = value = self.of(picture(image)) if value is None else value
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        return value

    def of(self, picture: Image.Image, views: Views | None = None) -> torch.Tensor:
        """``float32 [V, 4096]`` of one picture, with other ``views`` if given."""
        import torch
        import torch.nn.functional as F

        scales = (views or self.views)(picture)
        with torch.inference_mode():
            if scales[0].shape == scales[1].shape:  # crops: one pass for both scales
                pooled = self._pooled(torch.cat(scales)).chunk(2)
            else:
                pooled = tuple(self._pooled(scale) for scale in scales)
            if self.unit:
                pooled = tuple(F.normalize(half) for half in pooled)
            return torch.cat(pooled, dim=1)

    def _pooled(self, pixels: torch.Tensor) -> torch.Tensor:
        """``float32 [B, 2048]`` of ``uint8 [B, 3, H, W]``."""
        import torch

        values = (pixels.float() / 255 - self.mean) / self.std
        values = values.to(self.device, memory_format=torch.channels_last)
        return self.net(values).float().cpu()


def encoder(
    layout: Layout,
    path: Path,
    sha256: str,
    variant: str,
    views: Views,
    *,
    normalized: bool,
    unit: bool,
) -> Encoder:
    """The encoder of the checkpoint ``path`` and a variant: one for all models that ask for it.

    Raises ValueError if the checkpoint is not of ``layout``.
    """
    weights = f"{layout.model} {sha256}"
    found = _encoders.get((weights, variant, "cpu"))
    if found is None:
        net = _networks.get((weights, "cpu"))
        if net is None:
            net = _networks[weights, "cpu"] = network(resnet50_state(path, layout))
        found = Encoder(weights, variant, net, views, normalized=normalized, unit=unit)
        _encoders[weights, variant, "cpu"] = found
    return found


def network(state: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    """torchvision's ResNet-50 with these weights and no classifier, for inference.

    Batch normalization goes into the convolution before it, and channels come last: the same
    values but for rounding, a sixth faster on a CPU.
    """
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval
    from torchvision.models import resnet50

    with torch.device("meta"):
        net = resnet50(weights=None)
        net.fc = torch.nn.Identity()
    net.load_state_dict(state, assign=True)
    net.requires_grad_(False).eval()
    for block in net.modules():
        for i in (1, 2, 3):
            if hasattr(block, f"conv{i}"):
                fused = fuse_conv_bn_eval(getattr(block, f"conv{i}"), getattr(block, f"bn{i}"))
                setattr(block, f"conv{i}", fused)
                setattr(block, f"bn{i}", torch.nn.Identity())
        if getattr(block, "downsample", None) is not None:
            block.downsample = fuse_conv_bn_eval(*block.downsample)
    return net.to(memory_format=torch.channels_last)


def picture(image: torch.Tensor) -> Image.Image:
    """The Pillow image of ``uint8 [3, H, W]``."""
    from PIL import Image

    return Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())


def pixels(picture: Image.Image) -> torch.Tensor:
    """``uint8 [3, H, W]`` of an RGB Pillow image."""
    import numpy as np
    import torch

    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


def half(picture: Image.Image, filter: int, size: tuple[int, int] | None = None) -> Image.Image:
    """``picture`` at half its size, rounded down; or at half of ``size`` (width, height).

    By Pillow on 8 bits, as all three official programs do: any resize of a tensor gives other
    features. Raises ValueError where nothing would be left.
    """
    width, height = size or picture.size
    if min(width, height) < 2:
        raise ValueError(f"a {width}x{height} image has no half")
    return picture.resize((width // 2, height // 2), filter)
