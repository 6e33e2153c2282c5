"""ICC profiles: from an embedded one to sRGB, and whether it says that its image is HDR."""

from __future__ import annotations

import io
import re
import struct
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from .image_headers import HDR_TRANSFER

_MODE = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}  # by the profile's color space
_GRAY_MODES = ("1", "L", "LA")
_HDR_NAME = re.compile(r"(?<![A-Z])(PQ|HLG)(?![A-Za-z])")


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """``image`` as RGB in sRGB, seen through ``profile``; None if that cannot be applied.

    Relative colorimetric with black-point compensation, 8 bits in and out. An RGB profile that
    moves no color by more than one level of 255 is sRGB written with other roundings: the
    values then stay as they are, as in a file without a profile.
    """
    try:
        mode = _MODE[_parse(profile).profile.xcolor_space.strip()]
        if (mode == "CMYK") != (image.mode == "CMYK"):
            return None
        if mode == "L" and image.mode not in _GRAY_MODES:
            return None
        transform = _transform(profile, mode)
    except (ImageCms.PyCMSError, OSError, KeyError, ValueError):
        return None
    image = image if image.mode == mode else image.convert(mode)
    return image if transform is None else ImageCms.applyTransform(image, transform)


@lru_cache(maxsize=16)
def hdr_profile(profile: bytes) -> str | None:
    """What makes a profile HDR ("PQ transfer", "HLG transfer"); None for SDR or unreadable.

    Told by its `cicp` tag (ICC.1:2022, 9.2.17), or by its description where it has none.
    """
    try:
        (count,) = struct.unpack_from(">I", profile, 128)
        for i in range(min(count, 100)):
            tag, offset = struct.unpack_from(">4sI", profile, 132 + 12 * i)
            if tag == b"cicp":
                return HDR_TRANSFER.get(profile[offset + 9])
        named = _HDR_NAME.search(_parse(profile).profile.profile_description or "")
    except (OSError, struct.error, IndexError, ValueError):
        return None
    return f"{named[1]} transfer" if named else None


def _parse(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform of a picture in ``mode`` to sRGB; None where it would be the identity."""
    source = _parse(profile)
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    if mode != "RGB" or not source.profile.is_matrix_shaper:
        # The coarse grid that lcms would precompute is off by up to 17 levels.
        flags |= ImageCms.Flags.NOOPTIMIZE
    transform = ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=flags,
    )
    if mode == "RGB":
        colors = _every_gray_and_a_lattice()
        moved = np.asarray(ImageCms.applyTransform(Image.fromarray(colors), transform))
        if np.abs(moved.astype(int) - colors).max() <= 1:
            return None
    return transform


def _every_gray_and_a_lattice() -> np.ndarray:
    """``uint8 [1, N, 3]``: 256 grays and 18 levels of each primary, combined."""
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    lattice = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3)
    grays = np.arange(256, dtype=np.uint8)[:, None].repeat(3, 1)
    return np.concatenate([lattice, grays])[None]
