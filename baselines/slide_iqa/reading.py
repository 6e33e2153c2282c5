"""What the adapters make of an image: tokens at two scales, pooled, scored, or as a map.

Pooled are the class token and of the patch tokens, number by number, the mean and the standard
deviation: damage of a few patches hardly moves their mean, but sets them apart from the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .encoder import Encoder


@dataclass(frozen=True)
class Linear:
    """A linear head on the features: score = weight · features + bias, higher is better."""

    weight: Tensor  # float64 [6D]
    bias: float


class Tokens(NamedTuple):
    """Of one image at full and at half size, ``float32 [1 + N, D]`` each, on the CPU.

    ``grid`` are rows and columns of its patches at full size; at half size there are half as many,
    rounded up.
    """

    full: Tensor
    half: Tensor
    grid: tuple[int, int]


@torch.inference_mode()
def two_scales(encoder: Encoder, image: Tensor, device: torch.device) -> Tokens:
    """Tokens of ``uint8 [3, H, W]``.

    Images are padded at the right and the bottom, by reflection, to whole patches. Raises
    ValueError for one that is no larger than a patch: half of it would be too small to reflect.
    """
    side = encoder.patch
    height, width = image.shape[1:]
    if min(height, width) <= side:
        raise ValueError(f"a {width}x{height} image is too small: more than {side} pixels a side")
    full = image[None].to(device).float() / 255
    first, second = (encoder(_padded(each, side))[0].float().cpu() for each in (full, halved(full)))
    return Tokens(first, second, (-(-height // side), -(-width // side)))


def halved(images: Tensor) -> Tensor:
    """``float [B, 3, H, W]`` at half size, bilinear, antialiased, sides rounded up."""
    height, width = images.shape[2:]
    size = (-(-height // 2), -(-width // 2))
    return F.interpolate(images, size, mode="bilinear", antialias=True)


def features(tokens: Tokens) -> Tensor:
    """``float32 [6D]``: at full size, then at half, [class token ; mean of the patch tokens ; their
    standard deviation]."""
    found = []
    for scale in (tokens.full, tokens.half):
        patches = scale[1:]
        found += [scale[0], patches.mean(0), patches.std(0, correction=0)]
    return torch.cat(found)


def score(tokens: Tokens, head: Linear) -> Tensor:
    """The head on the features, a ``float64`` scalar."""
    return features(tokens).double() @ head.weight + head.bias


def quality_map(tokens: Tokens, head: Linear) -> Tensor:
    """The head on each patch in place of their mean: ``float32`` of the size of the grid.

    Class tokens and deviations belong to no patch, and count alike everywhere. Patches at half
    size are enlarged to the grid. Where sides are multiples of two patches the mean is the score;
    elsewhere patches that reach into the padding count less than there.
    """
    height, width = tokens.grid
    of_full, of_half = (weight.chunk(3)[1] for weight in head.weight.chunk(2))
    fine, coarse = tokens.full[1:].double() @ of_full, tokens.half[1:].double() @ of_half
    everywhere = score(tokens, head) - fine.mean() - coarse.mean()
    # Twice the size and then cut: so patches of both scales stay over the same pixels.
    coarse = coarse.view(1, 1, -(-height // 2), -(-width // 2))
    coarse = F.interpolate(coarse, scale_factor=2, mode="bilinear")[0, 0, :height, :width]
    return (fine.view(height, width) + coarse + everywhere).float()


def _padded(images: Tensor, side: int) -> Tensor:
    height, width = images.shape[2:]
    return F.pad(images, (0, -width % side, 0, -height % side), mode="reflect")
