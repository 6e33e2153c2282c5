"""Work on many samples in forked processes, each on one core; no result depends on how many."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from harness.executors.processes import WorkerDied, available
from harness.executors.threads import limit_threads, one_thread
from harness.runner import cores
from harness.sample import Sample

T = TypeVar("T")
R = TypeVar("R")

# What forked workers inherit, so that nothing but results need be picklable.
_work: Callable[[Any], Any] | None = None
_tasks: Sequence[Any] = ()


def forked(
    work: Callable[[T], R], tasks: Sequence[T], workers: int | None = None
) -> Iterator[tuple[T, R]]:
    """Every task with ``work(task)``, in the order in which they are finished.

    ``workers`` defaults to every core. Raises ValueError for fewer than one worker, WorkerDied
    if one was killed, or what ``work`` raises.
    """
    workers = cores() if workers is None else workers
    if workers < 1:
        raise ValueError(f"workers is {workers}: give at least 1, or leave it out for every core")
    if min(workers, len(tasks)) <= 1 or not available():
        with one_thread():
            yield from ((task, work(task)) for task in tasks)
        return
    global _work, _tasks
    _work, _tasks = work, tasks
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(min(workers, len(tasks)), context, _start, (os.getpid(),))
    try:
        futures = {pool.submit(_do, i): i for i in range(len(tasks))}
        for future in as_completed(futures):
            yield tasks[futures[future]], future.result()
    except BrokenProcessPool as error:
        raise WorkerDied(
            "a worker process was killed, perhaps for want of memory: use fewer --workers"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        _work, _tasks = None, ()


def ladders(samples: Iterable[Sample]) -> list[list[Sample]]:
    """Samples in groups that share their content and first type, like severities side by side.

    Rendered in this order, a damaged frame is made once for all of its masks.
    """
    groups: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.content, sample.damages[0].type if sample.damages else ""].append(sample)
    return [sorted(group, key=_frame_order) for group in groups.values()]


def _frame_order(sample: Sample) -> list[tuple[float, int, int]]:
    return [(d.severity or 0.0, d.seed, d.order) for d in sample.damages[:1]]


def _start(parent: int) -> None:
    """In a new worker: die with the parent, even if it is killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 = PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends its workers
    limit_threads()


def _do(index: int) -> Any:
    assert _work is not None  # workers start after it was set
    return _work(_tasks[index])
