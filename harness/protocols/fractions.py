"""Nested fractions of a dataset: the smaller ones are part of the larger ones, contents whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..sample import Dataset, Sample
from .splits import shuffled

TEST_PART = 0.20
TEST_ON_REST = (0.05, 0.10, 0.25)  # shares that are tested on all others, too


@dataclass(frozen=True)
class Fraction:
    """One fraction in one repeat, as row numbers."""

    shares: tuple[float, ...]  # those that come to this number of contents
    train: np.ndarray
    added: np.ndarray  # those of train that the next smaller fraction lacks; all in the first
    fixed: np.ndarray  # the repeat's test part

    def present(self, there: np.ndarray) -> Fraction:
        """The same in other row numbers: ``there`` has each row's, or -1 for one to leave out."""
        kept = (there[rows] for rows in (self.train, self.added, self.fixed))
        return Fraction(self.shares, *(rows[rows >= 0] for rows in kept))

    def rest(self, n: int) -> np.ndarray:
        """Those of ``n`` rows that are not in the fraction."""
        return np.setdiff1d(np.arange(n), self.train)


@dataclass(frozen=True)
class Run:
    """What was fitted on one fraction in one repeat says of the others."""

    shares: tuple[float, ...]
    scores: np.ndarray  # [n]
    fixed: np.ndarray  # row numbers of the repeat's test part, where there is a score
    rest: np.ndarray  # those of all that is not in the fraction
    lost: str | None = None  # why there is no score at all


def labeled(dataset: Dataset) -> list[Sample]:
    """Those with a label, whatever became of them, so that every model has the same fractions."""
    return sorted((s for s in dataset.samples if s.label is not None), key=lambda s: s.id)


def size_of_test(n: int) -> int:
    """How many of ``n`` contents are the test part."""
    return max(1, round(TEST_PART * n))


def size_of(share: float, n: int) -> int:
    """How many of ``n`` contents ``share`` of them comes to: few contents give few sizes."""
    return min(round(share * n), n - size_of_test(n))


def nested_fractions(
    contents: Sequence[str], shares: Sequence[float], repeat: int, seed: int
) -> list[Fraction]:
    """The fractions of one repeat: ``shares`` of the number of contents, rounded.

    ``contents`` names the content of each row. They are put in a random order, the last
    TEST_PART of which is the test part; a fraction is the order's head. Shares of the same number
    of contents are one fraction; those of fewer than two are left out.
    """
    order = _order(contents, repeat, seed)
    place = {name: i for i, name in enumerate(order)}
    rank = np.array([place[name] for name in contents])
    fixed = np.flatnonzero(rank >= len(order) - size_of_test(len(order)))
    by_count: dict[int, list[float]] = {}
    for share in sorted(set(shares)):
        by_count.setdefault(size_of(share, len(order)), []).append(share)
    found: list[Fraction] = []
    last = 0
    for count, same in by_count.items():
        if count >= 2:
            added = np.flatnonzero((rank >= last) & (rank < count))
            found.append(Fraction(tuple(same), np.flatnonzero(rank < count), added, fixed))
            last = count
    return found


def for_validation(contents: Iterable[str], repeat: int, seed: int) -> frozenset[str]:
    """Those of ``contents`` by which a fit on any fraction of that repeat that has them may choose.

    They are an eighth of each fraction, rounded, and one at least. What a fraction learns from or
    chooses by, every larger one does too.
    """

    def count(n: int) -> int:
        return max(1, round(n / 8)) if n else 0

    order = _order(contents, repeat, seed)
    return frozenset(name for i, name in enumerate(order) if count(i + 1) > count(i))


def _order(contents: Iterable[str], repeat: int, seed: int) -> list[str]:
    return shuffled(set(contents), seed, repeat)
