"""The learning curve that a fit may leave in its folder: a CSV file, one row an epoch."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from .atomic import write_atomic
from .store import writing

CURVE = "curve.csv"


def keep(source: Path, target: Path) -> None:
    """Put the curve of the folder ``source`` into ``target``, in place of one that is there.

    Raises StoreError if it cannot be written.
    """
    with writing(target):
        if (path := source / CURVE).is_file():
            target.mkdir(parents=True, exist_ok=True)
            write_atomic(target / CURVE, path.read_bytes())


def read(folder: Path) -> list[dict[str, float | str]]:
    """The rows of the curve in ``folder``; [] if there is none."""
    if not (path := folder / CURVE).is_file():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    header, *rows = list(csv.reader(io.StringIO(text))) or [[]]
    return [dict(zip(header, map(_number, row), strict=False)) for row in rows]


def _number(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text  # JSON has no form for it
