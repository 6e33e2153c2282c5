"""What ``iqa-eval results explain`` says: each published number of a model beside what is here."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..collection.board import Board, Subject
from ..collection.subjects import subject_called
from ..contamination import plain
from ..errors import count
from ..papers import paper_names, read_paper
from ..papers.in_print import (
    Published,
    differences,
    is_about,
    numbers_in,
    published_models,
    published_numbers,
    published_of,
)
from ..protocols.cross_dataset import CROSS_DATASET
from ..records import Row
from ..registry import entries, listed_models, unknown
from ..reports.layout import number
from .reasons import explain, printed


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


def explained(
    board: Board,
    model: str,
    dataset: str | None,
    paper: str | None,
    packages: Mapping[str, str],
) -> Iterator[str]:
    """Lines about every number that tables, or only ``paper``, print of ``model``.

    On ``dataset`` alone if it is given; ``packages`` are the versions that the rows were measured
    with, where they are known. Raises ValueError for a name that neither rows nor tables have, and
    where nothing is in print.
    """
    subject = _subject(board, model)
    name = subject.rows[0].model if subject else model
    found = [_measured(each, subject) for each in _printed(name, paper)]
    # Those of heads that were fitted on another dataset come last.
    found.sort(key=lambda each: each.published.protocol == CROSS_DATASET.name)
    if subject and paper is None:
        found += _said(subject, [each.published for each in found])
    if dataset is not None:
        known = {each.published.dataset for each in found}
        found = [each for each in found if plain(each.published.dataset) == plain(dataset)]
        if known and not found:
            raise ValueError(unknown("dataset of a published number", dataset, known))
    if not found:
        where = f"in {paper}" if paper else f"in a table ({', '.join(paper_names())}) or in a row"
        raise ValueError(f"nothing is in print of {name} {where}")
    yield from _text(found, subject, packages)


def _subject(board: Board, model: str) -> Subject | None:
    """The subject called ``model``; None for a model that tables alone know."""
    known = {subject.rows[0].model for subject in board.subjects}
    if model not in known and published_numbers(model):
        return None
    try:
        return subject_called(board.subjects, model, published_models())
    except ValueError:
        why = f"no record and no published number of {model}"
        family, _, other = model.partition(":")
        if family in entries("models") and published_numbers(other):
            of = f"{other}, which is another program: iqa-eval results explain {other}"
            raise ValueError(f"{why}; there are of {of}") from None
        if model not in listed_models():
            raise
        raise ValueError(why) from None


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


def _text(
    found: Sequence[Number], subject: Subject | None, packages: Mapping[str, str]
) -> Iterator[str]:
    told: list[tuple[Number, Sequence[str]]] = []
    for each in found:
        if each.row is not None:
            assert subject is not None
            record = [row for row in subject.rows if _same_record(row, each.row)]
            sentences = explain(each.row, each.published, subject.card, record, packages)
            told.append((each, sentences))
    shared = _shared([sentences for _, sentences in told])
    for each, own in told:
        yield _heading(each.published)
        yield f"  Published: {_source(each.published)}."
        yield from (f"  {sentence}" for sentence in own if sentence not in shared)
    if shared:
        yield "Of all of these:"
        yield from (f"  {sentence}" for sentence in shared)
    yield from _missing([each for each in found if each.row is None])
    yield _summary(found)


def _same_record(row: Row, other: Row) -> bool:
    return (row.dataset, row.protocol, row.protocol_options) == (
        other.dataset, other.protocol, other.protocol_options,
    )  # fmt: skip


def _shared(texts: Sequence[Sequence[str]]) -> list[str]:
    """The sentences that each of several texts has."""
    if len(texts) < 2:
        return []
    return [s for s in texts[0] if all(s in text for text in texts[1:])]


def _heading(each: Published) -> str:
    where = [each.dataset, each.setting, *([each.subset] if each.subset != "all" else [])]
    return f"{' · '.join(where)} · {each.metric}"


def _source(each: Published) -> str:
    return "; ".join(filter(None, (each.source, each.url)))


def _missing(found: Iterable[Number]) -> Iterator[str]:
    """What is not measured, with why and what to type, those of one reason together."""
    groups: dict[tuple[str, str], list[Published]] = defaultdict(list)
    for each in found:
        groups[each.why, _command(each.published)].append(each.published)
    for (why, command), numbers in groups.items():
        yield f"Not measured ({count(len(numbers), 'number')}): {why}"
        yield from (f"  {_heading(each)}: published {number(each.value)}" for each in numbers)
        known = dict.fromkeys(text for each in numbers for text in printed(each))
        yield from (f"  {text.rstrip('.')}." for text in known)
        yield f"  To get it: {command}"


def _command(each: Published) -> str:
    words = ["iqa-eval", "reproduce", each.paper, "--models", each.method, "--root", "FOLDER"]
    return shlex.join(words)


def _summary(found: Sequence[Number]) -> str:
    measured = [each for each in found if each.row is not None]
    text = f"{count(len(found), 'published number')}, {len(measured)} measured here"
    inside = [each.is_inside for each in measured]
    parts = [
        f"{n} {words}"
        for n, words in (
            (inside.count(True), "inside the measured interval"),
            (inside.count(False), "outside the measured interval"),
            (inside.count(None), "without an interval"),
        )
        if n
    ]
    return f"{text}: {', '.join(parts)}." if parts else f"{text}."
