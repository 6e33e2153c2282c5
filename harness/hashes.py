"""What a dataset is known by: a hash of its images and one of what people said of them.

A cell depends on the first alone, so changed labels recompute no cell; a protocol may look at
the rest too. Rows are keyed by id: their order is part of neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from .canonical import digest

if TYPE_CHECKING:
    from .sample import Dataset, Sample

THREADS = 4
SHARE = 16  # images; whoever stops the program waits for no more


def fingerprints(dataset: Dataset, tick: Callable[[int], None] = lambda n: None) -> dict[str, str]:
    """What the pixels of each image are known by, by id; reads every file.

    ``tick(n)`` reports that n more images have been read.
    """
    # Hashing releases the interpreter lock, so threads read and hash files side by side, each a
    # share of them: to hand over single files costs more than to hash them.
    images, prints = dataset.images, dict[str, str]()
    shares = [images[i : i + SHARE] for i in range(0, len(images), SHARE)]
    pool = ThreadPoolExecutor(THREADS)
    try:
        for found in pool.map(_prints, shares):
            prints.update(found)
            tick(len(found))
    finally:
        pool.shutdown(cancel_futures=True)
    return prints


def images_hash(dataset: Dataset) -> str:
    """SHA-256 over ids, fingerprints (of bytes or recipes), references, pairs and masks."""
    prints = dataset.fingerprints
    return digest(
        {
            "images": _by_id(
                [image.id, prints[image.id], image.reference, _masks(image)]
                for image in dataset.images
            ),
            "pairs": _by_id([p.id, p.test, p.reference] for p in dataset.pairs),
        }
    )


def labels_hash(dataset: Dataset) -> str:
    """SHA-256 over labels, preferences, contents, official parts, damages and facts.

    Not over what was measured of the pixels: other processors give other last digits.
    """
    return digest(
        {
            "kind": dataset.label_kind,
            "labels": _by_id(
                [s.id, s.label, s.label_std, s.raw_score, *_manifest(s)] for s in dataset.samples
            ),
            "references": _by_id([s.id, *_manifest(s)] for s in dataset.references),
            "preferences": _by_id([p.id, p.preference, p.content] for p in dataset.pairs),
        }
    )


def _prints(images: Sequence[Sample]) -> list[tuple[str, str]]:
    return [(image.id, image.source.fingerprint()) for image in images]


def _by_id(rows: Iterable[list[Any]]) -> list[list[Any]]:
    return sorted(rows, key=itemgetter(0))


def _masks(image: Sample) -> list[str]:
    return [damage.mask for damage in image.damages if damage.mask is not None]


def _manifest(image: Sample) -> list[Any]:
    known = [image.content, image.split, [asdict(damage) for damage in image.damages]]
    return [*known, sorted(image.facts)] if image.facts else known
