"""Locally normalized luminance: what classical no-reference models read, as input channels.

MSCN coefficients of A. Mittal et al., IEEE TIP 2012 (eq. 1-3, C = 1), on a batch,
with borders reflected; ``baselines.nss`` has the float64 twin.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.nss import LUMA, RADIUS, SIGMA

CHANNELS = 2


def mscn_channels(images: Tensor) -> Tensor:
    """Of ``[B, 3, H, W]`` in [0, 1], sides of at least 4: ``[B, 2, H, W]``, float32 at least.

    The MSCN coefficient of the luma (about unit variance on photographs), and the local contrast
    that it was divided by, as log(1 + σ) / log(256), σ in levels of 0 … 255.
    """
    with torch.autocast(images.device.type, enabled=False):
        wide = images.to(torch.promote_types(images.dtype, torch.float32))
        weights = wide.new_tensor(LUMA).view(1, 3, 1, 1)
        # About the middle gray, so that squares keep their last bits.
        luma = 255 * (wide * weights).sum(1, keepdim=True) - 127.5
        mean = _blurred(luma)
        # Rounding can leave a variance below zero in flat areas.
        deviation = (_blurred(luma.square()) - mean.square()).clamp_min(0).sqrt()
        coefficients = (luma - mean) / (deviation + 1)
        return torch.cat([coefficients, torch.log1p(deviation) / math.log(256)], 1)


def _blurred(values: Tensor) -> Tensor:
    """By the 7 x 7 Gaussian window, row by row and column by column."""
    offsets = torch.arange(-RADIUS, RADIUS + 1, device=values.device, dtype=values.dtype)
    window = torch.exp(-0.5 * (offsets / SIGMA).square())
    window = window / window.sum()
    padded = F.pad(values, (RADIUS,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, window.view(1, 1, 1, -1)), window.view(1, 1, -1, 1))
