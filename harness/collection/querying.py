"""Rows of a collection that someone asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import translate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..records import frame, read_records
from .folders import records_folder

if TYPE_CHECKING:
    import pandas as pd

TABLE = "records"  # as SQL names them


def select(folder: Path, conditions: Sequence[str] = ()) -> pd.DataFrame:
    """The rows for which all ``FIELD=VALUE`` hold, a column for each field of a row.

    VALUE may hold ``*`` and ``?``, and be empty for what is open; several of one field mean any
    of them. Marks are one text, joined by "; ". ValueError for a field that no row has, and for a
    value that no row has in it.
    """
    rows = frame(read_records(records_folder(folder)))
    rows["marks"] = rows["marks"].map("; ".join)
    texts = rows.astype(object).where(rows.notna(), "").map(str)
    met = np.ones(len(rows), bool)
    for field, patterns in _parsed(conditions, list(rows.columns)).items():
        own = np.zeros(len(rows), bool)
        for pattern in patterns:
            has = re.compile(translate(pattern)).match
            found = np.array([has(text) is not None for text in texts[field]], bool)
            if pattern and not found.any():
                raise ValueError(_nothing_has(field, pattern, set(texts[field])))
            own |= found
        met &= own
    return rows.loc[met].reset_index(drop=True)


def _nothing_has(field: str, value: str, known: set[str]) -> str:
    close = get_close_matches(value, sorted(known - {""}), n=3, cutoff=0.5)
    return f"nothing has {field} {value!r}" + (
        f"; did you mean {', '.join(close)}?" if close else ""
    )


def sql(rows: pd.DataFrame, query: str) -> pd.DataFrame:
    """What ``query``, in the SQL of SQLite, gives on ``rows``, which it calls "records".

    ValueError for a query that cannot be run.
    """
    import sqlite3
    from contextlib import closing

    import pandas as pd

    with closing(sqlite3.connect(":memory:")) as connection:
        rows.to_sql(TABLE, connection, index=False)
        connection.set_authorizer(_reads)  # nothing else: no other file, no change
        try:
            return pd.read_sql_query(query, connection)
        except (pd.errors.DatabaseError, sqlite3.Error, TypeError) as error:
            why = str(error.__cause__ or error)
            # Nothing was read by a query without words, of which pandas gives a TypeError.
            if isinstance(error, TypeError) or why in ("not authorized", "authorization denied"):
                why = "no query that reads: write SELECT … FROM records"
            raise ValueError(f"SQLite: {why}") from error


def _reads(action: int, *_: object) -> int:
    import sqlite3

    known = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION)
    allowed = (*known, sqlite3.SQLITE_RECURSIVE)
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY


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
