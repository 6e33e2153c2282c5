"""The encoder of relational IQA: what each image is taken for, before the two are compared."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F
from timm.data import resolve_model_data_config
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

from ..loading import only_what_is_here
from ..mscn import CHANNELS, GAIN, mscn_channels
from ..nss import RADIUS
from ..standardized import convolution

if TYPE_CHECKING:
    from .config import Network

_RESIDUAL = 0.5  # of the variance before it, a residual convolution adds a fourth


class Encoder(nn.Module):
    """``float [B, 3, H, W]`` in [0, 1] → features ``[B, widths[i], H/strides[i], W/strides[i]]``.

    H and W are multiples of ``multiple``. ``radii``: how many pixels beyond its own cell a feature
    sees at most, at each stride; None where that has no bound. The features come before their
    nonlinearity: a difference of two is then linear in that of two images, where it is small.
    """

    widths: tuple[int, ...]
    strides: tuple[int, ...]
    multiple: int
    radii: tuple[int, ...] | None = None
    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)


class Convolutional(Encoder):
    """Stages of a convolution of stride 2 and residual ones; none of them sees a whole image."""

    def __init__(self, config: Network) -> None:
        super().__init__(IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
        self.mscn, self.widths = config.mscn, config.widths
        self.strides = tuple(2 ** (i + 1) for i in range(len(config.widths)))
        self.multiple = self.strides[-1]
        widths = (3 + CHANNELS * config.mscn, *config.widths)
        self.stages = nn.ModuleList()
        radius, radii = RADIUS * config.mscn, []
        stages = zip(pairwise(widths), config.depths, self.strides, strict=True)
        for (before, after), depth, stride in stages:
            halving = convolution(before, after, stride=2)
            residual = [convolution(after, after) for _ in range(depth - 1)]
            self.stages.append(nn.ModuleList([halving, *residual]))
            radius += stride // 2 + len(residual) * stride
            radii.append(radius)
        self.radii = tuple(radii)

    def forward(self, images: Tensor) -> list[Tensor]:
        x = (images - self.mean) / self.std
        if self.mscn:
            x = torch.cat([x, GAIN * mscn_channels(images)], 1)
        # Convolutions on a CPU are twice as fast so.
        x = x.contiguous(memory_format=torch.channels_last)
        found: list[Tensor] = []
        for stage in self.stages:
            halving, *residual = cast(nn.ModuleList, stage)
            x = halving(F.gelu(x) if found else x)
            for each in residual:
                x = x + _RESIDUAL * each(F.gelu(x))
            found.append(x)
        return found


class OfTimm(Encoder):
    """A backbone of timm that reads normalized RGB, e.g. a SwinV2.

    Raises Unavailable where its published weights are asked for and are not on this machine,
    ValueError for a name that timm does not know.
    """

    def __init__(self, name: str, pretrained: bool) -> None:
        net = _of_timm(name, pretrained)
        settings = resolve_model_data_config(net)
        super().__init__(settings["mean"], settings["std"])
        self.net = net
        self.widths = tuple(net.feature_info.channels())
        self.strides = tuple(net.feature_info.reduction())
        windows = [max(w) for m in net.modules() if (w := getattr(m, "window_size", None))]
        self.multiple = self.strides[-1] * max(windows, default=1)
        self._last = net.output_fmt == "NHWC"  # channels

    def forward(self, images: Tensor) -> list[Tensor]:
        found = self.net((images - self.mean) / self.std)
        return [x.permute(0, 3, 1, 2) if self._last else x for x in found]


def _of_timm(name: str, pretrained: bool) -> Any:
    import timm

    try:
        fixed = timm.get_pretrained_cfg(name, allow_unregistered=False).fixed_input_size
    except RuntimeError:
        raise ValueError(f"timm has no network {name!r}") from None
    any_size = {"dynamic_img_size": True} if fixed else {}
    command = f"python -c \"import timm; timm.create_model('{name}', pretrained=True)\""
    with only_what_is_here(f"timm:{name}", command), torch.random.fork_rng(devices=[]):
        return timm.create_model(name, pretrained=pretrained, features_only=True, **any_size)
