"""Noise: white (RGB and YCbCr), impulse, multiplicative, and what a denoiser leaves."""

import torch
from kornia.color import rgb_to_ycbcr, ycbcr_to_rgb
from kornia.filters import filter2d_separable
from torch import Tensor

from .draws import Rngs, normal, uniform


def white(images: Tensor, variances: Tensor, rngs: Rngs) -> Tensor:
    """Gaussian noise, independent in R, G and B; level: variance (images in [0, 1])."""
    return images + _gaussian(images, variances, rngs)


def white_color(images: Tensor, variances: Tensor, rngs: Rngs) -> Tensor:
    """Gaussian noise, independent in Y, Cb and Cr; level: variance."""
    return ycbcr_to_rgb(rgb_to_ycbcr(images) + _gaussian(images, variances, rngs))


def impulse(images: Tensor, densities: Tensor, rngs: Rngs) -> Tensor:
    """Salt and pepper in equal parts, each channel by itself; level: share of values replaced."""
    draws = uniform(rngs, tuple(images.shape[1:]), images)
    half = densities[:, None, None, None] / 2
    return images.masked_fill(draws < half, 0).masked_fill(draws >= 1 - half, 1)


def multiplicative(images: Tensor, variances: Tensor, rngs: Rngs) -> Tensor:
    """Speckle: x + x n, with n Gaussian; level: variance of n."""
    return images + images * _gaussian(images, variances, rngs)


# A 5-pixel box and a Gaussian of 1.5 pixels, as rows of seven taps.
_WINDOWS = torch.stack(
    [
        torch.tensor([0, 0.2, 0.2, 0.2, 0.2, 0.2, 0]),
        torch.softmax(-(torch.arange(-3.0, 4.0) ** 2) / (2 * 1.5**2), dim=0),
    ]
)


def denoise(images: Tensor, variances: Tensor, rngs: Rngs) -> Tensor:
    """White noise, then a local Wiener filter that knows it; level: variance of the noise.

    The filter (Lee, 1980; ``scipy.signal.wiener``) keeps the local mean, and the rest as far as
    the local variance exceeds the noise. Its window is a box or a Gaussian, drawn per image.
    """
    windows = _WINDOWS.to(images)[(uniform(rngs, (), images) < 0.5).long()]
    noisy = (images + _gaussian(images, variances, rngs)).clamp(0, 1)
    mean = filter2d_separable(noisy, windows, windows, "replicate")
    local = filter2d_separable(noisy**2, windows, windows, "replicate") - mean**2
    noise = variances[:, None, None, None]
    return mean + (noisy - mean) * (local - noise).clamp(min=0) / torch.maximum(local, noise)


def _gaussian(images: Tensor, variances: Tensor, rngs: Rngs) -> Tensor:
    return normal(rngs, tuple(images.shape[1:]), images) * variances.sqrt()[:, None, None, None]
