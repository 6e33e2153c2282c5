"""The pictures of a comparison as data URIs: photographs, and maps as transparent color."""

from __future__ import annotations

import io
from base64 import b64encode

import numpy as np
import torch
from PIL import Image

from ..judging import shrunk

SHOWN = 1280  # pixels along the longer side, at most; a larger photograph is shown scaled
_MAP = 480  # cells along the longer side of a map, at most
_OPACITY = 0.85  # at the end of the scale; the legend in compare.css says the same
# Orange: the test has more; blue: the reference does. Apart for the color-blind, too.
TEST_MORE, REFERENCE_MORE = (0xD5, 0x5E, 0x00), (0x01, 0x73, 0xB2)
_ENDS = (0.05, 0.1, 0.2, 0.3, 0.5)


def photograph(image: torch.Tensor) -> str:
    """``uint8 [3, H, W]`` without loss if it is shown at its size, else scaled and compressed."""
    picture = _picture(image)
    if max(picture.size) <= SHOWN:
        return _png(picture)
    return _jpeg(_scaled(picture), 92)


def pale(image: torch.Tensor) -> str:
    """The same in gray, with less contrast: what lies under the maps."""
    gray = _scaled(_picture(image)).convert("L")
    return _jpeg(gray.point([round(64 + 0.62 * level) for level in range(256)]), 85)


def crop(image: torch.Tensor, window: tuple[int, int, int, int]) -> str:
    """A part at full size, without loss; ``window`` is top, left, height, width."""
    top, left, height, width = window
    return _png(_picture(image[:, top : top + height, left : left + width]))


def scale_end(maps: np.ndarray) -> float:
    """How far from 0.5 the scale of ``maps`` goes: the first round number that holds them all."""
    farthest = float(np.abs(maps - 0.5).max(initial=0))
    return next((end for end in _ENDS if farthest <= end + 1e-6), 0.5)


def overlay(values: np.ndarray, end: float) -> str:
    """A map ``float32 [h, w]`` as color that is the more opaque the farther it is from 0.5."""
    distance = shrunk(values[None], _MAP)[0] - 0.5
    pixels = np.empty((*distance.shape, 4), np.uint8)
    pixels[..., :3] = np.where(distance[..., None] >= 0, TEST_MORE, REFERENCE_MORE)
    pixels[..., 3] = np.rint(255 * _OPACITY * np.clip(np.abs(distance) / end, 0, 1))
    return _png(Image.fromarray(pixels))


def _picture(image: torch.Tensor) -> Image.Image:
    return Image.fromarray(image.permute(1, 2, 0).numpy())


def _scaled(picture: Image.Image) -> Image.Image:
    scale = min(1.0, SHOWN / max(picture.size))
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _png(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return _uri("png", file)


def _jpeg(picture: Image.Image, quality: int) -> str:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, subsampling=0)
    return _uri("jpeg", file)


def _uri(kind: str, file: io.BytesIO) -> str:
    return f"data:image/{kind};base64,{b64encode(file.getvalue()).decode()}"
