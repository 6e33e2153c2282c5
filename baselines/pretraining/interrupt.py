"""Ctrl-C at a good moment: between two steps, when the state is whole."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def asked_to_stop(*, again: bool) -> Iterator[Callable[[], bool]]:
    """Inside, SIGINT is only noted; with ``again`` a second one interrupts at once, as usual.

    Gives a function that says whether there was one.
    """
    seen = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        seen.set()
        if again:
            signal.signal(signal.SIGINT, before)

    with _handled(note) as before:
        yield seen.is_set


@contextmanager
def passed_on() -> Iterator[None]:
    """Inside, SIGINT goes to the child processes, which stop by themselves."""

    def send(number: int, frame: FrameType | None) -> None:
        for child in multiprocessing.active_children():
            if child.pid is not None:
                os.kill(child.pid, signal.SIGINT)

    with _handled(send):
        yield


@contextmanager
def unheard() -> Iterator[None]:
    """Processes that this thread starts inside never get a SIGINT, which Ctrl-C sends to all."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[signal.Handlers]:
    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield signal.SIG_DFL
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield before  # type: ignore[misc]
    finally:
        signal.signal(signal.SIGINT, before)
