"""Published numbers of a model, each with the row that was measured of it, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..collection.board import Subject
from ..contamination import plain
from ..papers import read_paper
from ..papers.in_print import (
    Published,
    differences,
    is_about,
    numbers_in,
    published_numbers,
    published_of,
)
from ..protocols.cross_dataset import CROSS_DATASET
from ..records import Row


@dataclass(frozen=True)
class Number:
    """A published number with the row that was measured of it, or why there is none."""

    published: Published
    row: Row | None
    why: str = ""

    @property
    def is_inside(self) -> bool | None:
        """Whether it is inside the measured interval; None without one."""
        if self.row is None or self.row.ci_low is None or self.row.ci_high is None:
            return None
        return self.row.ci_low <= self.published.value <= self.row.ci_high


def numbers_of(model: str, subject: Subject | None, paper: str | None) -> list[Number]:
    """What tables, or only ``paper``, print of ``model``, and what rows of ``subject`` say is.

    Those of heads that were fitted on another dataset come last among what is in tables.
    """
    found = [_measured(each, subject) for each in _printed(model, paper)]
    found.sort(key=lambda each: each.published.protocol == CROSS_DATASET.name)
    if subject and paper is None:
        found += _said(subject, [each.published for each in found])
    return found


def _printed(model: str, paper: str | None) -> Sequence[Published]:
    if paper is None:
        return published_numbers(model)
    return [each for each in numbers_in(read_paper(paper)) if each.model == model]


def _measured(published: Published, subject: Subject | None) -> Number:
    """The row that differs least in its setting, of the same protocol if possible."""
    if subject is None:
        return Number(published, None, "no record of the model is here")
    rows = [row for row in subject.rows if is_about(published, row, protocol=False)]
    valued = [row for row in rows if row.value is not None and "control" not in row.marks]
    if valued:
        return Number(published, min(valued, key=lambda row: _distance(published, row)))
    return Number(published, None, _why_not(published, subject))


def _distance(published: Published, row: Row) -> tuple[bool, int]:
    return row.protocol != published.protocol, len(differences(row, published))


def _why_not(published: Published, subject: Subject) -> str:
    here = [row for row in subject.rows if plain(row.dataset) == plain(published.dataset)]
    if not here:
        return "no record of it on that dataset is here"
    same = [row for row in here if row.protocol == published.protocol]
    reasons = [row.reason for row in same if row.value is None and row.reason]
    return next(iter(reasons), f"no record of it under {published.setting} is here")


def _said(subject: Subject, known: Sequence[Published]) -> Iterator[Number]:
    """What rows themselves say is in print, but for what is ``known`` of tables."""
    for row in subject.rows:
        for published in published_of(row):
            if not published.paper and published not in known:
                yield Number(published, row)
