"""How the pages of the site are rendered: one frame, one style, and all that is put in escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment

from ..reports.site.templates import environment


def render(template: str, **values: Any) -> bytes:
    """The page that ``template`` makes of ``values``.

    Every page needs ``root``, the way back to the folder of the site ("" or "../"), and
    ``active``, the part of the site that it belongs to: leaderboard, models, datasets, papers or
    probes. Raises UndefinedError for a value that the template lacks.
    """
    return _environment().get_template(template).render(**values).encode()


@cache
def _environment() -> Environment:
    return environment(Path(__file__).parent / "templates")
