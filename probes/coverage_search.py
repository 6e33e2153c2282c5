"""Find the seen blocks with few tests: quarter regions, prove what is unseen as a whole.

Where the tests do not suffice, some are kept for a random sample of the blocks left open. The
estimate rests on that sample alone: which blocks the search has tested depends on what it found.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from math import ceil, floor

import numpy as np
from scipy.stats import hypergeom

from .coverage_images import KINDS, Frame, Region

SEEN, UNSEEN, OPEN = 1, 0, -1  # OPEN: not reached, or answering only together with others
_KEPT = 0.5  # of the tests, for the sample, where nothing is known; less as fewer blocks are open
_DRAWS = 4  # at least, in a stratum
_CONFIDENCE = 0.95


def search(
    frame: Frame,
    answers: Callable[[Region, str], bool],
    left: Callable[[], int],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """The map ``int8 [rows, columns]``, its estimate, and a 95 % interval for the open blocks.

    ``answers(region, kind)`` says whether the output changes when that is perturbed; ``left()``
    how many tests of all kinds may still be made. In each region one block at random is tested,
    and the region as a whole where that does not answer: a model that sees everything costs one
    call a block. The estimate is a share of seen, ``float32 [rows, columns]``; the interval is
    for that of the blocks OPEN in the map, and 0 to 1 if any of them answers only with others.
    """
    found = _Map(frame, answers, rng)
    queue = deque([((0, frame.rows, 0, frame.columns), True)])
    kept = _KEPT * left()
    while queue and left() >= 2 + ceil(kept * (found.seen == OPEN).mean()):
        region, likely = queue.popleft()
        if found.alive(region, likely):
            # Neighbors are alike: a region's block says what to try first in its quarters.
            queue.extend(
                (part, found.last) for part in _quarters(region) if (found.at(part) == OPEN).any()
            )
    estimate, interval = found.sample([region for region, _ in queue], left)
    unexplained = found.leave_open()
    estimate[unexplained] = 1
    return found.seen, estimate, (0.0, 1.0) if unexplained.any() else interval


class _Map:
    """What is known so far."""

    def __init__(
        self, frame: Frame, answers: Callable[[Region, str], bool], rng: np.random.Generator
    ) -> None:
        self._answers, self._rng = answers, rng
        self._kinds = list(KINDS)
        self._together: list[Region] = []  # that answer as a whole
        self.seen = np.full((frame.rows, frame.columns), OPEN, np.int8)
        self.last = True  # whether the block tested last is seen

    def at(self, region: Region) -> np.ndarray:
        """The part of the map, a view."""
        top, bottom, left, right = region
        return self.seen[top:bottom, left:right]

    def alive(self, region: Region, likely: bool) -> bool:
        """Whether to look into the quarters of a region: it answers, and has open blocks.

        ``likely``: try one block before the whole.
        """
        part = self.at(region)
        if (part == SEEN).any():
            self.last = True
            return True
        if part.size == 1:
            self._test_one(region)
            return False
        if likely and self._test_one(region):
            return True
        if not self._changes(region):
            part[:] = UNSEEN
            return False
        self._together.append(region)
        if not likely:
            self._test_one(region)
        return True

    def _test_one(self, region: Region) -> bool:
        """Test an open block of the region, chosen at random."""
        row, column = self._rng.choice(np.argwhere(self.at(region) == OPEN))
        return self._test(region[0] + int(row), region[2] + int(column))

    def _test(self, row: int, column: int) -> bool:
        self.last = self._changes((row, row + 1, column, column + 1))
        self.seen[row, column] = SEEN if self.last else UNSEEN
        return self.last

    def _changes(self, region: Region) -> bool:
        for kind in self._kinds:
            if self._answers(region, kind):
                # What has shown a change will most likely show the next one.
                self._kinds.remove(kind)
                self._kinds.insert(0, kind)
                return True
        return False

    def sample(
        self, regions: Sequence[Region], left: Callable[[], int]
    ) -> tuple[np.ndarray, tuple[float, float]]:
        """Test open blocks of ``regions`` at random as long as tests are left: see ``search``.

        Strata are equally many blocks that lie together, and are drawn from in turn. An open
        block's estimate is the share of seen among the draws of its stratum: that of all blocks
        is then the stratified mean, which is unbiased whatever the search has found.
        """
        places = [np.add(np.argwhere(self.at(r) == OPEN), (r[0], r[2])) for r in regions]
        open_ = np.concatenate([np.empty((0, 2), int), *places])
        total, hits = len(open_), np.zeros(len(open_))
        stratum = np.arange(total) // max(1, ceil(total / max(1, left() // _DRAWS)))
        open_ = open_[np.lexsort((self._rng.random(total), stratum))]  # shuffled within strata
        turn = np.arange(total) - np.searchsorted(stratum, stratum)
        drawn = np.zeros(total, bool)
        for place in np.lexsort((self._rng.random(total), turn)):
            if left() < 1:
                break
            drawn[place], hits[place] = True, self._test(*map(int, open_[place]))
        estimate = (self.seen == SEEN).astype(np.float32)
        if drawn.all():
            return estimate, (0.0, 1.0)  # nothing is open
        sizes, draws = np.bincount(stratum), np.bincount(stratum, drawn)
        share = np.bincount(stratum, hits) / draws
        rest = open_[~drawn]
        estimate[rest[:, 0], rest[:, 1]] = share[stratum[~drawn]]
        effective = floor(total**2 / (sizes**2 / draws).sum())  # Kish (1965)
        bounds = _interval((sizes * share).sum() / total, effective, total)
        low, high = np.clip((np.array(bounds) - hits.sum()) / len(rest), 0, 1)
        return estimate, (float(low), float(high))

    def leave_open(self) -> np.ndarray:
        """Open again what answers as a whole and no part of which does: that is not unseen."""
        opened = np.zeros(self.seen.shape, bool)
        for top, bottom, left, right in reversed(self._together):  # the smaller ones first
            part = self.seen[top:bottom, left:right]
            if (part == UNSEEN).all():
                opened[top:bottom, left:right] = True
                part[:] = OPEN
        return opened


def _interval(share: float, draws: int, total: int) -> tuple[int, int]:
    """How many of ``total`` blocks are seen, if a ``share`` of ``draws`` at random are.

    Equal tails of the hypergeometric distribution: that of Clopper and Pearson (1934), for draws
    without replacement from all. Strata that differ make a draw more certain, so it is rather
    too wide for them.
    """
    tail = (1 - _CONFIDENCE) / 2
    few, many = floor(share * draws + 1e-9), ceil(share * draws - 1e-9)
    rest = range(total - draws + 1)
    low = bisect_left(rest, True, key=lambda k: hypergeom.sf(few - 1, total, few + k, draws) > tail)
    high = bisect_left(
        rest, True, key=lambda k: hypergeom.cdf(many, total, many + k, draws) <= tail
    )
    return few + low, many + high - 1


def _quarters(region: Region) -> Iterator[Region]:
    """Its four parts, or two where it is one block wide."""
    top, bottom, left, right = region
    row, column = (top + bottom + 1) // 2, (left + right + 1) // 2
    for first, last in ((top, row), (row, bottom)):
        for start, end in ((left, column), (column, right)):
            if first < last and start < end:
                yield first, last, start, end
