"""A table for a paper."""

from __future__ import annotations

import re
from itertools import groupby

from .layout import Column, Line, Table

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "–": "--",
    "±": r"$\pm$",
    "<": "$<$",
    ">": "$>$",
    **{char: f"\\{char}" for char in "&%$#_{}"},
}


def latex(table: Table) -> str:
    """A ``tabular`` for the package booktabs, without details; title and notes as comments."""
    columns = table.columns
    aligned = "".join("r" if column.kind == "number" else "l" for column in columns)
    heads = _row(escape(column.title) for column in columns)
    parts = [
        *(f"% {' '.join(text.split())}" for text in (table.title, *table.marks, *table.notes)),
        f"\\begin{{tabular}}{{{aligned}}}",
        r"\toprule",
        *_spans(columns),
        heads,
        r"\midrule",
        *map(_line, table.lines),
        *([r"\midrule"] if table.lines and table.apart else []),
        *map(_line, table.apart),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Text that LaTeX sets as it is, on one line."""
    return re.sub(r"[\\~^−–±<>&%$#_{}]", lambda m: _SPECIAL[m[0]], " ".join(text.split()))


def _spans(columns: tuple[Column, ...]) -> list[str]:
    if not any(column.span for column in columns):
        return []
    cells, rules, start = [], [], 1
    for span, part in groupby(columns, key=lambda column: column.span):
        count = len(list(part))
        if span:
            cells.append(f"\\multicolumn{{{count}}}{{c}}{{{escape(span)}}}")
            rules.append(f"\\cmidrule(lr){{{start}-{start + count - 1}}}")
        else:
            cells += [""] * count
        start += count
    return [_row(cells), " ".join(rules)]


def _line(line: Line) -> str:
    return _row(escape(cell.text) for cell in line)


def _row(cells: object) -> str:
    return " & ".join(cells) + r" \\"  # type: ignore[arg-type]
