"""Models whose answer is known, as adapters that see nothing but pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import torch

from harness.images import Decoded, DecodePolicy
from harness.sample import Dataset, Sample
from tests.conftest import card

SIDE = 128  # pixels, of the photographs
CENTER = slice(SIDE // 4, 3 * SIDE // 4)  # of either side: a quarter of the picture
PATCH = 8  # pixels: any mask of 1/64 that is a square or a disk holds such a patch
BLOCK, CAP = 16, 60.0  # pixels of a side, dB: of a PSNR by blocks
Images = Sequence[torch.Tensor]


def squares(image: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Squared errors, a mean over channels, ``float64 [H, W]``."""
    return (image.double() - reference.double()).square().mean(0)


def everywhere(errors: torch.Tensor) -> torch.Tensor:
    return errors.mean()


def worst_patch(errors: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.avg_pool2d(errors[None], PATCH).max()


def worst_of_center(errors: torch.Tensor) -> torch.Tensor:
    return worst_patch(errors[CENTER, CENTER])


def lost_psnr(errors: torch.Tensor) -> torch.Tensor:
    """dB below the cap, a mean over blocks: the mean of their PSNR, counted from a perfect one."""
    blocks = torch.nn.functional.avg_pool2d(errors[None], BLOCK)
    return (CAP - (255**2 / blocks).log10().mul(10).clamp(max=CAP)).mean()


class Error:
    """A full-reference score: minus a pooling of the squared errors."""

    def __init__(self, name: str, pool: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.card, self.pool = card(name, mode="FR"), pool

    def score_pair(self, images: Images, references: Images) -> torch.Tensor:
        pairs = zip(images, references, strict=True)
        return -torch.stack([self.pool(squares(*pair)) for pair in pairs])


class Luminance:
    """The mean luma, and nothing else."""

    def __init__(self) -> None:
        self.card = card("luminance")

    def score(self, images: Images) -> torch.Tensor:
        weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
        return torch.stack([weights @ image.double().mean((1, 2)) for image in images])


class Chance:
    """A normal number that the pixels seed: the same for the same image, and of no use."""

    def __init__(self, seed: int = 0) -> None:
        self.card, self.seed = card(f"chance-{seed}"), seed

    def score(self, images: Images) -> torch.Tensor:
        seeds = [[self.seed, int(sha256(image)[:16], 16)] for image in images]
        return torch.tensor([np.random.default_rng(s).normal() for s in seeds], dtype=torch.float64)


class TrueMask:
    """Knows every image of a dataset by its pixels, and maps where its damage is."""

    def __init__(self, dataset: Dataset) -> None:
        self.card = card("true-mask", map_channels=("damage",))
        self.masks: dict[str, torch.Tensor] = {}
        for sample in dataset.images:
            alpha, image = sample.source.alpha(), pixels(sample)
            if alpha is not None and image is not None:
                self.masks[sha256(image)] = torch.from_numpy(alpha >= 0.5).float()

    def quality_map(self, images: Images) -> list[torch.Tensor]:
        return [1 - self.masks[sha256(image)] for image in images]

    def distortion_map(self, images: Images, references: Images) -> list[torch.Tensor]:
        return [0.5 + 0.5 * self.masks[sha256(image)][None] for image in images]


def sha256(image: torch.Tensor) -> str:
    return hashlib.sha256(image.numpy().tobytes()).hexdigest()


def pixels(sample: Sample) -> torch.Tensor | None:
    """The rendered image; None for a probe that cannot be reached."""
    decoded = sample.source.load(DecodePolicy())
    return decoded.image if isinstance(decoded, Decoded) else None
