"""Tables as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from ..errors import printable
from ..records import Row, frame
from .best import legend
from .footnotes import with_footnotes
from .layout import Cell, Column, Raw, Table

_EMPHASIS = ("{}", "**{}**", "<u>{}</u>")  # of what is neither, the best and the second best


def markdown(table: Table, level: int = 2, pages: Mapping[str, str] | None = None) -> str:
    """A heading, the table (GitHub's dialect), what is not measured and why, and the notes.

    The heading is one of ``level``; ``pages`` has, by their labels, URLs of pages about models.
    """
    table = with_footnotes(table)
    columns = table.columns
    heads = [f"{c.span} {c.title}".strip() for c in columns]
    rules = ["---:" if c.kind == "number" else ":---" for c in columns]
    first, apart = (
        [
            [_cell(cell, column, pages or {}) for cell, column in zip(line, columns, strict=True)]
            for line in lines
        ]
        for lines in (table.lines, table.apart)
    )
    note = [["Not ranked:", *[""] * (len(columns) - 1)]] if apart else []
    rows = [*first, *note, *apart]
    parts = [f"{'#' * level} {escape(table.title)}"]
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
    if said := [note for note in (legend(table), *table.notes) if note]:
        notes = "\n".join(f"- {escape(note)}" for note in said)
        # Without words between them, two lists are one.
        parts.append(f"Notes:\n\n{notes}" if table.absent else notes)
    return "\n\n".join(parts) + "\n"


def table_csv(table: Table) -> str:
    """The table at full precision, in its order; models without numbers at the end.

    A text that a spreadsheet would take for a formula has an apostrophe in front; in
    ``rows_csv``, which is for programs, every text is as it is.
    """
    keys = [key for column in table.columns for key in column.keys]
    values = [[v for cell in line for v in cell.raw] for line in (*table.lines, *table.apart)]
    extra = ["reason", "command"] if table.absent else []
    name = keys.index("model") if table.absent else 0
    absent: list[list[Raw]] = [
        [*("" if i != name else entry.label for i in range(len(keys))), entry.reason, entry.command]
        for entry in table.absent
    ]
    found: list[list[Raw]] = [[*keys, *extra], *([*v, *("" for _ in extra)] for v in values)]
    return _csv([[_no_formula(value) for value in line] for line in (*found, *absent)])


def rows_csv(rows: Iterable[Row]) -> str:
    """Every field of every row; marks are joined by "; "."""
    table = frame(rows)
    table["marks"] = table["marks"].map("; ".join)
    return table.to_csv(index=False, lineterminator="\n")


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line, also inside a table.

    What would steer a terminal, or turn the direction of the text, is replaced.
    """
    text = re.sub(r"([\\`*\[\]<>|~&])", r"\\\1", printable(" ".join(text.split())))
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)


def _cell(cell: Cell, column: Column, pages: Mapping[str, str]) -> str:
    text = _EMPHASIS[cell.place].format(escape(cell.text))
    text = f"{text} {escape(cell.detail)}".strip()
    is_model = "model" in column.keys and cell.text in pages
    return f"[{text}]({pages[cell.text]})" if is_model else text


def _code(text: str) -> str:
    """A code span; its fence is longer than any run of backticks inside."""
    text = printable(" ".join(text.split()))
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _no_formula(value: Raw) -> Raw:
    if not isinstance(value, str):
        return value
    value = value.replace("\r", " ")  # which the writer would not quote
    if not value.startswith(("=", "+", "-", "@", "\t")):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def _csv(lines: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(lines)
    return buffer.getvalue()
