"""Rows of a frame as text: a table to read, CSV or JSON, safe to show in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import printable

if TYPE_CHECKING:
    import pandas as pd


def table_text(rows: pd.DataFrame) -> str:
    """Columns side by side, numbers to the right; a line each, without anything that steers."""
    cells = [list(map(str, rows.columns))]
    cells += [[_cell(value) for value in row] for row in rows.itertuples(index=False, name=None)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [kind in "if" for kind in (rows[name].dtype.kind for name in rows.columns)]
    lines = (
        "  ".join(
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, right, strict=True)
        )
        for line in cells
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _csv(rows: pd.DataFrame) -> str:
    plain = rows.astype(object).map(lambda v: printable(v) if isinstance(v, str) else v)
    return str(plain.rename(columns=printable).to_csv(index=False))


def _json(rows: pd.DataFrame) -> str:
    import json
    import re

    def shown(found: re.Match[str]) -> str:
        return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]

    plain = rows.astype(object).where(rows.notna(), None).to_dict("records")
    text = json.dumps(plain, indent=1, ensure_ascii=False, default=str)
    return re.sub(r"[^ -~\n]", shown, text) + "\n"  # what would steer a terminal, escaped


FORMS: Mapping[str, Callable[[pd.DataFrame], str]] = {
    "table": table_text,
    "csv": _csv,
    "json": _json,
}


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "–" if value != value else f"{value:.4f}"
    return "–" if value is None else printable(str(value))
