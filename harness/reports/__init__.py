"""What people read of a run: tables, figures and a page, all made from records alone."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .console import terminal as terminal
    from .write import write_report as write_report

# Loaded when first used: the tables of a terminal need no plotting library.
_HOME = {"terminal": ".console", "write_report": ".write"}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name], __name__), name)
