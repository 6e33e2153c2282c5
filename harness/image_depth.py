"""Load a picture upright with 8-bit samples; 16-bit ones are rounded, not clipped or truncated."""

from __future__ import annotations

import sys
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, ImageOps, TiffImagePlugin

from .image_headers import UnusableImageError


def eight_bit(file: BinaryIO, image: ImageFile.ImageFile, warnings: list[str]) -> Image.Image:
    """The picture that ``image``, opened from ``file`` and not yet loaded, stands for.

    EXIF orientation is applied; an n-bit sample v becomes round(255 v / (2^n - 1)), which is
    round(v / 257) for 16 bits. Adds to ``warnings``. Raises UnusableImageError for a kind of
    16-bit picture that cannot be read exactly, and whatever Pillow raises on a broken file.
    """
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    rawmode = _rawmode(image)
    if rawmode.endswith((";16B", ";16L", ";16N")) and image.mode in ("RGB", "RGBA", "CMYK"):
        return _both_bytes(file, image, rawmode, warnings)
    _load(image, warnings)
    if not image.mode.startswith("I;16") and not (image.mode == "I" and image.format == "PPM"):
        return image
    samples = np.asarray(image)
    if tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:  # white is zero
        samples = 65535 - samples
    return Image.fromarray(_scale(4095 if rawmode == "I;12" else 65535)[samples])


def _both_bytes(
    file: BinaryIO, image: ImageFile.ImageFile, rawmode: str, warnings: list[str]
) -> Image.Image:
    """16-bit color. Pillow keeps one byte of a sample; the other byte order yields the other."""
    if rawmode.startswith("RGBa"):
        raise UnusableImageError("unsupported format premultiplied 16-bit TIFF: convert it to PNG")
    if rawmode == "LA;16B":  # four bytes a pixel: gray high, gray low, alpha high, alpha low
        _set_rawmode(image, "RGBA")
        _load(image, warnings)
        quad = np.asarray(image).astype(np.uint16)
        return Image.fromarray(_scale(65535)[quad[..., 0] << 8 | quad[..., 1]])
    file.seek(0)
    low = type(image)(file)
    little = rawmode.endswith("L") or (rawmode.endswith("N") and sys.byteorder == "little")
    _set_rawmode(low, rawmode[:-1] + ("B" if little else "L"))
    _load(low, [])
    file.seek(0)
    _load(image, warnings)
    samples = np.asarray(image).astype(np.uint16) << 8 | np.asarray(low)
    return Image.frombytes(image.mode, image.size, _scale(65535)[samples].tobytes())


def _load(image: ImageFile.ImageFile, warnings: list[str]) -> None:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # Allocated here, since its reader would first apply Pillow's own pixel limit.
        image.im = Image.core.new(image.mode, image._tile_size)
    image.load()
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:  # a hostile EXIF block raises anything; the pixels are whole
        warnings.append("EXIF unreadable, ignored")


def _rawmode(image: ImageFile.ImageFile) -> str:
    args = image.tile[0].args if image.tile else ""
    return str(args[0] if isinstance(args, tuple) else args)


def _set_rawmode(image: ImageFile.ImageFile, rawmode: str) -> None:
    image.tile = [
        tile._replace(args=(rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode)
        for tile in image.tile
    ]


def _scale(top: int) -> np.ndarray:
    """The table from a sample in 0 … top to the nearest of 0 … 255."""
    return ((np.arange(65536) * 255 + top // 2) // top).clip(max=255).astype(np.uint8)
