"""Run passes side by side in processes on this machine, each decoding and computing on one core.

For work on a CPU this fills the cores better than threads inside one operation do. Workers
are forked: they share the loaded models' memory and start at once.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from ..extract import Pass, Tick, run_passes
from .serial import execute as execute_here
from .threads import limit_threads

# What forked workers inherit: passes, whose models need not be picklable, how many of them are
# taken, how many results are finished, and whether to stop.
_passes: Sequence[Pass] = ()
_taken: Any = None
_finished: Any = None
_stop: Any = None


class WorkerDied(RuntimeError):
    """A worker process was killed, most often for want of memory."""


def available() -> bool:
    """Whether workers can be forked here."""
    return hasattr(ctypes.CDLL(None), "prctl") if os.name == "posix" else False


def execute(passes: Sequence[Pass], tick: Tick, workers: int) -> None:
    """Run the passes in ``workers`` processes. Raises WorkerDied or what a pass raises."""
    if workers == 1 or len(passes) == 1 or not available():
        execute_here(passes, tick)
        return
    global _passes, _taken, _finished, _stop
    workers = min(workers, len(passes))
    context = multiprocessing.get_context("fork")
    _passes, _stop = passes, context.Event()
    _taken, _finished = context.Value("q", 0), context.Value("q", 0)
    reported = 0

    def report() -> None:
        nonlocal reported
        now = _finished.value
        tick(now - reported)
        reported = now

    pool = ProcessPoolExecutor(workers, context, _start, (os.getpid(),))
    try:
        pending: set[Future[None]] = {pool.submit(_work) for _ in range(workers)}
        while pending:
            done, pending = wait(pending, timeout=0.2, return_when=FIRST_EXCEPTION)
            report()
            for future in done:
                future.result()
    except BrokenProcessPool as error:
        raise WorkerDied(
            "a worker process was killed, perhaps for want of memory: use fewer --workers; "
            "what was finished is kept"
        ) from error
    except BaseException:
        _stop.set()  # workers commit what they have and return
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        _passes, _taken, _finished, _stop = (), None, None, None


def _start(parent: int) -> None:
    """In a new worker: die with the parent, even if it is killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 = PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches workers through _stop
    limit_threads()
    _keep_memory()


def _keep_memory() -> None:
    """Let glibc keep freed blocks of up to 512 MB for the next operation.

    Otherwise it gives each large tensor back to the system and gets it, page by page, anew:
    for metrics with many intermediates that is more than half of the time.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        for parameter in (-3, -1):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
            libc.mallopt(parameter, 512 << 20)


def _work() -> None:
    run_passes(_take(), _count)


def _take() -> Iterator[Pass]:
    """The next pass that no worker has taken, until there is none."""
    while not _stop.is_set():
        with _taken.get_lock():
            index = _taken.value
            _taken.value += 1
        if index >= len(_passes):
            return
        yield _passes[index]


def _count(n: int) -> None:
    with _finished.get_lock():
        _finished.value += n
    if _stop.is_set():
        raise KeyboardInterrupt
