"""Work on several cores whose results do not depend on how many there are."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

Item = TypeVar("Item")


class Threads:
    """Calls a function on every item, on ``count`` threads (None: one a core of this process).

    The items are fixed before and write to places of their own, and BLAS uses one thread
    within each (see ``executors.threads.one_thread``): no bit depends on ``count``.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = count or _cores()
        self._pool = ThreadPoolExecutor(self.count)  # starts threads only when it is used

    def each(self, function: Callable[[Item], None], items: Sequence[Item]) -> None:
        """Returns when all are done; raises what the first failing item raised."""
        if self.count == 1 or len(items) < 2:
            for item in items:
                function(item)
        else:
            list(self._pool.map(function, items))


def _cores() -> int:
    """The cores that this process may use; not every system tells."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def strips(start: int, stop: int, size: int) -> Iterator[slice]:
    """``start`` to ``stop``, cut at the multiples of ``size``."""
    edges = [start, *range((start // size + 1) * size, stop, size), stop]
    return (slice(a, b) for a, b in pairwise(edges) if b > a)
