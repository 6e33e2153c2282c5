"""Run passes, or fits, one after another in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from ..extract import Tick
from .threads import one_thread

Item = TypeVar("Item")


def execute(run: Callable[[Iterable[Item], Tick], None], work: Iterable[Item], tick: Tick) -> None:
    """Run all of ``work`` here, on one thread, as every executor does (values depend on threads).

    ``run`` takes items one after another, and reports what is finished.
    """
    with one_thread():
        run(work, tick)
