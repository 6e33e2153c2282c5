"""What was not measured of a model, and which samples it could not use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ..collection.board import Subject
from ..records import Record, Row
from ..reports.entries import Entry

_SHOWN = 3  # ids of the samples with one reason


@dataclass(frozen=True)
class Lacking:
    """Places without numbers for one reason, and what to type to change that, or ""."""

    places: tuple[str, ...]
    reason: str
    command: str


@dataclass(frozen=True)
class Failed:
    """Samples of one dataset about which one thing is to be known."""

    dataset: str
    reason: str
    ids: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.ids)

    @property
    def listed(self) -> str:
        """The first of them."""
        more = f" and {self.count - _SHOWN} more" if self.count > _SHOWN else ""
        return ", ".join(self.ids[:_SHOWN]) + more


def lacking(subject: Subject) -> list[Lacking]:
    """Datasets and protocols without any number."""
    studies: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in subject.rows:
        studies[row.dataset, row.protocol].append(row)
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for place, rows in studies.items():
        if all(row.value is None for row in rows):
            entry = Entry(subject.label, tuple(rows))
            found[entry.reason, entry.command].append(" · ".join(place))
    return [Lacking(tuple(places), *why) for why, places in found.items()]


def failed(records: Iterable[Record]) -> list[Failed]:
    """Samples that failed, or were not used as they are; what protocols share is said once.

    By dataset, the reason of the most samples first.
    """
    found: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for record in records:
        for operation, reasons in record.failures.items():
            for sample, reason in reasons.items():
                found[record.rows[0].dataset, f"{operation} failed: {reason}"][sample] = None
        for sample, reason in record.warnings.items():
            found[record.rows[0].dataset, reason][sample] = None
    each = [Failed(*what, tuple(sorted(ids))) for what, ids in found.items()]
    return sorted(each, key=lambda one: (one.dataset, -one.count, one.reason))
