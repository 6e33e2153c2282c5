"""Spatial damage: jitter, misplaced patches, pixelation, quantization, color blocks."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .draws import Rngs, integers, normal, uniform

_ROUNDS = 5


def jitter(images: Tensor, deviations: Tensor, rngs: Rngs) -> Tensor:
    """Five rounds of resampling at randomly displaced pixels; level: deviation in pixels."""
    batch, _, height, width = images.shape
    steps = normal(rngs, (_ROUNDS, height, width, 2), images)
    pixel = images.new_tensor([2 / (width - 1), 2 / (height - 1)])
    steps *= deviations[:, None, None, None, None] * pixel
    identity = torch.eye(2, 3).to(images).expand(batch, 2, 3)
    still = F.affine_grid(identity, list(images.shape), align_corners=True)
    for step in steps.unbind(1):
        images = F.grid_sample(images, still + step, padding_mode="border", align_corners=True)
    return images


def non_eccentricity(images: Tensor, counts: Tensor, rngs: Rngs) -> Tensor:
    """Replace square patches by others a little way off; level: number of patches.

    They are 16 pixels wide and move up to 8 pixels in x and in y at 384 x 512; both scale with
    the image.
    """
    height, width = images.shape[-2:]
    side = _side(16, height, width)
    reach = side // 2
    draws = uniform(rngs, (256, 6), images)
    patch, hit = _patches(images, counts, draws[..., :2], side, margin=reach)
    # Never by zero: a patch is not its own replacement.
    moves = (1 + integers(draws[..., 2:4], reach)) * torch.where(draws[..., 4:] < 0.5, -1, 1)
    offsets = (moves[..., 0] * width + moves[..., 1]).gather(1, patch)
    source = torch.arange(height * width, device=images.device) + offsets * hit
    return images.flatten(2).gather(2, source[:, None].expand(-1, 3, -1)).view(images.shape)


def pixelate(images: Tensor, levels: Tensor, rngs: Rngs) -> Tensor:
    """Nearest-neighbor reduction by z = 0.95 - level^0.6 and enlargement, without averaging."""
    scale = (0.95 - levels**0.6)[:, None]
    rows, columns = (
        (((torch.arange(size, device=images.device) + 0.5) * scale).floor() + 0.5)
        .div(scale)
        .long()
        .clamp(max=size - 1)
        for size in images.shape[-2:]
    )
    tall = images.gather(2, rows[:, None, :, None].expand_as(images))
    return tall.gather(3, columns[:, None, None].expand_as(images))


def quantization(images: Tensor, counts: Tensor, rngs: Rngs) -> Tensor:
    """Round each channel to evenly spaced values, black and white among them.

    Level: their number; a fractional one gives the spacing 1 / (level - 1) below a clipped white.
    """
    steps = counts[:, None, None, None] - 1
    return (images * steps).round() / steps


def color_block(images: Tensor, counts: Tensor, rngs: Rngs) -> Tensor:
    """Cover square blocks with random colors; level: number of blocks.

    They are 32 pixels wide at 384 x 512 and scale with the image.
    """
    draws = uniform(rngs, (16, 5), images)
    side = _side(32, *images.shape[-2:])
    block, hit = _patches(images, counts, draws[..., :2], side, margin=0)
    colors = draws[..., 2:].mT.gather(2, block[:, None].expand(-1, 3, -1))
    return torch.where(hit[:, None], colors, images.flatten(2)).view(images.shape)


def _side(pixels: int, height: int, width: int) -> int:
    """Width of a patch that has ``pixels`` at 384 x 512 (the size of KADID-10k's images)."""
    scaled = round(pixels * math.sqrt(height * width / (384 * 512)))
    return max(2, min(scaled, min(height, width) // 4))


def _patches(
    images: Tensor, counts: Tensor, corners: Tensor, side: int, margin: int
) -> tuple[Tensor, Tensor]:
    """The patch of each pixel, and whether it is among the first ``counts``: both ``[B, HW]``.

    ``corners`` ``[B, N, 2]`` in [0, 1) place the patches, all drawn whatever the count. Earlier
    ones lie on top, and a fractional count shows the first rows of the last, so that damage grows
    row by row.
    """
    height, width = images.shape[-2:]
    number = corners.shape[1]
    tops = margin + integers(corners[..., 0], height - side - 2 * margin + 1)
    lefts = margin + integers(corners[..., 1], width - side - 2 * margin + 1)
    steps = torch.arange(side, device=images.device)
    index = (tops * width + lefts)[..., None, None] + steps[:, None] * width + steps
    rank = torch.arange(number, device=images.device)[:, None] + steps / side
    ranks = rank[..., None].expand_as(index).flatten(1).to(images)
    first = images.new_full((len(images), height * width), number)
    first.scatter_reduce_(1, index.flatten(1), ranks, "amin")
    return first.long().clamp(max=number - 1), first < counts[:, None]
