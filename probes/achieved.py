"""The damage that a probe really has: equal parameters are not equal damage.

All numbers are of the 8-bit images. *Inside* is where the mask's alpha is at least 0.5.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from kornia.color import rgb_to_lab
from tqdm import tqdm

from harness.atomic import write_atomic
from harness.cache import default_cache
from harness.canonical import digest
from harness.cells import LIBRARIES, library_version
from harness.images import Decoded, DecodePolicy
from harness.sample import Sample

from .ciede2000 import ciede2000
from .contents import Content
from .forked import forked, ladders
from .render import REQUIRES, Recipe, pixels_hash, pristine
from .ssim import RADIUS, Moments, luma, moments, ssim_map

# Raise it whenever a number here changes for the same pixels.
VERSION = "1"
LARGEST_PSNR = 100.0  # dB; stands for all that is better, bitwise equal pixels (infinite) too
_SAVE_EVERY = 5  # seconds


@dataclass(frozen=True)
class Achieved:
    """What was done to an image: all but ``mse`` inside the mask."""

    local_psnr: float  # dB over all channels, at most LARGEST_PSNR
    local_ssim: float  # mean of the SSIM map of the luma (Wang et al., 2004)
    delta_e: float  # mean CIEDE2000
    mse: float  # over the whole image and all channels, in squared levels


@dataclass(frozen=True)
class _Before:
    """A pristine image with what every comparison needs of it."""

    image: np.ndarray  # uint8 [3, H, W]
    luma: Moments
    lab: torch.Tensor  # float32 [3, H, W]


def achieved(pristine: torch.Tensor, image: torch.Tensor, alpha: np.ndarray) -> Achieved:
    """Compare ``image`` with ``pristine`` (both ``uint8 [3, H, W]``) through ``alpha [H, W]``.

    Raises ValueError if sizes differ or nothing is inside the mask.
    """
    if pristine.shape != image.shape or pristine.shape[1:] != alpha.shape:
        sizes = ", ".join(str(list(x.shape)) for x in (pristine, image, alpha))
        raise ValueError(f"two [3, H, W] and an alpha [H, W] are needed, got {sizes}")
    return _achieved(_before(pristine), image, alpha)


def _before(pristine: torch.Tensor) -> _Before:
    pixels = pristine.numpy()
    return _Before(pixels, moments(luma(pixels)), rgb_to_lab(pristine / 255))


def _achieved(before: _Before, image: torch.Tensor, alpha: np.ndarray) -> Achieved:
    inside = alpha >= 0.5
    count = int(inside.sum())
    if not count:
        raise ValueError("nothing is inside the mask: its alpha is below 0.5 everywhere")
    squares = np.square(before.image.astype(np.int32) - image.numpy()).sum(0)
    return Achieved(
        local_psnr=_psnr(float(squares[inside].sum()) / (3 * count)),
        local_ssim=_local_ssim(before.luma, image.numpy(), inside),
        delta_e=_delta_e(before.lab, image, inside & (squares > 0)) / count,
        mse=float(squares.sum()) / before.image.size,
    )


def _psnr(mse: float) -> float:
    return LARGEST_PSNR if mse == 0 else min(LARGEST_PSNR, float(10 * np.log10(255**2 / mse)))


def _delta_e(lab: torch.Tensor, image: torch.Tensor, where: np.ndarray) -> float:
    """Sum of CIEDE2000 over the pixels ``where [H, W]``; elsewhere the colors are equal."""
    places = np.flatnonzero(where)
    # NumPy picks the pixels, since PyTorch takes several times as long for it.
    before, after = (
        torch.from_numpy(colors.flatten(1).numpy().take(places, 1)) for colors in (lab, image)
    )
    now = rgb_to_lab((after / 255)[:, None])[:, 0]
    return float(ciede2000(before, now).sum(dtype=torch.float64))


def _local_ssim(before: Moments, image: np.ndarray, inside: np.ndarray) -> float:
    """Mean of the SSIM map inside, computed on the box that the mask's windows take."""
    rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    box = (_reach(rows), _reach(columns))
    similarity = ssim_map(before.crop(box), luma(image[:, *box]))
    return float(similarity[inside[box]].mean())


def _reach(hit: np.ndarray) -> slice:
    return slice(max(0, int(hit[0]) - RADIUS), int(hit[-1]) + 1 + RADIUS)


def measured(samples: Iterable[Sample], workers: int | None = None) -> dict[str, Achieved]:
    """The achieved damage of every rendered sample, by its id, in their order.

    What has no recipe, no damage or no pixels is left out. Work is shared among ``workers``
    processes (default: every core), which changes no bit, and remembered by fingerprint.
    """
    recipes = {s: s.source for s in samples if isinstance(s.source, Recipe) and s.source.damages}
    memory = _Memory()
    known = {sample: memory.get(recipe) for sample, recipe in recipes.items()}
    lacking = [sample for sample, found in known.items() if found is None]
    try:
        with tqdm(desc="measuring", total=len(lacking), unit="probe", delay=2, leave=False) as bar:
            for group, results in forked(_measure, ladders(lacking), workers):
                known.update(zip(group, results, strict=True))
                memory.add([recipes[sample] for sample in group], results)
                bar.update(len(group))
    finally:
        memory.save()
    return {sample.id: found for sample, found in known.items() if found is not None}


def _measure(samples: Sequence[Sample]) -> list[Achieved | None]:
    found: list[Achieved | None] = []
    for sample in samples:
        recipe, decoded = sample.source, sample.source.load(DecodePolicy())
        if isinstance(recipe, Recipe) and isinstance(decoded, Decoded):
            found.append(_achieved(_content(recipe.content), decoded.image, recipe.alpha()))
        else:
            found.append(None)
    return found


@lru_cache(maxsize=2)
def _content(content: Content) -> _Before:
    return _before(pristine(content))


class _Memory:
    """What was measured before: a JSON file a content, recipe's fingerprint → four numbers."""

    def __init__(self) -> None:
        libraries = sorted({*LIBRARIES, *REQUIRES})
        versions = [VERSION, *((name, library_version(name)) for name in libraries)]
        self.folder = default_cache() / "probes" / f"achieved-{digest(versions)[:16]}"
        self.known: dict[Path, dict[str, list[float]]] = {}
        self.new: dict[Path, dict[str, list[float]]] = defaultdict(dict)
        self.saved = time.monotonic()

    def get(self, recipe: Recipe) -> Achieved | None:
        path = self._path(recipe)
        if path not in self.known:
            self.known[path] = _read(path)
        numbers = self.known[path].get(recipe.fingerprint())
        return None if numbers is None else Achieved(*numbers)

    def add(self, recipes: Sequence[Recipe], results: Sequence[Achieved | None]) -> None:
        for recipe, found in zip(recipes, results, strict=True):
            if found is not None:
                self.new[self._path(recipe)][recipe.fingerprint()] = list(astuple(found))
        if time.monotonic() - self.saved > _SAVE_EVERY:
            self.save()

    def save(self) -> None:
        for path, new in self.new.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Read again: another program may have added to it.
            write_atomic(path, json.dumps({**_read(path), **new}).encode())
        self.new.clear()
        self.saved = time.monotonic()

    def _path(self, recipe: Recipe) -> Path:
        return self.folder / f"{digest(pixels_hash(recipe.content))[:32]}.json"


def _read(path: Path) -> dict[str, list[float]]:
    return json.loads(path.read_bytes()) if path.exists() else {}
