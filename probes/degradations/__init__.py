"""The degradation bank: 30 ways to damage an image, each at severities from 1 to 5."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .apply import degrade, degrade_batch
    from .bank import BANK, HELD_OUT, TYPES, Degradation, find, level
    from .draws import Rngs, seeded

_HOME = {
    "BANK": "bank",
    "HELD_OUT": "bank",
    "TYPES": "bank",
    "Degradation": "bank",
    "Rngs": "draws",
    "degrade": "apply",
    "degrade_batch": "apply",
    "find": "bank",
    "level": "bank",
    "seeded": "draws",
}

__all__ = [
    "BANK",
    "HELD_OUT",
    "TYPES",
    "Degradation",
    "Rngs",
    "degrade",
    "degrade_batch",
    "find",
    "level",
    "seeded",
]


def __getattr__(name: str) -> Any:
    # torch and kornia load with the first name that is asked for, not with the package.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
