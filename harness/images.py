"""Decode an image file to uint8 RGB: the header is checked first, failures are values.

Values are display-referred: gamma and chromaticity chunks are not applied, alpha is dropped
rather than composited, and only the first frame is read.
"""

from __future__ import annotations

import io
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import torch
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from .image_color import hdr_profile, to_srgb
from .image_depth import eight_bit
from .image_headers import UnusableImageError, check_header, hdr, sniff

# Plug-ins are called directly: Image.open has a pixel limit of its own, global to the process.
_READERS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "PNM": PpmImagePlugin.PpmImageFile,
}
_MODES = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr", "CMYK"})


@dataclass(frozen=True)
class DecodePolicy:
    """How files become pixels.

    ``icc="srgb"`` converts through an embedded ICC profile to sRGB (relative colorimetric, with
    black-point compensation); ``"ignore"`` leaves the values as stored. ``max_pixels`` is the
    limit on width × height, checked before anything is decoded.
    """

    icc: Literal["srgb", "ignore"] = "srgb"
    max_pixels: int = 100_000_000

    def __post_init__(self) -> None:
        if self.icc not in ("srgb", "ignore"):
            raise ValueError(f"icc is {self.icc!r}; it must be 'srgb' or 'ignore'")

    @property
    def name(self) -> str:
        """The part of a cell's key: what changes values, and so not ``max_pixels``."""
        return f"exif-{self.icc}@1"


@dataclass(frozen=True)
class Decoded:
    """A picture: ``image`` is uint8 RGB ``[3, H, W]``, contiguous, upright."""

    image: torch.Tensor
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """Why there is no picture, in one line that is the same on every machine."""

    reason: str


DEFAULT_POLICY = DecodePolicy()
TOO_LARGE = "more than the model takes"


def decode(path: str | Path | bytes, policy: DecodePolicy = DEFAULT_POLICY) -> Decoded | Failure:
    """Read a file (or the bytes of one) as uint8 RGB; a bad file is a Failure, never an exception.

    16-bit samples become round(v / 257). The format is told by the content, not by the name.
    """
    try:
        with _source(path) as file:
            image_format = sniff(file.read(64))
            file.seek(0)
            try:
                with _strict:
                    return _decode(file, image_format, policy)
            except UnusableImageError:
                raise
            except Exception as error:  # plug-ins raise every kind of exception on hostile files
                why = " ".join(str(error).split())[:200] or type(error).__name__
                return Failure(f"cannot decode {image_format}: {why}")
    except UnusableImageError as error:
        return Failure(str(error))
    except FileNotFoundError:
        return Failure("file not found")
    except OSError as error:
        return Failure(f"cannot read: {error.strerror}")
    except ValueError:  # a null character
        return Failure("not a valid file name")


def too_large(width: int, height: int) -> str:
    """The reason for refusing an image of that size, whoever refuses it."""
    return f"{width} × {height} pixels: {TOO_LARGE} (max_pixels); make it smaller first"


def _source(path: str | Path | bytes) -> BinaryIO:
    if isinstance(path, bytes):
        return io.BytesIO(path)
    mode = Path(path).stat().st_mode
    if stat.S_ISDIR(mode):
        raise UnusableImageError("a directory, not a file")
    if not stat.S_ISREG(mode):  # opening a pipe would wait for ever
        raise UnusableImageError("not a regular file")
    return open(path, "rb")


class _Strict:
    """Keeps Pillow's global LOAD_TRUNCATED_IMAGES off while a decode runs in any thread.

    Some libraries switch it on when imported; a truncated file would then be scored as whole.
    """

    def __init__(self) -> None:
        self.lock, self.users, self.before = threading.Lock(), 0, False

    def __enter__(self) -> None:
        with self.lock:
            if self.users == 0:
                self.before = ImageFile.LOAD_TRUNCATED_IMAGES
                ImageFile.LOAD_TRUNCATED_IMAGES = False
            self.users += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                ImageFile.LOAD_TRUNCATED_IMAGES = self.before


_strict = _Strict()


def _decode(file: BinaryIO, image_format: str, policy: DecodePolicy) -> Decoded:
    warnings: list[str] = []
    primaries = check_header(file, image_format)
    image = _READERS[image_format](file)
    if image.width * image.height > policy.max_pixels:
        raise UnusableImageError(too_large(image.width, image.height))
    profile = image.info.get("icc_profile", b"")
    profile = profile if isinstance(profile, bytes) else b""  # None where its parts do not fit
    if transfer := hdr_profile(profile):
        raise hdr(transfer)
    if getattr(image, "is_animated", False) or "mp" in image.info:
        warnings.append("several frames, first used")
    has_alpha = image.has_transparency_data
    picture = eight_bit(file, image, warnings)
    if has_alpha and not _opaque(picture):
        warnings.append("alpha channel dropped")
    if picture.mode not in _MODES:
        raise UnusableImageError(f"unsupported pixel mode {picture.mode}: convert it to PNG")
    if picture.mode == "CMYK":
        warnings.append("CMYK converted to RGB")
    picture.info.pop("transparency", None)
    if picture.mode == "La":
        picture = picture.convert("LA")  # the only way out of premultiplied alpha
    if policy.icc == "srgb" and "icc_profile" in image.info:
        converted = to_srgb(picture, profile)
        if converted is None:
            warnings.append("ICC profile unreadable, ignored")
        picture = converted or picture
    elif policy.icc == "srgb" and primaries not in (None, 1, 2):  # BT.709, unspecified
        warnings.append(f"color primaries {primaries} (H.273) read as sRGB")
    rgb = picture if picture.mode == "RGB" else picture.convert("RGB")
    return Decoded(_planes(rgb), tuple(warnings))


def _opaque(picture: Image.Image) -> bool:
    """Whether an alpha channel says that nothing shines through anywhere."""
    return "A" in picture.getbands() and picture.getchannel("A").getextrema() == (255, 255)


def _planes(image: Image.Image) -> torch.Tensor:
    """``[3, H, W]``: Pillow writes each plane out, faster than a permuted copy of its array."""
    planes = np.empty((3, image.height * image.width), np.uint8)
    for plane, band in zip(planes, "RGB", strict=True):
        plane[:] = np.frombuffer(image.tobytes("raw", band), np.uint8)
    return torch.from_numpy(planes).view(3, image.height, image.width)
