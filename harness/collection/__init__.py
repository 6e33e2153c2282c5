"""Records that are kept for good: added, checked, merged and asked.

A collection is a folder as runs write it below ``records``: ``<model>/<dataset>/<protocol>.json``
with ``scores`` beside them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .adding import add as add
    from .merging import merge as merge
    from .querying import select as select
    from .querying import sql as sql
    from .validating import validate as validate

_HOME = {
    "add": ".adding",
    "merge": ".merging",
    "select": ".querying",
    "sql": ".querying",
    "validate": ".validating",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name], __name__), name)
