"""The state of a fit, from which one that was killed goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .. import saved_state
from ..state_dict import in_one_line
from .run import STATE, Fit


def write(fit: Fit, **state: Any) -> None:
    """Put ``state``, plain values and tensors, in the place of the one before."""
    saved_state.write(fit.folder / STATE, {"run": dict(fit.run), **state})


def read(fit: Fit) -> dict[str, Any] | None:
    """The last one; None where there is none. Raises ValueError as ``saved_state.read`` does."""
    return saved_state.read(fit.folder / STATE, fit.run, "remove it, or fit in another folder")


@contextmanager
def restoring(fit: Fit) -> Iterator[None]:
    """Load a state inside: where it does not fit, a ValueError says so in one line."""
    try:
        yield
    except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{fit.folder / STATE}: does not fit: {in_one_line(error)}; remove it to begin again"
        ) from None


def check(done: Any, most: int, curve: Any, column: str) -> None:
    """Raise ValueError unless ``done`` is a number up to ``most``, to which ``curve`` counts.

    ``column`` of the curve is what is counted; its rows are alike, and hold numbers.
    """
    if type(done) is not int or not 0 <= done <= most:
        raise ValueError(f"{column} is {done!r}, and not 0 to {most}")
    if not isinstance(curve, list) or any(row.keys() != curve[0].keys() for row in curve):
        raise ValueError("its curve is no list of rows that are alike")
    if any(not isinstance(value, int | float) for row in curve for value in row.values()):
        raise ValueError("its curve holds what is no number")
    if (last := curve[-1][column] if curve else 0) != done:
        raise ValueError(f"its curve ends at {column} {last}, not {done}")
