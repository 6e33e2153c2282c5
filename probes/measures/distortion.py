"""What a distortion map says of each damage: where it is, how much there is, and which way.

Nothing here knows which channel is about which type: whoever does picks the numbers. What is
told of a damage is read in every channel, and of the ``ANY`` row, the largest |F − 0.5| of all.
As in ``localization`` a pixel of the image takes the value of the map's cell in which its center
lies, so that everything is counted in pixels of the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import product

import numpy as np

from .localization import cells_along

DAMAGES = 3  # at most, in one image
ANY = -1  # the row of all channels together
# Of |F − 0.5|, falling; the same for all maps, as they have one scale.
THRESHOLDS = np.geomspace(0.45, 0.001, 12)
# Of each damage: its channel rises (1) or falls (-1) with it, or is about others (0).
SIGNS: tuple[tuple[int, ...], ...] = tuple(product((0, 1, -1), repeat=DAMAGES))


@dataclass(frozen=True)
class Told:
    """What C channels, and then all together, say of up to DAMAGES damages; NaN: no such damage.

    ``share [C+1, D]``: mean opacity of the damage. Inside its mask (opacity >= 0.5) the means
    ``size`` of |F − 0.5| and ``signed`` of F − 0.5 (NaN for ANY), ``[C+1, D]``. ``auroc [C+1, D]``
    and ``ious [C+1, D, K]``, at THRESHOLDS: how |F − 0.5| finds the mask among all pixels, those
    in other masks too; NaN for the whole image. ``mae [C+1, len(SIGNS)]``: mean |F − target|, if
    the channel is about the damages as each of SIGNS says; NaN for ANY and for damages that are
    not there.
    """

    share: np.ndarray
    size: np.ndarray
    signed: np.ndarray
    auroc: np.ndarray
    ious: np.ndarray
    mae: np.ndarray

    def row(self) -> np.ndarray:
        """All numbers of each channel, ``float64 [C+1, len(NAMES)]``."""
        parts = (getattr(self, f.name).reshape(len(self.size), -1) for f in fields(self))
        return np.concatenate(list(parts), axis=1)


_SHAPES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("share", "size", "signed", "auroc"), (DAMAGES,)),
    "ious": (DAMAGES, len(THRESHOLDS)),
    "mae": (len(SIGNS),),
}
NAMES = tuple(f"{name}{i}" for name, shape in _SHAPES.items() for i in range(int(np.prod(shape))))


def told_of(rows: np.ndarray) -> Told:
    """The numbers of ``Told.row`` of many maps, ``[N, (C+1) · len(NAMES)]``, with an axis N."""
    rows = rows.reshape(len(rows), -1, len(NAMES))
    ends = np.cumsum([int(np.prod(shape)) for shape in _SHAPES.values()])
    parts = np.split(rows, ends[:-1], axis=2)
    shaped = zip(_SHAPES.items(), parts, strict=True)
    return Told(**{name: part.reshape(*part.shape[:2], *shape) for (name, shape), part in shaped})


def target(
    signs: Sequence[int], alphas: Sequence[np.ndarray], severities: Sequence[float]
) -> np.ndarray:
    """0.5 + 0.5 · clip(Σ sign · opacity · severity / 5, −1, 1): what a channel should say."""
    terms = [s * a * v / 5 for s, a, v in zip(signs, alphas, severities, strict=False) if s]
    return np.asarray(0.5 + 0.5 * np.clip(sum(terms, np.zeros_like(alphas[0])), -1, 1))


def told(maps: np.ndarray, alphas: Sequence[np.ndarray], severities: Sequence[float]) -> Told:
    """What ``maps [C, h, w]`` in [0, 1] say of damages in ``alphas [H, W]``.

    A cell's target is that of its mean opacity. Raises ValueError for more than DAMAGES damages,
    or none, and for a map with NaN.
    """
    if not 1 <= len(alphas) <= DAMAGES:
        raise ValueError(f"{len(alphas)} damages in one image: from 1 to {DAMAGES} can be read")
    if np.isnan(maps).any():
        raise ValueError("the map holds values that are not a number")
    (rows, tops), (columns, lefts) = map(cells_along, maps.shape[1:], alphas[0].shape)

    def summed(pixels: np.ndarray) -> np.ndarray:
        by_row = np.add.reduceat(pixels, tops, axis=0, dtype=np.float64)
        return np.add.reduceat(by_row, lefts, axis=1).ravel()

    values = maps[:, rows[:, None], columns].reshape(len(maps), -1).astype(np.float64)
    weight = summed(np.ones_like(alphas[0]))
    found = {name: np.full((len(maps) + 1, *shape), np.nan) for name, shape in _SHAPES.items()}
    sizes = np.abs(values - 0.5)
    sizes = np.concatenate([sizes, sizes.max(axis=0, keepdims=True)])
    steps = [np.unique(each, return_inverse=True) for each in sizes]
    covers = [summed(alpha) / weight for alpha in alphas]
    for d, alpha in enumerate(alphas):
        found["share"][:, d] = alpha.mean(dtype=np.float64)
        inside = summed(alpha >= 0.5)
        if not inside.any():  # a feather wider than the mask
            continue
        found["size"][:, d] = sizes @ inside / inside.sum()
        found["signed"][:ANY, d] = (values - 0.5) @ inside / inside.sum()
        if (inside == weight).all():
            continue
        for c, (levels, at) in enumerate(steps):
            hits, misses = (np.bincount(at, each) for each in (inside, weight - inside))
            found["auroc"][c, d] = _auroc(hits, misses)
            found["ious"][c, d] = _ious(levels, hits, misses)
    for i, signs in enumerate(SIGNS):
        if not any(signs[len(alphas) :]):
            errors = np.abs(values - target(signs, covers, severities))
            found["mae"][:ANY, i] = errors @ weight / weight.sum()
    return Told(**found)


def _auroc(hits: np.ndarray, misses: np.ndarray) -> float:
    """Of pixels inside and outside at each level, rising; a tie is half."""
    below = np.cumsum(misses) - misses
    return float(hits @ (below + misses / 2) / (hits.sum() * misses.sum()))


def _ious(levels: np.ndarray, hits: np.ndarray, misses: np.ndarray) -> np.ndarray:
    """IoU of the pixels at or above each of THRESHOLDS."""
    first = np.searchsorted(levels, THRESHOLDS)
    flagged_in, flagged_out = (
        np.append(np.cumsum(each[::-1])[::-1], 0)[first] for each in (hits, misses)
    )
    return flagged_in / (hits.sum() + flagged_out)
