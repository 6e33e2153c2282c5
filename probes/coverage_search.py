"""Find the seen blocks with few tests: quarter regions, and prove what is unseen as a whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from .coverage_images import KINDS, Frame, Region

SEEN, UNSEEN, OPEN = 1, 0, -1  # OPEN: not reached, or answering only together with others


def search(
    frame: Frame,
    answers: Callable[[Region, str], bool],
    affordable: Callable[[int], bool],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, int]:
    """The map ``int8 [rows, columns]``, its estimate, and how many blocks that rests on.

    ``answers(region, kind)`` says whether the output changes when that is perturbed;
    ``affordable(n)`` whether n tests of all kinds may still be made. In each region one block
    at random is tested, and the region as a whole where that does not answer: so the tested
    blocks are a stratified sample, and a model that sees everything costs one call a block.
    """
    found = _Map(frame, answers, rng)
    queue = deque([((0, frame.rows, 0, frame.columns), (0, frame.rows, 0, frame.columns), True)])
    while queue and affordable(2):
        region, _, likely = queue.popleft()
        if found.alive(region, likely):
            # Neighbors are alike: a region's block says what to try first in its quarters.
            likely = found.last
            queue.extend(
                (part, region, likely)
                for part in _quarters(region)
                if (found.at(part) == OPEN).any()
            )
    found.leave_open()
    return found.seen, *found.estimate([(region, parent) for region, parent, _ in queue])


class _Map:
    """What is known so far."""

    def __init__(
        self, frame: Frame, answers: Callable[[Region, str], bool], rng: np.random.Generator
    ) -> None:
        self._answers, self._rng = answers, rng
        self._kinds = list(KINDS)
        self._together: list[Region] = []  # that answer as a whole
        self._unexplained = np.zeros((frame.rows, frame.columns), bool)
        self.seen = np.full((frame.rows, frame.columns), OPEN, np.int8)
        self.alone = np.zeros((frame.rows, frame.columns), bool)  # tested by themselves
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
        row, column = map(int, self._rng.choice(np.argwhere(self.at(region) == OPEN)))
        row, column = row + region[0], column + region[2]
        self.last = self._changes((row, row + 1, column, column + 1))
        self.seen[row, column] = SEEN if self.last else UNSEEN
        self.alone[row, column] = True
        return self.last

    def _changes(self, region: Region) -> bool:
        for kind in self._kinds:
            if self._answers(region, kind):
                # What has shown a change will most likely show the next one.
                self._kinds.remove(kind)
                self._kinds.insert(0, kind)
                return True
        return False

    def leave_open(self) -> None:
        """Open again what answers as a whole and no part of which does: that is not unseen."""
        for top, bottom, left, right in reversed(self._together):  # the smaller ones first
            part = self.seen[top:bottom, left:right]
            if (part == UNSEEN).all():
                self._unexplained[top:bottom, left:right] = True
                part[:] = OPEN

    def estimate(self, rest: list[tuple[Region, Region]]) -> tuple[np.ndarray, int]:
        """The share of seen blocks, ``float32 [rows, columns]``, and how many blocks it rests on.

        ``rest`` are the regions not looked into, each with the one that it is a quarter of,
        which stands in for it as long as none of its own blocks has been tested. What answers
        as a whole only counts as seen.
        """
        estimate = np.where(self.seen == SEEN, 1, 0).astype(np.float32)
        used = np.zeros_like(self.alone)
        for region, parent in rest:
            for top, bottom, left, right in (region, parent):
                tested = self.alone[top:bottom, left:right]
                if tested.any():
                    break
            share = (self.seen[top:bottom, left:right][tested] == SEEN).mean()
            used[top:bottom, left:right] |= tested
            top, bottom, left, right = region
            part = self.seen[top:bottom, left:right]
            estimate[top:bottom, left:right][part == OPEN] = share
        estimate[self._unexplained] = 1
        return estimate, 0 if self._unexplained.any() else int(used.sum())


def _quarters(region: Region) -> Iterator[Region]:
    """Its four parts, or two where it is one block wide."""
    top, bottom, left, right = region
    row, column = (top + bottom + 1) // 2, (left + right + 1) // 2
    for first, last in ((top, row), (row, bottom)):
        for start, end in ((left, column), (column, right)):
            if first < last and start < end:
                yield first, last, start, end
