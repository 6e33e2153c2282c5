"""Run passes, or fits, side by side in processes on this machine, each on one core.

For work on a CPU this fills the cores better than threads inside one operation do. Workers
are forked: they share the loaded models' memory and start at once.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from ..extract import Tick
from .serial import execute as execute_here
from .threads import limit_threads

Item = TypeVar("Item")
Run = Callable[[Iterable[Item], Tick], None]

# What forked workers inherit: the work and how to run it, which need not be picklable, how many
# items are taken, how many results are finished, and whether to stop.
_work: Sequence[Any] = ()
_run: Run[Any] | None = None
_taken: Any = None
_finished: Any = None
_stop: Any = None

# Interrupts a worker where it is.
_BREAK = signal.SIGUSR1 if os.name == "posix" else signal.SIGTERM


class WorkerDied(RuntimeError):
    """A worker process was killed, most often for want of memory."""


def available() -> bool:
    """Whether workers can be forked here."""
    return hasattr(ctypes.CDLL(None), "prctl") if os.name == "posix" else False


def execute(
    run: Run[Item], work: Sequence[Item], tick: Tick, workers: int, *, at_once: bool = False
) -> None:
    """Run ``work`` in ``workers`` processes. Raises WorkerDied or what ``run`` raises.

    ``run`` takes items one after another, and reports what is finished. When the program is
    stopped it gets a KeyboardInterrupt from its next report or, with ``at_once``, where it is.
    """
    if workers == 1 or len(work) == 1 or not available():
        execute_here(run, work, tick)
        return
    global _work, _run, _taken, _finished, _stop
    workers = min(workers, len(work))
    context = multiprocessing.get_context("fork")
    _work, _run, _stop = work, run, context.Event()
    _taken, _finished = context.Value("q", 0), context.Value("q", 0)
    reported = 0

    def report() -> None:
        nonlocal reported
        now = _finished.value
        tick(now - reported)
        reported = now

    pool = ProcessPoolExecutor(workers, context, _start, (os.getpid(), at_once))
    try:
        pending: set[Future[None]] = {pool.submit(_labor) for _ in range(workers)}
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
        _work, _run, _taken, _finished, _stop = (), None, None, None, None


def _start(parent: int, at_once: bool) -> None:
    """In a new worker: die with the parent, even if it is killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 = PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches workers through _stop
    signal.signal(_BREAK, signal.SIG_IGN)
    if at_once:
        threading.Thread(target=_break_off, daemon=True).start()
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


def _break_off() -> None:
    """Once all are to stop, interrupt what this worker is at."""
    _stop.wait()
    os.kill(os.getpid(), _BREAK)


def _labor() -> None:
    assert _run is not None
    signal.signal(_BREAK, signal.default_int_handler)  # only here may an interrupt hit
    try:
        _run(_take(), _count)
    finally:
        signal.signal(_BREAK, signal.SIG_IGN)


def _take() -> Iterator[Any]:
    """The next item that no worker has taken, until there is none."""
    while not _stop.is_set():
        with _taken.get_lock():
            index = _taken.value
            _taken.value += 1
        if index >= len(_work):
            return
        yield _work[index]


def _count(n: int) -> None:
    with _finished.get_lock():
        _finished.value += n
    if _stop.is_set():
        raise KeyboardInterrupt
