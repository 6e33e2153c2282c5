"""Rows of a collection that someone asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import translate
from pathlib import Path
from typing import TYPE_CHECKING

from ..records import frame, read_records
from .folders import records_folder

if TYPE_CHECKING:
    import pandas as pd

TABLE = "records"  # as SQL names them


def select(folder: Path, conditions: Sequence[str] = ()) -> pd.DataFrame:
    """The rows for which all ``FIELD=VALUE`` hold, a column for each field of a row.

    VALUE may hold ``*`` and ``?``, and be empty for what is open; several of one field mean any
    of them. Marks are one text, joined by "; ". ValueError for a field that no row has.
    """
    rows = frame(read_records(records_folder(folder)))
    rows["marks"] = rows["marks"].map("; ".join)
    for field, patterns in _parsed(conditions, list(rows.columns)).items():
        asked = re.compile("|".join(map(translate, patterns)))
        values = rows[field].astype(object).where(rows[field].notna(), "")
        rows = rows.loc[[asked.match(str(value)) is not None for value in values]]
    return rows.reset_index(drop=True)


def sql(rows: pd.DataFrame, query: str) -> pd.DataFrame:
    """What ``query``, in the SQL of SQLite, gives on ``rows``, which it calls "records".

    ValueError for a query that cannot be run.
    """
    import sqlite3
    from contextlib import closing

    import pandas as pd

    with closing(sqlite3.connect(":memory:")) as connection:
        rows.to_sql(TABLE, connection, index=False)
        try:
            return pd.read_sql_query(query, connection)
        except (pd.errors.DatabaseError, sqlite3.Error, TypeError) as error:
            raise ValueError(f"SQLite: {error.__cause__ or error}") from error


def _parsed(conditions: Sequence[str], known: Sequence[str]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for condition in conditions:
        field, equals, value = condition.partition("=")
        if not equals:
            raise ValueError(f"{condition!r}: write FIELD=VALUE, e.g. metric=srcc")
        found.setdefault(known_field(field, known), []).append(value)
    return found


def known_field(name: str, known: Sequence[str]) -> str:
    """``name`` if it is one of ``known``; else ValueError with the closest."""
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
        raise ValueError(f"rows have no {name!r}; {hint}")
    return name
