"""What comes next is made in threads while the current one is worked on; decoding lets them run."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Asked = TypeVar("Asked")
Made = TypeVar("Made")

_MOST = 8  # threads; each makes a batch of crops


def threads_for(device: str) -> int:
    """One on a CPU, whose cores fits side by side fill; several ahead of an accelerator."""
    return 1 if device == "cpu" else min(_MOST, os.cpu_count() or 1)


def ahead(make: Callable[[Asked], Made], asked: Iterable[Asked], threads: int) -> Iterator[Made]:
    """``make`` of each of ``asked``, in their order; as many as ``threads`` are made ahead."""
    pool = ThreadPoolExecutor(threads)
    waiting = deque[Future[Made]]()
    try:
        for each in asked:
            waiting.append(pool.submit(make, each))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
