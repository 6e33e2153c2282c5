"""The images on which coverage is measured: a smooth one, and the same with parts perturbed.

Each of the three perturbations changes another side of a block, so that a model that is deaf to
one of them still answers: *noise* adds structure (uniform random values), *flat* takes it away
and moves the level (one color, 64 levels from the block's mean, up or down at random), and
*inverted* keeps it and moves the values (255 - v). What is drawn for a block is the same
whichever others are perturbed with it, and independent of theirs: effects that cancel over a
region would need a coincidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from harness.canonical import digest

if TYPE_CHECKING:
    import torch

    from harness.images import Decoded, DecodePolicy

# Raise it whenever any of these pixels changes.
VERSION = "1"
# Libraries that take part in making them beside those that every cell key holds.
REQUIRES = ("scipy",)

BLOCK = 16  # pixels on a side
KINDS = ("noise", "flat", "inverted")
TEXTURE = "texture"
PERIODS = (*(2 * 2 ** (k / 2) for k in range(11)), np.inf)  # pixels, of textures; inf: a shift
_RMS = 12.0  # levels, of a texture
# Of the base image. It is darker than its inverse: effects on the mean do not cancel.
_MEAN, _SD, _RANGE = 104, 24, (32, 200)

Region = tuple[int, int, int, int]  # in blocks: top, bottom (exclusive), left, right (exclusive)


@dataclass(frozen=True)
class Frame:
    """Which images: their size in pixels, the side of a block, and the seed of what is drawn."""

    width: int
    height: int
    block: int = BLOCK
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.width, self.height, self.block) < 1:
            raise ValueError(f"sides are at least 1 pixel, got {self}")

    @property
    def rows(self) -> int:
        """Of blocks; the last row and column may be narrower than a block."""
        return -(-self.height // self.block)

    @property
    def columns(self) -> int:
        return -(-self.width // self.block)

    @property
    def pixels(self) -> np.ndarray:
        """How many pixels each block has, ``int [rows, columns]``."""
        return self.sums(np.ones((self.height, self.width), np.int64))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sums of ``values [height, width]`` over each block, ``[rows, columns]``."""
        down = np.add.reduceat(values, np.arange(0, self.height, self.block), axis=0)
        return np.add.reduceat(down, np.arange(0, self.width, self.block), axis=1)


@dataclass(frozen=True)
class CoverageImage:
    """A source: the base image of ``frame`` with ``region`` perturbed, or with a texture.

    ``kind`` is one of KINDS, or TEXTURE for one of ``period`` everywhere, or None for the base
    image itself.
    """

    frame: Frame
    kind: str | None = None
    region: Region | None = None
    period: float | None = None

    def fingerprint(self) -> str:
        f = self.frame
        size = [f.width, f.height, f.block, f.seed]
        period = None if self.period is None else f"{self.period:.17g}"  # one is infinite
        return digest([VERSION, size, self.kind, self.region, period])

    def load(self, policy: DecodePolicy) -> Decoded:
        from harness.images import Decoded

        return Decoded(self.image())

    def alpha(self) -> np.ndarray | None:
        """Where it differs from the base image, ``float32 [H, W]``; None for a texture."""
        if self.kind is not None and self.region is None:
            return None
        mask = np.zeros((self.frame.height, self.frame.width), np.float32)
        if self.region is not None:
            mask[_part(self.frame, self.region)] = 1
        return mask

    def image(self) -> torch.Tensor:
        """The pixels, ``uint8 [3, H, W]``."""
        import torch

        image = base(self.frame).copy()
        if self.region is not None:
            assert self.kind is not None
            part = (slice(None), *_part(self.frame, self.region))
            image[part] = perturbed(self.frame, self.kind)[part]
        elif self.kind is not None:
            assert self.period is not None
            image = _textured(image, self.frame, self.period)
        return torch.from_numpy(image)


def _part(frame: Frame, region: Region) -> tuple[slice, slice]:
    top, bottom, left, right = (side * frame.block for side in region)
    return slice(top, bottom), slice(left, right)


@lru_cache(maxsize=1)
def base(frame: Frame) -> np.ndarray:
    """Smooth noise with some grain, ``uint8 [3, H, W]`` in 32 … 200: a photograph of nothing."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng([frame.seed, 0])
    shape = (3, frame.height, frame.width)
    values = gaussian_filter(rng.standard_normal(shape, np.float32), (0, 6, 6), mode="wrap")
    values += 0.05 * values.std() * rng.standard_normal(shape, np.float32)
    values *= _SD / max(float(values.std()), 1e-9)
    return np.clip(values + _MEAN, *_RANGE).round().astype(np.uint8)


@lru_cache(maxsize=len(KINDS))
def perturbed(frame: Frame, kind: str) -> np.ndarray:
    """The base image with every block perturbed, ``uint8 [3, H, W]``."""
    image = base(frame)
    if kind == "inverted":
        return 255 - image
    rng = np.random.default_rng([frame.seed, 1 + KINDS.index(kind)])
    if kind == "noise":
        return rng.integers(0, 256, image.shape, np.uint8)
    mean = np.stack([frame.sums(plane.astype(np.float64)) for plane in image]) / frame.pixels
    level = mean + 64 * rng.choice((-1, 1), mean.shape[1:])
    level = np.where((level < 0) | (level > 255), 2 * mean - level, level).round().astype(np.uint8)
    tall = level.repeat(frame.block, axis=1)[:, : frame.height]
    return tall.repeat(frame.block, axis=2)[:, :, : frame.width]


def _textured(image: np.ndarray, frame: Frame, period: float) -> np.ndarray:
    """``image`` with gray noise of RMS 12 levels in half an octave around ``period``.

    Noise rather than gratings: over many directions and phases, what it has in common with the
    image averages out. An infinite period raises every value by 12.
    """
    if np.isinf(period):
        return image + np.uint8(_RMS)
    size = (frame.height, frame.width)
    white = np.random.default_rng([frame.seed, 8]).standard_normal(size, np.float32)
    height, width = (np.fft.fftfreq(n) * period for n in size)
    octaves = np.hypot(height[:, None], width[: frame.width // 2 + 1])
    band = (octaves >= 2**-0.25) & (octaves < 2**0.25)
    texture = np.fft.irfft2(np.fft.rfft2(white) * band, s=size)
    texture *= _RMS / max(float(texture.std()), 1e-9)
    return np.clip(image + texture, 0, 255).round().astype(np.uint8)
