"""The images of a fit: decoded, sized, kept in memory as far as they fit, and cut into crops."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from harness.images import DEFAULT_POLICY, Decoded
from harness.sample import Dataset, Sample

from .ahead import ahead
from .config import FitConfig


class Pictures:
    """The labeled images of a dataset that can be read, with their ``labels``, float64 ``[N]``.

    Those that cannot are left out, with a warning. The first ones are kept, as far as they fit into
    ``memory`` bytes, of which ``left`` are then free; others are decoded again whenever they are
    asked for. ``threads`` is how many work ahead of whoever goes through them.
    """

    def __init__(self, dataset: Dataset, config: FitConfig, memory: int, threads: int = 1) -> None:
        self.config, self.threads, self.left = config, threads, memory
        self.kept: dict[int, Tensor] = {}
        self.samples: list[Sample] = []
        unread: list[str] = []
        labeled = [sample for sample in dataset.samples if sample.label is not None]
        for sample, image in zip(labeled, ahead(self._read, labeled, threads), strict=True):
            if isinstance(image, str):
                unread.append(f"{sample.id}: {image}")
                continue
            if image.numel() <= self.left:
                self.kept[len(self.samples)] = image
                self.left -= image.numel()
            self.samples.append(sample)
        if unread:
            more = f" and {len(unread) - 1} more" if unread[1:] else ""
            warnings.warn(f"{dataset.name}: left out of the fit: {unread[0]}{more}", stacklevel=2)
        self.labels = torch.tensor([s.label for s in self.samples], dtype=torch.float64)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, i: int) -> Tensor:
        """``uint8 [3, H, W]``. Raises ValueError for a file that was there before and is not."""
        if i in self.kept:
            return self.kept[i]
        if isinstance(image := self._read(self.samples[i]), str):
            raise ValueError(f"{self.samples[i].id}: {image}")
        return image

    def __iter__(self) -> Iterator[Tensor]:
        """All of them in their order, decoded ahead."""
        return ahead(self.__getitem__, range(len(self)), self.threads)

    def _read(self, sample: Sample) -> Tensor | str:
        """The pixels, or why there are none."""
        found = sample.source.load(DEFAULT_POLICY)
        return sized(found.image, self.config) if isinstance(found, Decoded) else found.reason

    def crops(self, which: Sequence[int], generator: Generator) -> Tensor:
        """A crop at a random place of each of ``which``, ``uint8 [B, 3, S, S]``."""
        side = self.config.crop
        places = torch.rand(len(which), 2, generator=generator, dtype=torch.float64).tolist()
        mirrored = torch.rand(len(which), generator=generator) < 0.5
        found = torch.empty(len(which), 3, side, side, dtype=torch.uint8)
        for out, i, (down, right) in zip(found, which, places, strict=True):
            image = self[i]
            height, width = image.shape[1:]
            top, left = int(down * (height - side + 1)), int(right * (width - side + 1))
            out.copy_(image[:, top : top + side, left : left + side])
        if self.config.flips:
            found[mirrored] = found[mirrored].flip(3)
        return found


def sized(image: Tensor, config: FitConfig) -> Tensor:
    """``uint8 [3, H, W]`` with a shorter side of at least a crop and at most ``shorter_side``."""
    height, width = image.shape[1:]
    shorter = min(height, width)
    wanted = min(max(shorter, config.crop), config.shorter_side)
    if wanted == shorter:
        return image
    size = [
        wanted if side == shorter else round(side * wanted / shorter) for side in (height, width)
    ]
    resized = F.interpolate(image[None].float(), size, mode="bilinear", antialias=True)[0]
    return resized.round().clamp(0, 255).to(torch.uint8)


def grid(height: int, width: int, config: FitConfig) -> list[tuple[int, int]]:
    """Top and left of the crops from which an image is scored.

    They lie from edge to edge, at most ``test_crops`` of them, in as many rows and columns as make
    the widest step least; a single row, in the middle, counts as one of twice the room.
    """
    free = height - config.crop, width - config.crop
    shapes = [
        (rows, count // rows)
        for count in range(1, config.test_crops + 1)
        for rows in range(1, count + 1)
    ]

    def widest(shape: tuple[int, int]) -> float:
        return max(f / max(n - 1, 0.5) for f, n in zip(free, shape, strict=True))

    rows, columns = min(shapes, key=lambda shape: (widest(shape), math.prod(shape)))
    return [(top, left) for top in _places(free[0], rows) for left in _places(free[1], columns)]


def _places(free: int, count: int) -> list[int]:
    if count == 1:
        return [free // 2]
    return sorted({round(i * free / (count - 1)) for i in range(count)})


def scored_crops(image: Tensor, config: FitConfig) -> Tensor:
    """The crops of ``uint8 [3, H, W]`` from which it is scored, ``uint8 [n, 3, S, S]``."""
    image, side = sized(image, config), config.crop
    places = grid(image.shape[1], image.shape[2], config)
    found = [image[:, top : top + side, left : left + side] for top, left in places]
    return torch.stack(found)


def as_float(pixels: Tensor, device: torch.device) -> Tensor:
    """``uint8`` as floats in [0, 1] on ``device``."""
    return pixels.to(device).float() / 255
