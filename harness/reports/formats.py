"""Tables as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from ..records import Row, frame
from .layout import Table


def markdown(table: Table) -> str:
    """A heading, the table (GitHub's dialect), what is not measured and why, and the notes."""
    columns = table.columns
    heads = [f"{c.span} {c.title}".strip() for c in columns]
    rules = ["---:" if c.kind == "number" else ":---" for c in columns]
    rows = [
        [escape(f"{cell.text} {cell.detail}".strip()) for cell in line]
        for line in (*table.lines, *table.apart)
    ]
    parts = [f"## {escape(table.title)}"]
    if table.marks:
        parts.append(f"All lines: {escape(', '.join(table.marks))}.")
    if rows:
        parts.append("\n".join(map(_line, ([escape(h) for h in heads], rules, *rows))))
    if table.absent:
        listed = [
            f"- {escape(', '.join(m.models))}: {escape(m.reason)}"
            + (f"; to get it: {_code(m.command)}" if m.command else "")
            for m in table.missing
        ]
        parts.append("Not measured:\n\n" + "\n".join(listed))
    if table.notes:
        parts.append("\n".join(f"- {escape(note)}" for note in table.notes))
    return "\n\n".join(parts) + "\n"


def table_csv(table: Table) -> str:
    """The table at full precision, in its order; models without numbers at the end."""
    keys = [key for column in table.columns for key in column.keys]
    values = [[v for cell in line for v in cell.raw] for line in (*table.lines, *table.apart)]
    extra = ["reason", "command"] if table.absent else []
    name = keys.index("model") if table.absent else 0
    absent = [
        [*("" if i != name else entry.label for i in range(len(keys))), entry.reason, entry.command]
        for entry in table.absent
    ]
    return _csv([[*keys, *extra], *([*line, *("" for _ in extra)] for line in values), *absent])


def rows_csv(rows: Iterable[Row]) -> str:
    """Every field of every row; marks are joined by "; "."""
    table = frame(rows)
    table["marks"] = table["marks"].map("; ".join)
    return table.to_csv(index=False, lineterminator="\n")


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line, also inside a table."""
    text = re.sub(r"([\\`*\[\]<>|~&])", r"\\\1", " ".join(text.split()))
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)


def _code(text: str) -> str:
    """A code span; its fence is longer than any run of backticks inside."""
    text = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _csv(lines: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(lines)
    return buffer.getvalue()
