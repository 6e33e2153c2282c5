"""Squares cut out of photographs."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch.nn.functional as F
from torch import Tensor


class Images(Protocol):
    """Photographs by number, ``uint8 [3, H, W]`` of any size."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> Tensor: ...


def square(photo: Tensor, side: int, rng: np.random.Generator) -> Tensor:
    """A square of a photograph, ``uint8 [3, side, side]``; of a smaller one, enlarged."""
    shorter = min(photo.shape[1:])
    if shorter < side:
        sizes = [max(side, round(n * side / shorter)) for n in photo.shape[1:]]
        enlarged = F.interpolate(photo[None].float(), sizes, mode="bicubic", antialias=True)
        photo = enlarged[0].round().clamp(0, 255).byte()
    y, x = (int(rng.integers(n - side + 1)) for n in photo.shape[1:])
    return photo[:, y : y + side, x : x + side]
