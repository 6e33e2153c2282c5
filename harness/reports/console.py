"""The tables in a terminal."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import replace
from textwrap import fill
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from ..errors import printable
from ..records import NOT_APPLICABLE, Row
from .fitting import fitting, text_of, title, without_details
from .footnotes import with_footnotes
from .groups import group
from .layout import Missing, Table
from .overview import overviews
from .tables import tables

PIPED = 120  # columns, where there is no terminal to ask
_EMPHASIS = ("", "bold", "underline")  # of what is neither, the best and the second best


def terminal(rows: Iterable[Row]) -> None:
    """Print the tables, as wide and as colorful as the terminal allows."""
    print_sized(lambda width, color: as_text(rows, width, color))


def print_sized(make: Callable[[int, bool], str]) -> None:
    """Print what ``make`` gives for the width of the terminal, and for whether it has colors."""
    out = Console()
    text = make(out.width if out.is_terminal else PIPED, out.is_terminal)
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), end="")


def table_text(table: Table, width: int = PIPED, color: bool = False) -> str:
    """One table, ``width`` columns wide; with ANSI styles if ``color``."""
    text = io.StringIO()
    console = Console(
        file=text, width=width, force_terminal=color, highlight=False, legacy_windows=False
    )
    print_table(console, table)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def as_text(rows: Iterable[Row], width: int = PIPED, color: bool = False) -> str:
    """All but the folded tables, ``width`` columns wide; with ANSI styles if ``color``."""
    text = io.StringIO()
    console = Console(
        file=text, width=width, force_terminal=color, highlight=False, legacy_windows=False
    )
    groups = group(rows)
    unfit: list[str] = []
    shown: list[Table] = []
    lacking: dict[Missing, dict[str, list[str]]] = {}  # one model each; study → datasets
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
        study = replace(found, key=found.key._replace(split="all")).study  # a skip has no split
        for table in tables(found):
            if not table.folded:
                shown.append(table)
                for missing in _each(table):
                    places = lacking.setdefault(missing, {})
                    places.setdefault(study, []).append(found.key.dataset)
    # What could be had, and what several tables lack, is said once for all of them.
    once = {
        missing: places
        for missing, places in lacking.items()
        if missing.command or sum(map(len, places.values())) > 1
    }
    for table in shown:
        if table.lines or table.apart or not set(_each(table)) <= once.keys():
            print_table(console, table, once)
    for line in unfit:
        console.print(_text(line, style="dim"))
    for missing in _by_reason(once):
        _print_missing(console, missing)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def print_table(console: Console, table: Table, elsewhere: Container[Missing] = ()) -> None:
    """Print one table; what is ``elsewhere`` need not be said to be missing from it."""
    table = with_footnotes(table)
    console.print(_text(table.title, style="bold"))
    if table.marks:
        console.print(_text(" · ".join(table.marks), style="yellow"))
    if table.lines or table.apart:
        _print_grid(console, table)
    for missing in table.missing:
        own = tuple(m for m in missing.models if replace(missing, models=(m,)) not in elsewhere)
        if own:
            _print_missing(console, replace(missing, models=own))
    for note in table.notes:
        console.print(_text(note, style="dim"))
    console.print()


def _each(table: Table) -> Iterator[Missing]:
    """What the table lacks, model by model."""
    for missing in table.missing:
        yield from (replace(missing, models=(model,)) for model in missing.models)


def _by_reason(lacking: Mapping[Missing, Mapping[str, list[str]]]) -> list[Missing]:
    """Models with one reason and command in the same places together, the reason with these."""
    together: dict[tuple[str, str], dict[str, None]] = {}
    for missing, places in lacking.items():
        where = "; ".join(
            f"{study} on {', '.join(dict.fromkeys(sets))}" for study, sets in places.items()
        )
        why = (f"{missing.reason} ({where})", missing.command)
        together.setdefault(why, {}).update(dict.fromkeys(missing.models))
    return [Missing(tuple(models), *why) for why, models in together.items()]


def _print_missing(console: Console, missing: Missing) -> None:
    names = ", ".join(missing.models)
    console.print(
        Text.assemble("not measured: ", _text(names), " – ", _text(missing.reason, "dim"))
    )
    if missing.command:
        console.print(_text(f"  to get it: {missing.command}", style="dim"))


def _print_grid(console: Console, table: Table) -> None:
    table = without_details(table, console.width)
    shown, dropped = fitting(table, console.width)
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for i, wide in shown.items():
        column = table.columns[i]
        justify: Literal["left", "right"] = "right" if column.kind == "number" else "left"
        grid.add_column(
            Text(fill(printable(title(column)), wide)), justify=justify, width=wide, overflow="fold"
        )
    for lines, style in ((table.lines, ""), (table.apart, "dim")):
        for line in lines:
            texts = (_text(text_of(line, i), _EMPHASIS[line[i].place]) for i in shown)
            grid.add_row(*texts, style=style)
        grid.add_section()
    console.print(grid)
    if dropped:
        console.print(_text(f"Left out, for want of width: {', '.join(dropped)}.", style="dim"))


def _text(text: str, style: str = "") -> Text:
    """Words as they are, whoever chose them: nothing in them steers the terminal."""
    return Text(printable(text), style)
