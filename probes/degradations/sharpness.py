"""Sharpness and contrast: high sharpening, contrast change."""

import torch
from kornia.color import lab_to_rgb, rgb_to_lab
from kornia.filters import gaussian_blur2d
from torch import Tensor

from .draws import Rngs


def high_sharpen(images: Tensor, amounts: Tensor, rngs: Rngs) -> Tensor:
    """Unsharp masking of L* with a Gaussian of 3 pixels (13 taps); level: the amount added."""
    lab = rgb_to_lab(images)
    lightness = lab[:, :1]
    detail = lightness - gaussian_blur2d(lightness, 13, (3.0, 3.0), "replicate")
    sharp = (lightness + amounts[:, None, None, None] * detail).clamp(0, 100)
    return lab_to_rgb(torch.cat([sharp, lab[:, 1:]], dim=1))


def contrast(images: Tensor, amounts: Tensor, rngs: Rngs) -> Tensor:
    """A tone curve through (0, 0), (0.3, 0.3 - c/4), (0.5, 0.5), (0.7, 0.7 + c/4), (1, 1).

    Level: c; above 0 contrast rises, below it falls. The interpolating cubic spline is one odd
    cubic about 0.5. KADID-10k counts its amounts from c = 0.2.
    """
    centered = images - 0.5
    return images + amounts[:, None, None, None] * centered * (0.25 - centered**2) / 0.168
