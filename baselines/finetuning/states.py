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
    except (RuntimeError, ValueError, KeyError) as error:
        raise ValueError(
            f"{fit.folder / STATE}: does not fit: {in_one_line(error)}; remove it to begin again"
        ) from None
