"""How the pages of the site are rendered: one frame, one style, and all that is put in escaped."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment
from tqdm import tqdm

from ..reports.site.templates import environment

T = TypeVar("T")


def render(template: str, **values: Any) -> bytes:
    """The page that ``template`` makes of ``values``.

    Every page needs ``root``, the way back to the folder of the site ("" or "../"), and
    ``active``, the part of the site that it belongs to: leaderboard, models, datasets, papers or
    probes. Raises UndefinedError for a value that the template lacks.
    """
    return _environment().get_template(template).render(**values).encode()


def progress(items: Collection[T], of: str) -> Iterable[T]:
    """``items``, with a bar in a terminal: figures take a while."""
    bar: Iterable[T] = tqdm(items, f"pages of {of}", unit="page", leave=False, disable=None)
    return bar


@cache
def _environment() -> Environment:
    return environment(Path(__file__).parent / "templates")
