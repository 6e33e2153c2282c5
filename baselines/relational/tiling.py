"""Large pairs in tiles: what is made of each is what would be made of the whole.

Tiles begin at multiples of the network's total stride, so that the pixels of each stride are those
of the whole image, and are read with a halo of its receptive radius.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import torch
from torch import Tensor
from tqdm import tqdm

from .config import STRIDE
from .network import Features, Maps
from .score import Pooled, pooled

TILE = 768  # pixels; a tile of it and its halo take about 1 GB of memory in the shipped network
_UNBOUNDED_HALO = 128  # pixels, of a network whose radius has no bound


@dataclass(frozen=True)
class Tile:
    """One part of a pair: the features of both images with a halo, and where the part is.

    ``rows`` and ``columns``: from where to where the part goes, in pixels of the image;
    ``origin``: the pixel at which what was read begins.
    """

    tests: Features
    references: Features
    rows: tuple[int, int]
    columns: tuple[int, int]
    origin: tuple[int, int]

    def inside(self, values: Tensor, stride: int) -> Tensor:
        """``[..., h, w]`` at ``stride`` without the halo, and without the image's padding."""
        (top, left), ((first, below), (start, right)) = self.origin, (self.rows, self.columns)
        rows = slice((first - top) // stride, -(-(below - top) // stride))
        columns = slice((start - left) // stride, -(-(right - left) // stride))
        return values[..., rows, columns]


def tiles(
    model: Maps,
    test: Tensor,
    reference: Tensor,
    device: torch.device,
    side: int,
    doing: str,
) -> Iterator[Tile]:
    """The parts of a pair ``uint8 [3, H, W]``, of about ``side`` pixels a side, row by row.

    Images are padded at the right and the bottom, by reflection, to what the network needs.
    Equal to the whole within rounding if ``model.radius`` is not None. An image that is no larger
    than a tile is one, without a halo. ``doing`` is what the progress bar says.
    """
    unit = model.multiple
    halo = -(-(_UNBOUNDED_HALO if model.radius is None else model.radius) // unit) * unit
    height, width = test.shape[1:]
    all_rows, all_columns = (_reflected(n, unit).to(test.device) for n in (height, width))
    parts = list(product(_cuts(height, side, unit), _cuts(width, side, unit)))
    bar = tqdm(parts, desc=doing, unit="tile", delay=2, leave=False, disable=len(parts) == 1)
    for (first, below), (start, right) in bar:
        top, left = max(first - halo, 0), max(start - halo, 0)
        rows, columns = all_rows[top : below + halo], all_columns[left : right + halo]
        tests, references = (
            model.encode(image[:, rows][:, :, columns][None].to(device).float() / 255)
            for image in (test, reference)
        )
        down, across = (first, min(below, height)), (start, min(right, width))
        yield Tile(tests, references, down, across, (top, left))


@torch.inference_mode()
def distortion_map(
    model: Maps, test: Tensor, reference: Tensor, device: torch.device, side: int = TILE
) -> Tensor:
    """F(t, r), ``float32 [C, H/4, W/4]``, sides rounded up, on the CPU."""
    height, width = (-(-n // STRIDE) for n in test.shape[1:])
    found = torch.empty(model.channels, height, width)
    for tile in tiles(model, test, reference, device, side, "maps"):
        maps = model.logits(tile.tests, tile.references).float().sigmoid()[0].cpu()
        rows, columns = (
            slice(first // STRIDE, -(-last // STRIDE)) for first, last in (tile.rows, tile.columns)
        )
        found[:, rows, columns] = tile.inside(maps, STRIDE)
    return found


@torch.inference_mode()
def pooled_pair(
    model: Maps, test: Tensor, reference: Tensor, device: torch.device, side: int = TILE
) -> Pooled:
    """What the scorer reads of a pair, as a batch of one."""
    total = None
    for tile in tiles(model, test, reference, device, side, "score"):
        signed = tile.inside(model.signed(tile.tests, tile.references), STRIDE)
        tests, references = (
            [tile.inside(x, s) for x, s in zip(features, model.encoder.strides, strict=True)]
            for features in (tile.tests, tile.references)
        )
        part = pooled(signed, tests, references)
        total = part if total is None else total + part
    assert total is not None
    return total


def _cuts(size: int, side: int, unit: int) -> list[tuple[int, int]]:
    """Parts of nearly equal length, multiples of ``unit``, that cover ``size`` pixels."""
    units = -(-size // unit)
    parts = -(-size // side)
    ends = [units * i // parts * unit for i in range(parts + 1)]
    return [(a, b) for a, b in pairwise(ends) if b > a]


def _reflected(size: int, unit: int) -> Tensor:
    """The rows of an image of ``size``, and of its reflections up to a multiple of ``unit``."""
    places = torch.arange(-(-size // unit) * unit)
    there_and_back = places % max(2 * (size - 1), 1)
    return torch.minimum(there_and_back, 2 * (size - 1) - there_and_back)
