"""Blurs: Gaussian, lens (disk) and motion (line). Borders are replicated."""

import torch
import torch.nn.functional as F
from kornia.filters import gaussian_blur2d
from scipy.fft import next_fast_len
from torch import Tensor

from .draws import Rngs, uniform


def smooth(images: Tensor, sigmas: Tensor) -> Tensor:
    """Gaussian filter of ``[B, C, H, W]`` by one standard deviation per image, cut at 4 sigma."""
    size = 2 * int(4 * sigmas.max() + 0.5) + 1
    return gaussian_blur2d(images, size, sigmas[:, None].expand(-1, 2), "replicate")


def gaussian(images: Tensor, sigmas: Tensor, rngs: Rngs) -> Tensor:
    """Gaussian blur; level: standard deviation in pixels."""
    return smooth(images, sigmas)


def lens(images: Tensor, radii: Tensor, rngs: Rngs) -> Tensor:
    """Out-of-focus blur by a uniform disk; level: its radius in pixels."""
    return convolve(images, disk_kernels(radii))


def motion(images: Tensor, lengths: Tensor, rngs: Rngs) -> Tensor:
    """Linear motion in a random direction; level: its length in pixels (1 is no motion)."""
    angles = torch.pi * uniform(rngs, (), images)
    return convolve(images, line_kernels(lengths, angles))


def disk_kernels(radii: Tensor) -> Tensor:
    """``[B, k, k]``: the share of each pixel that a centered disk covers, summing to 1."""
    reach = int(torch.ceil(radii.max() - 0.5).clamp(min=0))
    edges = torch.arange(-reach - 0.5, reach + 1, device=radii.device, dtype=torch.float64)
    r = radii.double()[:, None, None]
    x, y = edges.abs()[None, :, None], edges.abs()[None, None, :]

    def under_arc(t: Tensor) -> Tensor:
        """Integral of sqrt(r² - t²) from 0."""
        return (t * (r * r - t * t).clamp(min=0).sqrt() + r * r * (t / r).asin()) / 2

    # Area of the disk in [0, x] x [0, y]: flat at y up to `corner`, then under the arc.
    corner = (r * r - y * y).clamp(min=0).sqrt()
    flat = y * torch.minimum(x, corner)
    area = flat + under_arc(torch.maximum(torch.minimum(x, r), corner)) - under_arc(corner)
    sign = edges.sign()
    covered = (area * sign[:, None] * sign).diff(dim=1).diff(dim=2).clamp(min=0)
    return (covered / covered.sum((1, 2), keepdim=True)).to(radii.dtype)


def line_kernels(lengths: Tensor, angles: Tensor) -> Tensor:
    """``[B, k, k]``: antialiased segments (1 - distance to the segment), summing to 1.

    As MATLAB's ``fspecial('motion')``; ``angles`` in radians, counter-clockwise.
    """
    half = (lengths[:, None, None] - 1).clamp(min=0) / 2
    reach = int(torch.ceil(half.max())) + 1
    grid = torch.arange(-reach, reach + 1, device=lengths.device, dtype=lengths.dtype)
    x, y = grid[None, None, :], -grid[None, :, None]
    cos, sin = angles.cos()[:, None, None], angles.sin()[:, None, None]
    beyond = ((x * cos + y * sin).abs() - half).clamp(min=0)
    weights = (1 - torch.hypot(beyond, y * cos - x * sin)).clamp(min=0)
    return weights / weights.sum((1, 2), keepdim=True)


def convolve(images: Tensor, kernels: Tensor) -> Tensor:
    """Convolve ``[B, C, H, W]`` with one odd square kernel ``[B, k, k]`` per image, by FFT."""
    height, width = images.shape[-2:]
    reach = kernels.shape[-1] // 2
    padded = F.pad(images, [reach] * 4, mode="replicate")
    size = [next_fast_len(n, real=True) for n in padded.shape[-2:]]
    spectrum = torch.fft.rfft2(padded, s=size) * torch.fft.rfft2(kernels, s=size)[:, None]
    # Circular wrap-around only reaches the first 2 * reach rows and columns.
    rows, columns = slice(2 * reach, 2 * reach + height), slice(2 * reach, 2 * reach + width)
    return torch.fft.irfft2(spectrum, s=size)[..., rows, columns]
