"""Sources that are a box of an image file: cut out, or marked in the whole image.

A box is (left, top, width, height) in pixels of the upright image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..canonical import digest
from ..file_hashes import file_sha256

if TYPE_CHECKING:
    from ..images import Decoded, DecodePolicy, Failure

Box = tuple[int, int, int, int]
_EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True)
class CropSource:
    """The box of an image file, cut out."""

    path: Path
    box: Box

    def fingerprint(self) -> str:
        return _fingerprint(self.path, "crop", self.box)

    def load(self, policy: DecodePolicy) -> Decoded | Failure:
        return _load(self.path, self.box, policy, cut=True)

    def alpha(self) -> np.ndarray | None:
        return None


@dataclass(frozen=True)
class RegionSource:
    """A whole image file; ``alpha`` is one inside the box and zero outside."""

    path: Path
    box: Box

    def fingerprint(self) -> str:
        return _fingerprint(self.path, "region", self.box)

    def load(self, policy: DecodePolicy) -> Decoded | Failure:
        return _load(self.path, self.box, policy, cut=False)

    def alpha(self) -> np.ndarray | None:
        left, top, width, height = self.box
        cover = np.zeros(_upright_shape(self.path), np.float32)
        cover[top : top + height, left : left + width] = 1.0
        return cover


def _load(path: Path, box: Box, policy: DecodePolicy, cut: bool) -> Decoded | Failure:
    from ..images import Decoded, Failure

    try:
        state = path.stat()
    except OSError:
        return Failure("file not found")
    decoded = _decoded(path, state.st_size, state.st_mtime_ns, policy)
    if isinstance(decoded, Failure):
        return decoded
    left, top, width, height = box
    rows, columns = decoded.image.shape[1:]
    if not (0 <= left < left + width <= columns and 0 <= top < top + height <= rows):
        where = f"{width} × {height} at ({left}, {top})"
        return Failure(f"the box {where} does not lie in the image of {columns} × {rows} pixels")
    image = decoded.image[:, top : top + height, left : left + width] if cut else decoded.image
    return Decoded(image.clone(), decoded.warnings)  # a copy: the original serves the next box


# The boxes of an image come one after another: it is decoded and hashed once for all of them.
@lru_cache(maxsize=1)
def _decoded(path: Path, size: int, mtime_ns: int, policy: DecodePolicy) -> Decoded | Failure:
    from ..images import decode

    return decode(path, policy)


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    return file_sha256(path)


def _fingerprint(path: Path, kind: str, box: Box) -> str:
    try:
        state = path.stat()
        return digest([kind, _sha256(path, state.st_size, state.st_mtime_ns), list(box)])
    except OSError:
        return "missing"


def _upright_shape(path: Path) -> tuple[int, int]:
    """(height, width) after EXIF orientation, from the header alone."""
    from PIL import Image

    with Image.open(path) as image:
        width, height = image.size
        turned = image.getexif().get(_EXIF_ORIENTATION, 1) in (5, 6, 7, 8)
    return (width, height) if turned else (height, width)
