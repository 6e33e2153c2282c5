"""Reading the workbooks (xlsx) that owners publish, as ``text_rows.read_csv`` reads text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import one_line


def read_sheet(path: Path, *columns: str, sheet: str | None = None) -> list[dict[str, str]]:
    """The rows of the sheet called ``sheet``, or of the first one, below its header.

    Raises ValueError where the sheet or one of ``columns`` is absent, or the file is no workbook.
    """
    names, *rows = read_cells(path, sheet) or [()]
    names = tuple(_text(cell).strip() for cell in names)
    if absent := [column for column in columns if column not in names]:
        raise ValueError(
            f"{path}: no column {', '.join(absent)}; the columns are: {', '.join(names)}"
        )
    at = [(column, names.index(column)) for column in columns]
    # Workbooks keep rows that were emptied.
    return [{c: _text(row[i]) for c, i in at} for row in rows if any(row[i] for _, i in at)]


def read_cells(path: Path, sheet: str | None = None) -> list[tuple[Any, ...]]:
    """The values of the cells, row by row from the first one.

    Raises ValueError where the sheet is absent, or the file is no workbook.
    """
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True, data_only=True)
        try:
            names = book.sheetnames
            if sheet is None or sheet in names:
                return list(book[sheet or names[0]].iter_rows(values_only=True))
        finally:
            book.close()
    except Exception as error:  # openpyxl raises many kinds on a broken file
        raise ValueError(f"{path}: not a readable workbook: {one_line(error)}") from error
    raise ValueError(f"{path}: no sheet {sheet!r}; there are: {', '.join(names)}")


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)
