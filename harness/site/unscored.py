"""Samples that no model could score: those that could not be made, above all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from ..collection.board import Board
from ..records import Record, Row, load_record

Version = tuple[str, str]  # a dataset, and the hash of its images
Unscored = Mapping[Version, str]


def unscored(board: Board) -> Unscored:
    """What to say beside the size of each dataset of which some samples have no score at all.

    Those that failed in every record with numbers, whichever the model, for one reason.
    """
    failures: dict[Version, list[Mapping[str, str]]] = defaultdict(list)
    for path in sorted(board.folder.glob("*/*/*.json")):
        record = load_record(path)
        if any(row.value is not None for row in record.rows):
            failures[version(record.rows[0])].append(_failed(record))
    found = {}
    for of, each in failures.items():
        shared = set.intersection(*(set(own.items()) for own in each))
        if len(each) > 1 and shared:
            found[of] = _told([why for _, why in sorted(shared)])
    return found


def version(row: Row) -> Version:
    """What ``unscored`` knows the dataset of ``row`` by."""
    return row.dataset, row.images_hash


def _failed(record: Record) -> dict[str, str]:
    return {name: why for reasons in record.failures.values() for name, why in reasons.items()}


def _told(reasons: list[str]) -> str:
    """``186 have no score of any model (94 equal energy, 57 equal damage, such as …)``."""
    kinds = Counter(why.partition(":")[0] for why in reasons).most_common()
    parts = [f"{n:,} {kind}" for kind, n in kinds] if len(kinds) > 1 else []
    have = "has" if len(reasons) == 1 else "have"
    why = ", ".join([*parts, f"such as {reasons[0]}"])
    return f"{len(reasons):,} {have} no score of any model ({why})"
