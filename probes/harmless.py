"""Changes that nobody should mind: what a model's score does under them is its noise.

They are no degradations of the bank: no severity, always over the whole image.
"""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image, JpegImagePlugin

from .degradations import seeded

JPEG_QUALITY = 98
# (rows, columns) by which the picture moves: down, up, right, left.
_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1))


def _dither(image: torch.Tensor, content: str, seed: int) -> torch.Tensor:
    """Each value one level up, one down or kept, at random; clipped to 0 … 255."""
    rng = seeded(seed, content, "dither")
    steps = torch.randint(-1, 2, image.shape, generator=rng, dtype=torch.int16)
    return (image + steps).clamp_(0, 255).byte()


def _shift(image: torch.Tensor, content: str, seed: int) -> torch.Tensor:
    """One pixel down, up, right or left, for seeds 0, 1, 2, 3 …; the edge is repeated."""
    rows, columns = _DIRECTIONS[seed % len(_DIRECTIONS)]
    _, height, width = image.shape
    y = (torch.arange(height) - rows).clamp_(0, height - 1)
    x = (torch.arange(width) - columns).clamp_(0, width - 1)
    return image[:, y][:, :, x]


def _jpeg(image: torch.Tensor, content: str, seed: int) -> torch.Tensor:
    """Through a JPEG file of quality 98 with full color resolution (4:4:4)."""
    file = io.BytesIO()
    picture = Image.fromarray(image.permute(1, 2, 0).numpy())
    picture.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    file.seek(0)
    # The plug-in is called directly: what other libraries do to Image.open is nothing to us.
    decoded = np.array(JpegImagePlugin.JpegImageFile(file))
    return torch.from_numpy(decoded).permute(2, 0, 1).contiguous()


_CHANGES = {"dither": _dither, "shift": _shift, "jpeg-98": _jpeg}
HARMLESS = tuple(_CHANGES)


def change(image: torch.Tensor, name: str, content: str, seed: int = 0) -> torch.Tensor:
    """``image`` (``uint8 [3, H, W]``, on the CPU) after the harmless change ``name``; its copy.

    What is drawn depends on (seed, content) alone. Raises KeyError for another name.
    """
    return _CHANGES[name](image, content, seed)
