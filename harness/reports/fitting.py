"""Which columns of a table fit into a terminal, and how wide they are there."""

from __future__ import annotations

from dataclasses import replace

from rich.cells import cell_len

from .layout import Column, Line, Table
from .parts import CONTAMINATION, COUNT, METRICS, MODEL, RANK

LEAST_NAME, LONGEST_WORD = 16, 30  # columns, where names are broken into lines


def without_details(table: Table, width: int) -> Table:
    """``table``, if it fits; else without details in columns that share a heading."""
    if sum(_width(table, i) + 2 for i in range(len(table.columns))) <= width:
        return table
    lines, apart = (
        tuple(
            tuple(
                replace(cell, detail="") if column.span else cell
                for cell, column in zip(line, table.columns, strict=True)
            )
            for line in part
        )
        for part in (table.lines, table.apart)
    )
    return replace(table, lines=lines, apart=apart)


def fitting(table: Table, width: int) -> tuple[dict[int, int], list[str]]:
    """Columns that fit, with their widths, and the titles of those left out.

    Contamination goes first, of which marks tell what matters; then minor numbers, words, N
    and, last, PLCC. Rather than lose what matters, names and marks are broken into lines.
    """
    columns = table.columns
    wide = [_width(table, i) for i in range(len(columns))]
    least = [_least(table, i) for i in range(len(columns))]
    shown = list(range(len(columns)))
    plcc = [i for i in shown if columns[i].title == METRICS["plcc"]]
    kept = (RANK, *([columns[table.sorted_by]] if table.sorted_by is not None else []))
    leaving = [i for i in shown if columns[i].kind in ("number", "text") and columns[i] not in kept]

    def order(i: int) -> tuple[bool, ...]:
        is_word, is_count = columns[i].kind == "text", columns[i] == COUNT
        minor = not (is_word or is_count or i in plcc)
        return (columns[i] == CONTAMINATION, columns[i].spare, minor, is_word, is_count)

    def over(widths: list[int]) -> int:
        return sum(widths[i] + 2 for i in shown) - width

    widths = wide
    for i in sorted(leaving, key=lambda i: (order(i), i), reverse=True):
        matters = columns[i] == COUNT or i in plcc or (columns[i].span and not columns[i].spare)
        widths = least if matters else widths
        if over(widths) <= 0:
            break
        shown.remove(i)
    for i in sorted(shown, key=lambda i: least[i] - wide[i]):
        wide[i] = max(least[i], wide[i] - max(0, over(wide)))
    dropped = [title(column) for i, column in enumerate(columns) if i not in shown]
    return {i: wide[i] for i in shown}, dropped


def _least(table: Table, i: int) -> int:
    """How narrow a column may be made: names and marks may be broken, but not their words."""
    wide = _width(table, i)
    if table.columns[i].kind not in ("name", "marks"):
        return wide
    cells = [text_of(line, i) for line in (*table.lines, *table.apart)]
    longest = max((cell_len(word) for text in cells for word in text.split()), default=0)
    floor = LEAST_NAME if table.columns[i] == MODEL else cell_len(title(table.columns[i]))
    return min(wide, max(floor, min(longest, LONGEST_WORD)))


def _width(table: Table, i: int) -> int:
    """As wide as the widest cell, and as the longest word of the heading, which may wrap."""
    cells = [text_of(line, i) for line in (*table.lines, *table.apart)]
    return max(cell_len(text) for text in (*cells, *title(table.columns[i]).split()))


def title(column: Column) -> str:
    """The heading in one line."""
    return f"{column.span} {column.title}".strip()


def text_of(line: Line, i: int) -> str:
    """Cell ``i`` in one line."""
    return f"{line[i].text} {line[i].detail}".strip()
