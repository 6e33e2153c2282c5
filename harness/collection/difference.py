"""In what two records of one place differ, in a line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

from ..canonical import digest
from ..errors import count
from ..records import Record, Row, record_bytes
from .folders import file_path

# What a number is measured of: if one of these changed, another number is no surprise.
INPUTS = (
    *("model_version", "weights", "images_hash", "labels_hash", "others"),
    "protocol_version",
)
_NUMBERED = re.compile(r"\d+([.+]\d+)*")
# What an older version, or a run that was not asked for it, left open.
_OPEN = ("samples", "tolerance", "published", "published_source")


def inputs(record: Record) -> dict[str, str]:
    """The versions and hashes of what the record was made of."""
    return {name: str(getattr(record.rows[0], name)) for name in INPUTS}


def by_content(record: Record, folder: Path) -> Record:
    """``record`` with the scores it names told apart by what they hold.

    The bytes of a Parquet file, and so its SHA-256, depend on the version that wrote it. Labels
    may be absent, and have a hash of their own: only whether they are named is compared.
    """
    known: dict[str | None, str | None] = {None: None}

    def held(name: str | None) -> str | None:
        if name not in known:
            assert name
            known[name] = _content(file_path(folder, "scores", name))
        return known[name]

    rows = (
        replace(row, scores=held(row.scores), samples=row.samples and "named")
        for row in record.rows
    )
    return replace(record, rows=tuple(rows))


def _content(path: Path) -> str:
    """The digest of a file's rows."""
    import pyarrow.parquet as pq

    columns = pq.read_table(path).to_pydict()
    return digest({name: [repr(each) for each in column] for name, column in columns.items()})


def same(one: Record, other: Record) -> bool:
    """Whether two records say the same, wherever they lie."""
    return record_bytes(one) == record_bytes(other)


def adds(old: Record, new: Record) -> bool:
    """Whether ``new`` says all that ``old`` does, and fills in what it left open."""
    before, after = rows_by_name(old), rows_by_name(new)
    if before.keys() != after.keys():
        return False
    filled = []
    for name, row in before.items():
        gaps = [each for each in _OPEN if getattr(row, each) is None]
        filled.append(replace(row, **{each: getattr(after[name], each) for each in gaps}))
    return same(replace(old, rows=tuple(filled)), new)


def difference(old: Record, new: Record) -> str:
    """What changed from ``old`` to ``new``: inputs first, then the largest change of a value."""
    parts = []
    was, now = inputs(old), inputs(new)
    parts += [f"{name} {_short(was[name])} → {_short(now[name])}" for name in INPUTS
              if was[name] != now[name]]  # fmt: skip
    before, after = rows_by_name(old), rows_by_name(new)
    if gone := [name for name in before if name not in after]:
        parts.append(f"{count(len(gone), 'row')} gone, first {said(gone[0])}")
    if come := [name for name in after if name not in before]:
        parts.append(f"{count(len(come), 'row')} new, first {said(come[0])}")
    both = [name for name in before if name in after]
    if moved := [name for name in both if before[name].value != after[name].value]:
        most = max(moved, key=lambda name: _moved(before[name], after[name]))
        ends = f"{_number(before[most].value)} → {_number(after[most].value)}"
        more = f", the most of {len(moved)} values" if len(moved) > 1 else ""
        parts.append(f"{said(most)} {ends}{more}")
    changed = [
        each.name for each in fields(Row)
        if each.name not in (*INPUTS, "value")
        and any(getattr(before[n], each.name) != getattr(after[n], each.name) for n in both)
    ]  # fmt: skip
    apart = [name for name in ("failures", "warnings", "fits")
             if digest(getattr(old, name)) != digest(getattr(new, name))]  # fmt: skip
    if changed or apart:
        parts.append(f"not the same: {', '.join([*changed, *apart])}")
    return "; ".join(parts)


def rows_by_name(record: Record) -> Mapping[tuple[str, ...], Row]:
    """The rows of a record by what tells them apart."""
    return {row.order: row for row in record.rows}


def said(name: tuple[str, ...]) -> str:
    """What a row is called where people read it, from its ``order``."""
    split, subset, metric = name
    where = [each for each in (subset, split) if each != "all"]
    return f"{metric} ({', '.join(where)})" if where else metric


def older(old: Record, new: Record) -> str:
    """Which version of ``new`` lies before that of ``old``, if both are numbers; else ""."""
    was, now = inputs(old), inputs(new)
    for name in ("protocol_version", "model_version"):
        numbered = all(map(_NUMBERED.fullmatch, (was[name], now[name])))
        alike = was[name].count("+") == now[name].count("+")  # of as many things
        if numbered and alike and version(was[name]) > version(now[name]):
            return name
    return ""


def version(text: str) -> list[tuple[int, str]]:
    """What versions are sorted by: numbers by size, however long, and after all else."""
    parts = re.findall(r"\d+|\D+", text)
    return [(len(part.lstrip("0")), part.lstrip("0")) if part.isdecimal() else (-1, part)
            for part in parts]  # fmt: skip


def _moved(old: Row, new: Row) -> float:
    if old.value is None or new.value is None:
        return float("inf")
    return abs(new.value - old.value)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.10g}"


def _short(text: str) -> str:
    return text if len(text) <= 12 else f"{text[:12]}…" if text else "none"
