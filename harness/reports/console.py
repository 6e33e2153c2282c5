"""The tables in a terminal."""

from __future__ import annotations

import io
import sys
from collections.abc import Container, Iterable
from dataclasses import replace
from textwrap import fill
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from ..records import NOT_APPLICABLE, Row
from .groups import group
from .layout import Column, Line, Missing, Table
from .overview import overviews
from .parts import COUNT, RANK
from .tables import tables

PIPED = 120  # columns, where there is no terminal to ask


def terminal(rows: Iterable[Row]) -> None:
    """Print the tables, as wide and as colorful as the terminal allows."""
    out = Console()
    text = as_text(rows, out.width if out.is_terminal else PIPED, out.is_terminal)
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), end="")


def as_text(rows: Iterable[Row], width: int = PIPED, color: bool = False) -> str:
    """All but the folded tables, ``width`` columns wide; with ANSI styles if ``color``."""
    text = io.StringIO()
    console = Console(
        file=text, width=width, force_terminal=color, highlight=False, legacy_windows=False
    )
    groups = group(rows)
    unfit: list[str] = []
    wanting: dict[Missing, None] = {}  # what could be had, once for all tables
    for overview in overviews(groups):
        for table in overview.tables:
            if not table.folded:
                print_table(console, table)
    for found in groups:
        if not found.entries and any(NOT_APPLICABLE in entry.marks for entry in found.absent):
            # A protocol that was not meant for this dataset; the page lists the models.
            unmet = [entry for entry in found.absent if NOT_APPLICABLE in entry.marks]
            why = "; ".join(dict.fromkeys(entry.reason or "" for entry in unmet))
            unfit.append(f"not applicable: {found.key.dataset} · {found.study}: {why}")
            continue
        for table in tables(found):
            if not table.folded:
                wanting |= dict.fromkeys(m for m in table.missing if m.command)
                print_table(console, table, wanting)
    for line in unfit:
        console.print(Text(line, style="dim"))
    for missing in wanting:
        _print_missing(console, missing)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def print_table(console: Console, table: Table, elsewhere: Container[Missing] = ()) -> None:
    """Print one table; what is ``elsewhere`` need not be said to be missing from it."""
    console.print(Text(table.title, style="bold"))
    if table.marks:
        console.print(Text(" · ".join(table.marks), style="yellow"))
    if table.lines or table.apart:
        _print_grid(console, table)
    for missing in table.missing:
        if missing not in elsewhere:
            _print_missing(console, missing)
    for note in table.notes:
        console.print(Text(note, style="dim"))
    console.print()


def _print_missing(console: Console, missing: Missing) -> None:
    names = ", ".join(missing.models)
    console.print(Text.assemble("not measured: ", names, " – ", (missing.reason, "dim")))
    if missing.command:
        console.print(Text(f"  to get it: {missing.command}", style="dim"))


def _print_grid(console: Console, table: Table) -> None:
    table = _without_details(table, console.width)
    shown, dropped = _fitting(table, console.width)
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for i in shown:
        column, wide = table.columns[i], _width(table, i)
        justify: Literal["left", "right"] = "right" if column.kind == "number" else "left"
        grid.add_column(Text(fill(_title(column), wide)), justify=justify, min_width=wide)
    for lines, style in ((table.lines, ""), (table.apart, "dim")):
        for line in lines:
            grid.add_row(*(Text(_text(line, i)) for i in shown), style=style)
        grid.add_section()
    console.print(grid)
    if dropped:
        console.print(Text(f"Left out, for want of width: {', '.join(dropped)}.", style="dim"))


def _without_details(table: Table, width: int) -> Table:
    """``table``, if it fits; else without details in columns that share a heading."""
    if sum(_width(table, i) + 2 for i in range(len(table.columns))) + 2 <= width:
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


def _fitting(table: Table, width: int) -> tuple[list[int], list[str]]:
    """Columns that fit, and the titles of those left out: minor numbers go first, N last."""
    columns = table.columns
    shown = list(range(len(columns)))
    numbers = [i for i in shown if columns[i].kind == "number" and i != table.sorted_by]
    minor = [i for i in numbers if columns[i] not in (RANK, COUNT)]
    words = [i for i in shown if columns[i].kind == "text"]
    minor.sort(key=lambda i: columns[i].spare)
    leaving = [*(i for i in shown if columns[i] == COUNT), *words, *minor]
    while leaving and sum(_width(table, i) + 2 for i in shown) + 2 > width:
        shown.remove(leaving.pop())
    return shown, [_title(column) for i, column in enumerate(columns) if i not in shown]


def _width(table: Table, i: int) -> int:
    """As wide as the widest cell, and as the longest word of the heading, which may wrap."""
    cells = [_text(line, i) for line in (*table.lines, *table.apart)]
    return max(cell_len(text) for text in (*cells, *_title(table.columns[i]).split()))


def _title(column: Column) -> str:
    return f"{column.span} {column.title}".strip()


def _text(line: Line, i: int) -> str:
    return f"{line[i].text} {line[i].detail}".strip()
