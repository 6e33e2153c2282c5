"""``sliding:NAME``: a patch-level map of any model that scores, by windows over the image.

``sliding:pyiqa:piqe`` scores every window by itself, as if it were an image. The windows lie
evenly, at most ``stride`` apart, the first and the last flush with the edges; an image smaller
than a window has one window of its own size. A pixel's value is the mean of the scores of the
windows that cover it, and a cell's (about a stride on a side) the mean of its pixels: so the
map lies straight on the image, up to the border, where no window has its center.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from harness.model import Family, Images, ModelCard
from harness.registry import load_model

from .measures.localization import cells_along

if TYPE_CHECKING:
    import torch

WINDOW = 96  # pixels on a side
_BATCH_PIXELS = 1 << 19  # of the windows that are handed to the model at once


class SlidingMap:
    """``model`` on windows of an image, beside those of its reference if that is what it takes."""

    def __init__(self, model: Any, card: ModelCard, window: int, stride: int) -> None:
        from torch.utils.weak import WeakTensorKeyDictionary

        self.model, self.card, self.window, self.stride = model, card, window, stride
        self.compares = not callable(getattr(model, "score", None))
        # Both operations and all probes of a reference ask for the same maps: each is kept while
        # its image lives, which nobody may change.
        self._kept = WeakTensorKeyDictionary()
        if hasattr(model, "to"):
            self.to = self._to

    def _to(self, device: str) -> Self:
        self.model.to(device)
        return self

    def distortion_map(self, images: Images, references: Images) -> list[torch.Tensor]:
        """``float32 [1, h, w]``: by how much windows score lower than those of the reference.

        That drop d, in units of the score, becomes 0.5 + 0.5 d / (1 + |d|): only the order of
        the values of one map has a meaning. Raises ValueError for two sizes.
        """
        return [self._drop(*pair) for pair in zip(images, references, strict=True)]

    def _drop(self, image: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        import torch

        if image.shape != reference.shape:
            sizes = [f"{size[2]} × {size[1]}" for size in (image.shape, reference.shape)]
            raise ValueError(f"the image is {sizes[0]} pixels, its reference {sizes[1]}")
        drop = self._map(reference, reference) - self._map(image, reference)
        return torch.from_numpy(0.5 + 0.5 * drop / (1 + np.abs(drop))).float()[None]

    def _map(self, image: torch.Tensor, reference: torch.Tensor) -> np.ndarray:
        """The scores of ``image``, as the module says, ``float64 [h, w]``."""
        keep = self.card.deterministic and (image is reference or not self.compares)
        if keep and image in self._kept:
            return self._kept[image]
        (tops, down), (lefts, across) = (
            _spread(side, min(self.window, side), self.stride) for side in image.shape[1:]
        )
        corners = [(top, left) for top in tops for left in lefts]
        step = max(1, _BATCH_PIXELS // self.window**2)
        scores: list[float] = []
        for i in range(0, len(corners), step):
            batch = corners[i : i + step]
            windows = [self._window(image, corner) for corner in batch]
            if self.compares:
                beside = [self._window(reference, corner) for corner in batch]
                scores += self.model.score_pair(windows, beside).tolist()
            else:
                scores += self.model.score(windows).tolist()
        found = down @ np.reshape(scores, (len(tops), len(lefts))) @ across.T
        if keep:
            self._kept[image] = found
        return found

    def _window(self, image: torch.Tensor, corner: tuple[int, int]) -> torch.Tensor:
        top, left = corner
        return image[:, top : top + self.window, left : left + self.window]


class SlidingQualityMap(SlidingMap):
    """The map of a model that scores an image by itself."""

    def quality_map(self, images: Images) -> list[torch.Tensor]:
        """``float32 [h, w]`` for each image, in units of the score, higher is better."""
        import torch

        return [torch.from_numpy(self._map(image, image)).float() for image in images]


@lru_cache(maxsize=8)
def _spread(side: int, window: int, stride: int) -> tuple[tuple[int, ...], np.ndarray]:
    """Where the n windows along one side begin, and how their scores make up its cells.

    The weights ``float64 [cells, n]`` of a cell add up to 1; along both sides they multiply,
    since a window covers a pixel if it does so in each direction.
    """
    count = math.ceil((side - window) / stride) + 1
    starts = np.round(np.linspace(0, side - window, count)).astype(int)
    pixel = np.arange(side)[:, None]
    covers = (starts <= pixel) & (pixel < starts + window)
    weights = covers / covers.sum(axis=1, keepdims=True)
    _, first = cells_along(math.ceil(side / stride), side)
    sums = np.add.reduceat(weights, first, axis=0)
    return tuple(starts.tolist()), sums / np.diff(first, append=side)[:, None]


def load(
    name: str, *, window: int = WINDOW, stride: int | None = None, **options: Any
) -> SlidingMap:
    """The map of model ``name``, made with ``options``; by default windows overlap by half.

    ``window`` and ``stride`` are in pixels; the window must be no smaller than what the model
    takes. Raises ValueError for a model without scores and for windows that leave gaps, and
    what loading the model raises.
    """
    overlap = max(1, window // 2) if isinstance(window, int) else None
    stride = overlap if stride is None else stride
    if not (isinstance(window, int) and isinstance(stride, int) and 1 <= stride <= window):
        raise ValueError(
            f"sliding:{name}: window and stride are whole numbers of pixels, the stride from 1 "
            f"to the window, not {window!r} and {stride!r}"
        )
    model: Any = load_model(name, **options)
    if not any(callable(getattr(model, method, None)) for method in ("score", "score_pair")):
        raise ValueError(f"sliding:{name}: {name} gives no scores of images that could be windows")
    make = SlidingQualityMap if callable(getattr(model, "score", None)) else SlidingMap
    given: ModelCard = model.card
    own = {} if window == WINDOW else {"window": window}
    own |= {} if stride == overlap else {"stride": stride}
    card = replace(
        given,
        name=f"sliding:{given.name}",
        version=f"1+{given.version}",
        summary=f"{given.summary}, in windows of {window} px, {stride} px apart",
        coverage=given.coverage and f"{given.coverage}, window by window",
        map_channels=("drop",),
        max_pixels=ModelCard.max_pixels,  # the model itself sees no more than a window
        options={**(given.options or {}), **own},
    )
    return make(model, card, window, stride)


FAMILY = Family(
    load,
    "a map of any model that scores: its scores of windows (options window, stride)",
    ("pyiqa:piqe", "pyiqa:ssim", "control:luminance"),
)
