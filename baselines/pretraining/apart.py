"""Photographs that look like one to measure on: a training leaves them out."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from harness.image_files import names_below
from harness.images import Failure, decode

from ..nss import LUMA

if TYPE_CHECKING:
    from torch import Tensor

Array = np.ndarray
ALIKE = 0.97  # correlation above which two photographs are taken for one
SIDE = 16  # of a thumbnail, pixels
_FLAT = 1.0  # gray levels: a thumbnail that spans less has no structure to correlate


@dataclass(frozen=True, eq=False)
class Apart:
    """The photographs below folders, as far as look-alikes of them are to be told.

    ``folders`` are the names of the folders. Of each photograph there are its name with that of
    its folder, its thumbnail less its mean at unit norm (``units`` ``[n, 256]``; zeros if it is
    flat), and its gray level if it is flat (``grays`` ``[n]``, NaN otherwise).
    """

    folders: tuple[str, ...]
    names: tuple[str, ...]
    units: Array
    grays: Array

    @classmethod
    def from_folders(cls, folders: Iterable[str | Path]) -> Apart:
        """Read every photograph below ``folders``, at any depth, once.

        Raises FileNotFoundError for a folder without photographs, ValueError for a photograph
        that cannot be read, since nothing can be told to be apart from it.
        """
        roots = sorted((Path(f).resolve().name, Path(f)) for f in folders)
        files = [(word, root, name) for word, root in roots for name in names_below(root)]
        bar = tqdm(files, desc="to keep apart from", unit="photo", delay=2, leave=False)
        with ThreadPoolExecutor() as pool, bar:
            paths = (root / name for _, root, name in files)
            found = [each for _, each in zip(bar, pool.map(_read, paths), strict=True)]
        return cls(
            folders=tuple(word for word, _ in roots),
            names=tuple(f"{name} of {word}" for word, _, name in files),
            units=np.array([unit for unit, _ in found]).reshape(-1, SIDE**2),
            grays=np.array([gray for _, gray in found]),
        )

    def likeness(self, image: Tensor) -> str | None:
        """Which photograph ``image`` (``uint8 RGB [3, H, W]``) looks like; None if like none.

        That is Pearson's correlation of thumbnails above `ALIKE`, at any size and aspect. A flat
        photograph has no correlation: only a flat one of the same gray, within a level, is like
        it. A copy that is cropped, rotated, flipped or inverted is not found; smooth pictures,
        such as two skies, may be taken for one.
        """
        unit, gray = _described(thumbnail(image))
        alike = np.maximum(self.units @ unit, np.abs(self.grays - gray) < _FLAT)
        best = int(alike.argmax())
        if alike[best] <= ALIKE:
            return None
        return f"looks like {self.names[best]} (correlation {alike[best]:.2f})"


def thumbnail(image: Tensor) -> Array:
    """Luma (Rec. 601) of ``uint8 RGB [3, H, W]`` as means over areas: ``float32 [16, 16]``."""
    from skimage.transform import resize_local_mean

    luma = np.tensordot(np.array(LUMA, np.float32), image.numpy().astype(np.float32), 1)
    return resize_local_mean(luma, (SIDE, SIDE), preserve_range=True)


def _read(path: Path) -> tuple[Array, float]:
    photo = decode(path)
    if isinstance(photo, Failure):
        raise ValueError(f"{path}: {photo.reason}: repair or remove it to keep apart from it")
    return _described(thumbnail(photo.image))


def _described(small: Array) -> tuple[Array, float]:
    """The unit vector and the gray level of a thumbnail (see `Apart`)."""
    values = small.astype(np.float64).ravel()
    if np.ptp(values) < _FLAT:
        return np.zeros_like(values), float(values.mean())
    centered = values - values.mean()
    return centered / np.linalg.norm(centered), float("nan")
