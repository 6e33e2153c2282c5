"""How a square crop is divided into blocks: its pixels, and the patch tokens of a ViT."""

from __future__ import annotations

from math import isqrt
from typing import NamedTuple

import torch
from torch import Tensor

from .config import Edges, Partition, ShdiqaConfig


class Blocks(NamedTuple):
    """The blocks of a crop of S × S pixels that a ViT reads as P patches, row by row.

    ``pixels`` ``bool [K, S, S]``: each pixel is of one block. ``patches`` ``bool [K, P]``, the mask
    matrix: a patch is of the block that holds all its pixels, or of none.
    """

    pixels: Tensor
    patches: Tensor


def divide(config: ShdiqaConfig, side: int, patch: int) -> Blocks:
    """The blocks of a crop of ``side`` pixels, in the order of reading.

    Raises ValueError where a side is no multiple of ``patch``, or a block would hold no whole one.
    """
    if side % patch:
        raise ValueError(f"crops of {side} pixels are no multiple of the patches of {patch}")
    rows, columns = layout(config.partition, config.blocks)
    of_row, of_column = (_strip_of(side, count, patch, config.edges) for count in (rows, columns))
    number = of_row[:, None] * columns + of_column
    pixels = number == torch.arange(config.blocks)[:, None, None]
    grid = side // patch
    held = pixels.view(config.blocks, grid, patch, grid, patch).all(4).all(2)
    patches = held.flatten(1)
    if not patches.any(1).all():
        raise ValueError(
            f"{config.blocks} blocks ({config.partition}) are too many for crops of {side} pixels "
            f"with patches of {patch}: one would hold no whole patch"
        )
    return Blocks(pixels, patches)


def layout(partition: Partition, blocks: int) -> tuple[int, int]:
    """Rows and columns of blocks: vertical strips stand side by side."""
    if partition == "grid":
        return isqrt(blocks), isqrt(blocks)
    return (1, blocks) if partition == "vertical" else (blocks, 1)


def _strip_of(side: int, count: int, patch: int, edges: Edges) -> Tensor:
    """Which of ``count`` strips, as equal as ``edges`` allows, each pixel of a side is in."""
    step = patch if edges == "patch" else 1
    inner = [(2 * i * side + count * step) // (2 * count * step) * step for i in range(1, count)]
    return torch.bucketize(torch.arange(side), torch.tensor(inner), right=True)
