"""Whether references look like references: found by their pixels, where names and bytes agree.

The least damaged images of a content lie around its true reference. An image of another scene
does not correlate with them; a damaged image in the reference's place is far from all of them.
What was hardly damaged lies as near as the reference does: on photographs with KADID-10k's damages,
a swap with an image of level 1 shows in half of the cases, of level 3 in five of six.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .spec import Entry, Listing, Spec

PROBES = 3  # images of a content that are decoded; five find no more and take half as long again
THREADS = 4
_SIDE = 256  # of the region in the middle that is compared, pixels
_COARSE = 16
# On photographs with KADID-10k's damages: the own reference 0.998 and more, others below 0.5.
_SAME_SCENE = 0.8  # correlation of 16 × 16 luminance
# Likewise: the own reference 0.5 and less; half of the images of middle severity exceed it.
_FARTHER = 1.0  # distance to the nearest image, in distances of the images from each other


def suspects(
    spec: Spec, listing: Listing, paths: Mapping[str, Path]
) -> Iterator[tuple[Entry, str]]:
    """References that their own best-rated images speak against, with the reason.

    ``paths`` holds the files by id; what is absent there is not judged, nor is a reference
    without three images of different types of damage. Four files of each are decoded.
    """
    best = _best(listing.entries, paths, spec.lower_is_better)
    whole = [
        (reference, [paths[e.id] for e in (reference, *best[reference.id])])
        for reference in listing.references
        if reference.id in paths and len(best.get(reference.id, ())) == PROBES
    ]
    with ThreadPoolExecutor(THREADS) as pool:
        reasons = pool.map(lambda each: _judged(each[1], spec.shared_losses), whole)
        bar = tqdm(reasons, desc="comparing", total=len(whole), unit="reference", delay=2)
        for (reference, _), reason in zip(whole, bar, strict=True):
            if reason is not None:
                yield reference, reason


def _judged(paths: Sequence[Path], shared_losses: bool) -> str | None:
    """What speaks against the first image, from the others; None where they cannot say."""
    image = _middle(paths[0])
    if image is None or min(image.shape) < _COARSE:
        return None
    others = [_middle(path) for path in paths[1:]]
    alike = [each for each in others if each is not None and each.shape == image.shape]
    return _against(image, alike, shared_losses) if len(alike) == len(others) else None


def _best(
    entries: Sequence[Entry], paths: Mapping[str, Path], lower_is_better: bool
) -> dict[str, list[Entry]]:
    """Of each reference, the best-rated image of each type of damage, best first."""
    sign = 1.0 if lower_is_better else -1.0
    best: dict[str, dict[str, tuple[float, Entry]]] = defaultdict(dict)
    for entry in entries:
        if entry.reference and entry.raw is not None and entry.damages and entry.id in paths:
            types, kind = best[entry.reference], entry.damages[0].type
            rank = sign * entry.raw
            if kind not in types or rank < types[kind][0]:
                types[kind] = rank, entry
    return {
        reference: [e for _, e in sorted(types.values(), key=lambda each: each[0])][:PROBES]
        for reference, types in best.items()
    }


def _middle(path: Path) -> np.ndarray | None:
    """Luminance ``float32 [h, w]`` of the middle of an image, in [0, 255]."""
    from ..images import Failure, decode

    picture = decode(path)
    if isinstance(picture, Failure):
        return None
    red, green, blue = picture.image.numpy().astype(np.float32)
    gray = 0.299 * red + 0.587 * green + 0.114 * blue
    height, width = (min(side, _SIDE) for side in gray.shape)
    top, left = (gray.shape[0] - height) // 2, (gray.shape[1] - width) // 2
    return gray[top : top + height, left : left + width]


def _against(image: np.ndarray, others: Sequence[np.ndarray], shared_losses: bool) -> str | None:
    if np.median([_correlation(_coarse(image), _coarse(each)) for each in others]) < _SAME_SCENE:
        return "shows another scene than its distorted images: swapped with another reference?"
    if shared_losses:
        return None
    nearest = min(_distance(image, each) for each in others)
    among = float(np.median([_distance(a, b) for a, b in combinations(others, 2)]))
    if nearest > _FARTHER * among:
        return "is more damaged than its best distorted images: swapped with one of them?"
    return None


def _coarse(image: np.ndarray) -> np.ndarray:
    """Means of 16 × 16 blocks; what does not fill a block at the edge is left out."""
    height, width = (side // _COARSE for side in image.shape)
    whole = image[: height * _COARSE, : width * _COARSE]
    return whole.reshape(_COARSE, height, _COARSE, width).mean((1, 3))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    energy = float((a * a).sum() * (b * b).sum())
    return float((a * b).sum()) / energy**0.5 if energy else float(np.array_equal(a, b))


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean squared difference after the best gain and offset: contrast changes no structure."""
    a, b = a - a.mean(), b - b.mean()
    energy = float((a * a).mean())
    gain = float((a * b).mean()) / energy if energy else 0.0
    return float(((b - gain * a) ** 2).mean())
