"""How templates become pages: one way for the page of a run and for the site."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..layout import Column


def environment(*folders: Path) -> Environment:
    """Templates of ``folders``, then those beside this file. All that is put in is escaped."""
    made = Environment(
        loader=FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    made.globals.update(zip=zip, spans=_spans)
    made.filters["breakable"] = _breakable
    return made


def _breakable(name: str) -> Markup:
    """A name, escaped, that may be broken after its punctuation and nowhere else."""
    return Markup("<wbr>").join(re.findall(r"[^:/_.-]*[:/_.-]+|[^:/_.-]+$", name))


def _spans(columns: Sequence[Column]) -> Iterator[tuple[str, int]]:
    """Neighboring columns under one heading: the heading, and how many they are."""
    for span, part in groupby(columns, key=lambda column: column.span):
        yield span, len(list(part))
