"""What ``iqa-eval results explain`` says: each published number of a model beside what is here."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..collection.board import Board, Subject
from ..collection.subjects import subject_called
from ..contamination import plain
from ..errors import count
from ..papers import paper_names
from ..papers.in_print import Published, published_models, published_numbers
from ..records import Row
from ..registry import entries, listed_models, unknown
from ..reports.layout import number
from .numbers import Number, numbers_of
from .reasons import explain, printed


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
    found = numbers_of(name, subject, paper)
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
        if model.lower() in map(str.lower, known):  # several variants have it: they are named
            raise
        why = f"no record and no published number of {model}"
        family, _, other = model.partition(":")
        if family in entries("models") and published_numbers(other):
            of = f"{other}, which is another program: iqa-eval results explain {other}"
            raise ValueError(f"{why}; there are of {of}") from None
        if model not in listed_models():
            raise
        raise ValueError(why) from None


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
