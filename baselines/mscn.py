"""Locally normalized luma and chroma: what classical no-reference models read, as input channels.

MSCN coefficients of A. Mittal et al., IEEE TIP 2012 (eq. 1-3, C = 1), on a batch,
with borders reflected; ``baselines.nss`` has the float64 twin of the luma's. Those of the chroma
show damage of color where the luma is intact.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.nss import LUMA, RADIUS, SIGMA

CHANNELS = 4
# By what networks multiply them: the traces of damage are weak beside the contents that RGB shows.
GAIN = 5.0


def mscn_channels(images: Tensor) -> Tensor:
    """Of ``[B, 3, H, W]`` in [0, 1], sides of at least 4: ``[B, 4, H, W]``, float32 at least.

    The MSCN coefficients of the luma (about unit variance on photographs), of blue less luma and
    of red less luma; and the local contrast that the luma was divided by, as log(1 + σ) / log(256),
    σ in levels of 0 … 255.
    """
    with torch.autocast(images.device.type, enabled=False):
        wide = 255 * images.to(torch.promote_types(images.dtype, torch.float32))
        luma = (wide * wide.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
        # About the middle gray, so that squares keep their last bits.
        planes = torch.cat([luma - 127.5, wide[:, 2:] - luma, wide[:, :1] - luma], 1)
        mean = _blurred(planes)
        # Rounding can leave a variance below zero in flat areas.
        deviation = (_blurred(planes.square()) - mean.square()).clamp_min(0).sqrt()
        coefficients = (planes - mean) / (deviation + 1)
        return torch.cat([coefficients, torch.log1p(deviation[:, :1]) / math.log(256)], 1)


def _blurred(planes: Tensor) -> Tensor:
    """By the 7 x 7 Gaussian window, column by column and row by row."""
    window = [math.exp(-0.5 * (offset / SIGMA) ** 2) for offset in range(-RADIUS, RADIUS + 1)]
    blurred = F.pad(planes, (RADIUS,) * 4, mode="reflect")
    for axis in (2, 3):
        # Shifted sums: PyTorch's convolution of single planes takes eight times as long on a CPU.
        wide, n = blurred, blurred.shape[axis] - 2 * RADIUS
        blurred = torch.zeros_like(wide.narrow(axis, 0, n))
        for shift, weight in enumerate(window):
            blurred.add_(wide.narrow(axis, shift, n), alpha=weight / sum(window))
    return blurred
