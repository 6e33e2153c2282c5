"""The memory that a call takes at most, in a process of its own."""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection

from .executors.threads import limit_threads

_SECONDS = 600  # after which the process is given up


def peak_memory(call: Callable[[], object]) -> int | None:
    """Bytes that ``call`` takes at most beyond what there is; None where it cannot be told."""
    if sys.platform != "linux":  # elsewhere a forked process may not use what torch rests on
        return None
    # Memory that is free but not given back would be used first, and not be seen.
    getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)(0)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_send_peak, args=(call, sender), daemon=True)
    child.start()
    sender.close()
    try:
        return receiver.recv() if receiver.poll(_SECONDS) else None
    except EOFError:  # it was killed: for want of memory, most often
        return None
    finally:
        child.kill()
        child.join()


def _send_peak(call: Callable[[], object], sender: Connection) -> None:
    import resource  # not everywhere

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it too, and ends this process
    limit_threads()  # the threads of the parent are not here, and OpenMP would wait for them
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        call()
        peak = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    except Exception:  # the parent meets the same, and says so
        peak = None
    sender.send(peak)
