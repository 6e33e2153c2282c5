"""Does a map say where the damage is? Pixel AUROC, AP, IoU and the pointing game of one map.

Maps come in any resolution. Each pixel of the image takes the value of the map's cell in which
its center lies, and everything is counted in pixels of the mask: so every probe has a number
however small its mask is, models of different grids are compared on the same pixels, and no
interpolation invents a gradient between cells. A map of few cells pays for its resolution:
where cells cross the mask's edge even the best such map stays below 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TOLERANCE = 15  # pixels around the mask within which the pointing game is won
# What is kept of the curve of IoU over thresholds: the sets of at least these shares of pixels.
SHARES = np.geomspace(1 / 256, 1, 32)
_CANDIDATES = 257  # thresholds that are tried for all images together


@dataclass(frozen=True)
class Localization:
    """How well one map finds one mask; shares and scores are in [0, 1].

    ``auroc``: chance is 0.5. ``ap``: average precision, chance is ``share``, the mask's share of
    the pixels. ``iou_oracle``: at the threshold that is best for this very image, never below
    ``share`` (all pixels flagged). ``pointing``: the pointing game, chance is ``pointing_chance``.
    ``thresholds`` (falling) and ``ious``, ``float64 [len(SHARES)]``: IoU of the pixels at or
    above a value, where those are just as many as each of SHARES asks for.
    """

    auroc: float
    ap: float
    iou_oracle: float
    pointing: float
    share: float
    pointing_chance: float
    thresholds: np.ndarray
    ious: np.ndarray


def localization(damage: np.ndarray, alpha: np.ndarray) -> Localization | None:
    """How well ``damage [h, w]``, higher where damage is seen, finds ``alpha [H, W]`` >= 0.5.

    None where the mask is empty or the whole image: there is nothing to tell apart. The
    pointing game (J. Zhang et al., "Top-Down Neural Attention by Excitation Backprop", 2016)
    asks whether the map's maximum lies within TOLERANCE px of the mask; pixels that share the
    maximum share the point, so a constant map gets what a random guess gets. AP is a sum over
    distinct values without interpolation. Raises ValueError for a map with NaN.
    """
    if np.isnan(damage).any():
        raise ValueError("the map holds values that are not a number")
    inside = alpha >= 0.5
    n, n_in = inside.size, int(np.count_nonzero(inside))
    if n_in in (0, n):
        return None
    (rows, tops), (columns, lefts) = map(cells_along, damage.shape, alpha.shape)
    values = damage[np.ix_(rows, columns)].ravel()

    def counted(mask: np.ndarray) -> np.ndarray:
        by_row = np.add.reduceat(mask, tops, axis=0, dtype=np.int64)
        return np.add.reduceat(by_row, lefts, axis=1).ravel()

    height, width = inside.shape
    size = np.outer(np.diff(tops, append=height), np.diff(lefts, append=width)).ravel()
    order = np.argsort(-values)  # how ties are ordered makes no difference
    falling = values[order]
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))  # of each distinct value
    hits = np.cumsum(counted(inside)[order])[last]  # pixels inside at or above each value
    flagged = np.cumsum(size[order])[last]
    gained, missed = np.diff(hits, prepend=0), np.diff(flagged - hits, prepend=0)
    iou = hits / (n_in + flagged - hits)
    kept = np.searchsorted(flagged, SHARES * n)
    near, top = _near(inside), values == falling[0]
    return Localization(
        auroc=float(missed @ (hits - gained / 2)) / (n_in * (n - n_in)),
        ap=float(gained @ (hits / flagged)) / n_in,
        iou_oracle=float(iou.max()),
        pointing=float(counted(near)[top].sum() / size[top].sum()),
        share=n_in / n,
        pointing_chance=float(near.mean()),
        thresholds=falling[last][kept].astype(np.float64),
        ious=iou[kept],
    )


def iou_elsewhere(thresholds: np.ndarray, ious: np.ndarray, contents: np.ndarray) -> np.ndarray:
    """IoU of each image at one threshold that was chosen without its content, ``float64 [n]``.

    ``thresholds`` and ``ious``, ``[n, K]``, are those of Localization, ``contents [n]`` names.
    The threshold is on the map's own scale, one for all images: of 257 quantiles of all the
    thresholds the one (the lowest of equals) with the best mean over the other contents, each of
    which weighs the same. Between two stored thresholds the IoU of the higher one stands. Raises
    ValueError below two contents.
    """
    names, content = np.unique(contents, return_inverse=True)
    if len(names) < 2:
        raise ValueError("a threshold chosen on the other contents needs at least 2 contents")
    levels = np.linspace(0, 1, _CANDIDATES)
    tried = np.unique(np.quantile(thresholds, levels, method="inverted_cdf"))
    # How many of an image's thresholds a candidate lets through; none: nothing is flagged.
    passed = [np.searchsorted(-row, -tried, side="right") for row in thresholds]
    padded = np.concatenate([np.zeros((len(ious), 1)), ious], axis=1)
    found = np.take_along_axis(padded, np.stack(passed), axis=1)  # [n, candidates]
    means = np.stack([found[content == c].mean(axis=0) for c in range(len(names))])
    best = [np.argmax(np.delete(means, c, axis=0).mean(axis=0)) for c in range(len(names))]
    return found[np.arange(len(found)), np.array(best)[content]]


def cells_along(cells: int, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Along one side: the cells in which centers of pixels lie, and the first pixel of each."""
    cell = (2 * np.arange(pixels) + 1) * cells // (2 * pixels)
    return np.unique(cell, return_index=True)


def _near(inside: np.ndarray) -> np.ndarray:
    """The pixels within TOLERANCE px of the mask, as ``bool [H, W]``; the mask has some."""
    from scipy.ndimage import distance_transform_edt

    box = tuple(
        slice(max(0, found[0] - TOLERANCE), found[-1] + TOLERANCE + 1)
        for found in (np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0)))
    )
    near = np.zeros_like(inside)
    near[box] = distance_transform_edt(~inside[box]) <= TOLERANCE
    return near
