"""Loss of resolution: reduced and enlarged again by one filter, as Pillow does it."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .draws import Rngs


def bicubic(images: Tensor, factors: Tensor, rngs: Rngs) -> Tensor:
    """Bicubic (a = -0.5); level: the factor by which both sides shrink."""
    return _there_and_back(images, factors, "bicubic")


def bilinear(images: Tensor, factors: Tensor, rngs: Rngs) -> Tensor:
    """Bilinear (triangle); level: the factor by which both sides shrink."""
    return _there_and_back(images, factors, "bilinear")


def lanczos(images: Tensor, factors: Tensor, rngs: Rngs) -> Tensor:
    """Lanczos (three lobes); level: the factor by which both sides shrink."""
    return _there_and_back(images, factors, "lanczos")


def _there_and_back(images: Tensor, factors: Tensor, mode: str) -> Tensor:
    height, width = images.shape[-2:]
    resized = []
    for image, factor in zip(images.split(1), factors.tolist(), strict=True):
        small = (max(1, round(height / factor)), max(1, round(width / factor)))
        reduced = _resample(image, small, mode).clamp(0, 1)
        resized.append(_resample(reduced, (height, width), mode))
    return torch.cat(resized)


def _resample(images: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    """Antialiased resize of ``[B, C, H, W]``: the filter widens with the reduction."""
    if mode != "lanczos":
        return F.interpolate(images, size, mode=mode, antialias=True)
    # torch has this filter in recent versions, and on the CPU, only.
    tall = _lanczos_rows(images, size[0])
    return _lanczos_rows(tall.mT.contiguous(), size[1]).mT


def _lanczos_rows(images: Tensor, size: int) -> Tensor:
    """Lanczos resize of the rows of ``[B, C, H, W]`` to ``[B, C, size, W]``."""
    rows = images.shape[-2]
    scale = max(rows / size, 1)
    centers = (torch.arange(size, device=images.device, dtype=torch.float64) + 0.5) * rows / size
    taps = torch.arange(math.ceil(6 * scale) + 1, device=images.device)
    index = (centers - 3 * scale + 0.5).floor().long()[:, None] + taps
    distance = (index + 0.5 - centers[:, None]) / scale
    weights = torch.sinc(distance) * torch.sinc(distance / 3)
    weights *= (distance.abs() < 3) & (index >= 0) & (index < rows)
    weights = (weights / weights.sum(1, keepdim=True)).to(images)
    index = index.clamp(0, rows - 1)
    resized = images.new_zeros(*images.shape[:2], size, images.shape[-1])
    # Whole rows at a time: much faster than a sum over gathered windows.
    for tap, weight in zip(index.unbind(1), weights.unbind(1), strict=True):
        resized.addcmul_(images.index_select(2, tap), weight[:, None])
    return resized
