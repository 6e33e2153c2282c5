"""Brightness: brighten, darken, mean shift."""

import torch
from kornia.color import lab_to_rgb, rgb_to_lab
from torch import Tensor

from .draws import Rngs


def brighten(images: Tensor, amounts: Tensor, rngs: Rngs) -> Tensor:
    """Lift the middle tones by half the level, black and white kept.

    The curve is applied to R, G, B (weight 2/3) and to the L* of CIELAB (weight 1/3).
    """
    amount = amounts[:, None, None, None]
    lab = rgb_to_lab(images)
    lightness = 100 * _parabola(lab[:, :1] / 100, amount)
    return (2 * _parabola(images, amount) + lab_to_rgb(torch.cat([lightness, lab[:, 1:]], 1))) / 3


def darken(images: Tensor, amounts: Tensor, rngs: Rngs) -> Tensor:
    """Lower the middle tones of R, G, B by half the level, black and white kept."""
    return _parabola(images, -amounts[:, None, None, None])


def mean_shift(images: Tensor, offsets: Tensor, rngs: Rngs) -> Tensor:
    """Add a constant; level: the constant (images in [0, 1])."""
    return images + offsets[:, None, None, None]


def _parabola(x: Tensor, amount: Tensor) -> Tensor:
    """The parabola through (0, 0), (0.5, 0.5 + amount / 2), (1, 1), clipped to [0, 1]."""
    return (x + 2 * amount * x * (1 - x)).clamp(0, 1)
