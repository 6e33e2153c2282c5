"""``iqa-eval table``: a table that someone describes, or a published one, of kept records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .results_command import KEPT

if TYPE_CHECKING:
    from .reports.layout import Table

Form = Literal["terminal", "markdown", "csv", "latex", "html"]
_SUFFIXES: dict[str, Form] = {
    ".md": "markdown",
    ".csv": "csv",
    ".tex": "latex",
    ".html": "html",
    ".txt": "terminal",
}


def table(
    spec: Annotated[
        str,
        typer.Argument(help="A .yaml file: a layout or a published table; or e.g. arniqa-table1."),
    ],
    records: Annotated[
        Path, typer.Option(help="Folder of records, or one that run has written.")
    ] = KEPT,
    form: Annotated[
        Form | None, typer.Option("--format", help="Default: what --out ends with, or terminal.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write it to this .md, .csv, .tex, .html or .txt.")
    ] = None,
) -> None:
    """Print a table of records in a paper's own layout.

    Of a published table: what it prints, what was measured, the difference and the interval.
    """
    from .atomic import write_atomic
    from .collection.folders import records_folder
    from .records import read_records
    from .tabling import table_of

    form = form or _form_of(out)
    drawn = table_of(spec)  # a file that is missing or wrong is told of before any record is read
    found = drawn(read_records(records_folder(records)))
    if out is None:
        _print(found, form)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out, _text(found, form).encode())
    typer.echo(f"The table: {out}")


def _form_of(out: Path | None) -> Form:
    """What the name of ``out`` ends with. Raises ValueError where that is no form."""
    if out is None:
        return "terminal"
    if (suffix := out.suffix.lower()) not in _SUFFIXES:
        *most, last = _SUFFIXES
        raise ValueError(
            f"{out}: of no known form; end it with {', '.join(most)} or {last}, or give --format"
        )
    return _SUFFIXES[suffix]


def _print(table: Table, form: Form) -> None:
    if form == "terminal":
        from .reports.console import print_sized, table_text

        print_sized(lambda width, color: table_text(table, width, color))
    else:
        typer.echo(_text(table, form), nl=False)


def _text(table: Table, form: Form) -> str:
    from .reports.console import table_text
    from .reports.formats import markdown, table_csv
    from .reports.html_table import html
    from .reports.latex import latex

    forms: dict[str, Callable[[Table], str]] = {
        "terminal": table_text,
        "markdown": markdown,
        "csv": table_csv,
        "latex": latex,
        "html": html,
    }
    return forms[form](table)
