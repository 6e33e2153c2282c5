"""Reading the text tables that owners publish; every error names the file and the row."""

from __future__ import annotations

import csv
from pathlib import Path


def read_csv(path: Path, *columns: str, delimiter: str = ",") -> list[dict[str, str]]:
    """The rows of a table with a header; ValueError where one of ``columns`` is absent."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, delimiter=delimiter, skipinitialspace=True)
        names = [(name or "").strip() for name in reader.fieldnames or ()]
        reader.fieldnames = names
        if absent := [column for column in columns if column not in names]:
            raise ValueError(
                f"{path}: no column {', '.join(absent)}; the columns are: {', '.join(names)}"
            )
        rows = list(reader)
    for position, row in enumerate(rows, start=2):
        if any(row[column] is None for column in columns):
            raise ValueError(f"{path}: row {position} is cut short")
    return rows


def number(text: str, path: Path, where: str) -> float:
    """A number; ValueError that names the file and the place where it is none."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{path}: {where}: {text!r} is not a number") from None
