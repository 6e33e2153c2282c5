"""Run passes one after another in this process."""

from __future__ import annotations

from collections.abc import Iterable

from ..extract import Pass, Tick, run_passes
from .threads import one_thread


def execute(passes: Iterable[Pass], tick: Tick) -> None:
    """Run every pass here, on one thread, as every executor does (values depend on threads)."""
    with one_thread():
        run_passes(passes, tick)
