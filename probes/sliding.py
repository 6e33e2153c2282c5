"""``sliding:NAME``: a patch-level map of any model that scores, by windows over the image.

``sliding:pyiqa:piqe`` scores every window by itself, as if it were an image. The windows lie
evenly, at most ``stride`` apart, the first and the last flush with the edges; an image smaller
than a window has one window of its own size. A pixel's value is the mean of the scores of the
windows that cover it, and a cell's (about a stride on a side) the mean of its pixels: so the
map lies straight on the image, up to the border, where no window has its center.

Most windows of a probe are bit for bit those of its pristine image. Each goes to the model once:
scores are remembered by the pixels. So that a score depends on nothing else, windows are handed
over together only where the model promises the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.model import Family, Images, ModelCard
from harness.registry import load_model

from .change import Around, drop, same_sizes
from .measures.localization import cells_along

if TYPE_CHECKING:
    import torch

WINDOW = 96  # pixels on a side
_BATCH_PIXELS = 1 << 19  # of the windows that are handed to the model at once
_KEPT = 1 << 14  # scores that are remembered: of the windows of several large pictures


class SlidingMap(Around):
    """``model`` on windows of an image, beside those of its reference if that is what it takes."""

    def __init__(self, model: Any, card: ModelCard, window: int, stride: int) -> None:
        kept: dict[object, float] = {}  # scores by the window's pixels, last used last
        super().__init__(model, card, kept)
        self.window, self.stride = window, stride
        self.compares = not callable(getattr(model, "score", None))

    def distortion_map(self, images: Images, references: Images) -> list[torch.Tensor]:
        """``float32 [1, h, w]``: by how much windows score lower than those of the reference.

        See ``drop``. Raises ValueError for an image of another size than its reference.
        """
        same_sizes(images, references)
        return [
            drop(self._map(reference, reference), self._map(image, reference))
            for image, reference in zip(images, references, strict=True)
        ]

    def _map(self, image: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        """The scores of ``image``, as the module says, ``float64 [h, w]``."""
        import torch

        (tops, down), (lefts, across) = (
            _spread(side, min(self.window, side), self.stride) for side in image.shape[1:]
        )
        here = (image, reference) if self.compares else (image,)
        size = self.window
        windows = [
            tuple(one[:, top : top + size, left : left + size] for one in here)
            for top in tops
            for left in lefts
        ]
        scores = np.reshape(self._scores(windows), (len(tops), len(lefts)))
        return torch.from_numpy(down @ scores @ across.T)

    def _scores(self, windows: list[tuple[torch.Tensor, ...]]) -> list[float]:
        """The score of each window, beside that of the reference if that is what it takes."""
        keep, together = self.card.deterministic, self.card.batch_invariant
        names: Sequence[object] = range(len(windows))
        if keep:
            names = [tuple(map(_fingerprint, each)) for each in windows]
        found = {name: self._kept.pop(name) for name in names if name in self._kept}
        lacking = {n: each for n, each in zip(names, windows, strict=True) if n not in found}
        step = max(1, _BATCH_PIXELS // self.window**2) if together else 1
        score = self.model.score_pair if self.compares else self.model.score
        for i in range(0, len(lacking), step):
            batch = dict(islice(lacking.items(), i, i + step))
            scores = score(*map(list, zip(*batch.values(), strict=True)))
            found.update(zip(batch, scores.tolist(), strict=True))
        if keep:
            self._kept.update(found)
            for name in list(islice(self._kept, max(0, len(self._kept) - _KEPT))):
                del self._kept[name]
        return [found[name] for name in names]


class SlidingQualityMap(SlidingMap):
    """The map of a model that scores an image by itself."""

    def quality_map(self, images: Images) -> list[torch.Tensor]:
        """``float32 [h, w]`` for each image, in units of the score, higher is better."""
        return [self._map(image, image).float() for image in images]


def _fingerprint(window: torch.Tensor) -> tuple[torch.Size, bytes]:
    return window.shape, sha256(window.contiguous().numpy().data).digest()


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
        version=f"2+{given.version}",
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
