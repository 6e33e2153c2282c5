"""What could not be scored, said once a model instead of once a row."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from ..records import Row
from .entries import Entry
from .groups import Group, parse_subset
from .parts import FEW

_FAILED = re.compile(r"\d+ failed: first (.*)")
_FEW = re.compile(rf"{FEW} \((\d+)\)")
_INCOMPLETE = "incomplete ("


def gathered(group: Group, metric: str) -> Group:
    """``group`` without what rows say of samples that failed, and with one mark for all of them.

    The mark counts the rows of ``metric`` by area, which have each sample once. Of several
    numbers of contents the largest stays: smaller ones are of single cells.
    """
    return replace(group, entries=tuple(_gathered(entry, metric) for entry in group.entries))


def failure_notes(group: Group, metric: str) -> tuple[str, ...]:
    """How many samples could not be used, and the first, models that lack the same together."""
    who: dict[str, list[str]] = {}
    for entry in group.entries:
        rows = _by_area(entry, metric)
        failed, expected = sum(r.n_failed for r in rows), sum(r.n_expected for r in rows)
        if failed:
            first = next((m[1] for r in rows for p in _parts(r) if (m := _FAILED.fullmatch(p))), "")
            why = f" (first: {first})" if first else ""
            text = f"{failed:,} of {expected:,} probes could not be used{why}."
            who.setdefault(text, []).append(entry.label)
    return tuple(
        text if len(labels) == len(group.entries) else f"{', '.join(labels)}: {text}"
        for text, labels in who.items()
    )


def reason_notes(entries: Iterable[Entry], titles: dict[tuple[str, str], str]) -> tuple[str, ...]:
    """Why a number is missing, or what it must be read with: "LSI of M: …".

    ``titles`` says what the number of a metric and subset is called.
    """
    who: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        for (metric, subset), title in titles.items():
            row = entry.get(metric, subset)
            if row is not None and row.reason:
                who.setdefault((title, row.reason), []).append(entry.label)
    return tuple(f"{title} of {', '.join(who[title, why])}: {why}." for title, why in who)


def remark(row: Row) -> str:
    """What ``row`` says beside which samples failed; "" if nothing."""
    return "; ".join(part for part in _parts(row) if not _FAILED.fullmatch(part))


def _gathered(entry: Entry, metric: str) -> Entry:
    counted = _by_area(entry, metric)
    scored, expected = sum(r.n_scored for r in counted), sum(r.n_expected for r in counted)
    lost = (f"{_INCOMPLETE}{scored} of {expected})",) if scored < expected else ()
    found = [mark for row in entry.rows for mark in row.marks]
    contents = [int(m[1]) for mark in found if (m := _FEW.fullmatch(mark))]
    few = (f"{FEW} ({max(contents)})",) if contents else ()

    def marks(row: Row) -> tuple[str, ...]:
        own = (m for m in row.marks if not m.startswith(_INCOMPLETE) and not _FEW.fullmatch(m))
        return (*few, *lost, *own)

    rows = (replace(row, marks=marks(row), reason=remark(row) or None) for row in entry.rows)
    return replace(entry, rows=tuple(rows))


def _by_area(entry: Entry, metric: str) -> list[Row]:
    return [r for r in entry.rows if r.metric == metric and set(parse_subset(r.subset)) == {"area"}]


def _parts(row: Row) -> list[str]:
    return (row.reason or "").split("; ")
