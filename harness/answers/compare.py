"""What ``iqa-eval results compare`` says: two models of a collection, a line for each answer."""

from __future__ import annotations

import shlex
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..collection.board import Board, Subject, model_slug
from ..collection.subjects import subject_called
from ..gating.pairs import Records, place_of, subject_of
from ..gating.performance import CORRELATIONS
from ..protocols.base import word
from ..protocols.significance import SIGNIFICANCE
from ..records import Row
from ..registry import unknown
from ..reports.entries import seen_mark
from ..reports.groups import parse_subset
from ..reports.layout import interval, number
from .versus import Answer, Line, Versus, versus

if TYPE_CHECKING:
    import pandas as pd

_SHOWN_AS_ZERO = 0.0005
_POOLED = ("predictions pooled", "leave-one-content-out", "median of ")  # in the names of splits


def compared(
    board: Board, a: str, b: str, datasets: Sequence[str] = (), protocols: Sequence[str] = ()
) -> Versus:
    """The models called ``a`` and ``b``, on some datasets or all, under some protocols or all.

    Raises ValueError for names that nothing has, and where there is nothing to compare.
    """
    one, other = (subject_called(board.subjects, name) for name in (a, b))
    if one.slug == other.slug:
        raise ValueError(f"{a!r} and {b!r} are both {one.label}: name two models")
    for kind, asked in (("dataset", datasets), ("protocol", protocols)):
        known = {getattr(row, kind) for row in board.rows}
        if wrong := [name for name in asked if name not in known]:
            raise ValueError(unknown(kind, wrong[0], known))
    alone = sum(s.rows[0].model == other.rows[0].model for s in board.subjects) == 1
    one, other = (_only(subject, datasets, protocols) for subject in (one, other))
    found = versus(one, other, Records(board.folder, {}), alone)
    if not found.lines and not found.notes:
        raise ValueError(f"neither {one.label} nor {other.label} has numbers there")
    return replace(found, notes=(*found.notes, *_to_test(found, board)))


def _only(subject: Subject, datasets: Sequence[str], protocols: Sequence[str]) -> Subject:
    rows = (row for row in subject.rows if not datasets or row.dataset in datasets)
    kept = (*protocols, SIGNIFICANCE.name)  # which knows of the others
    return replace(subject, rows=tuple(r for r in rows if not protocols or r.protocol in kept))


def facts(found: Versus) -> pd.DataFrame:
    """A line for each answer, unrounded."""
    return _frame(map(_facts, found.lines))


def shown(found: Versus) -> pd.DataFrame:
    """The same as people read it."""
    return _frame(map(_shown, found.lines))


def remarks(found: Versus) -> Iterator[str]:
    """How the numbers came about, what is missing and what to type."""
    effects = [line.effect for line in found.lines if line.effect]
    tested = [x.effect for x in found.lines if x.effect and x.p_holm is not None]
    if n := sum(not effect.corrected for effect in tested):
        yield f"p: two-sided, corrected by Holm's method over {n} of the lines."
    for how in dict.fromkeys(e.corrected for e in effects if e.corrected):
        yield f"p as significance has it: {how}."
    for how in dict.fromkeys(e.method for e in effects):
        yield f"Interval: {how}."
    for line in found.lines:
        e = line.effect
        if e and max(abs((line.a.value or 0) - e.a), abs((line.b.value or 0) - e.b)) > 1e-9:
            yield (
                f"{' · '.join(_about(line)[:2])}: the difference is of scores that both have "
                f"(A {number(e.a)}, B {number(e.b)}); the rows say A {number(line.a.value)}, "
                f"B {number(line.b.value)}."
            )
    pooled = [x for x in found.lines if x.effect and any(how in x.a.split for how in _POOLED)]
    for about in dict.fromkeys(" · ".join(_about(line)[:2]) for line in pooled):
        yield (
            f"{about}: predictions are pooled over fits, which adds what fits differ in offset and "
            "scale; fit by fit the difference may be another one."
        )
    yield from found.notes


def _to_test(found: Versus, board: Board) -> Iterator[str]:
    """What to type so that the lines can be tested that are not.

    Whoever was compared with one of the two takes part: a smaller comparison would not be kept.
    """
    # Where there is an effect it was had already, and there is too little data.
    untested = [x for x in found.lines if x.answer is Answer.UNTESTED and x.effect is None]
    lines = [line for line in untested if line.a.metric in CORRELATIONS]
    if not lines:
        return
    subjects = [found.a, found.b, *_beside(found, board, {line.a.dataset for line in lines})]
    models = list(dict.fromkeys(subject.rows[0].model for subject in subjects))
    asked = [list(dict.fromkeys(getattr(line.a, kind) for line in lines))
             for kind in ("dataset", "protocol")]  # fmt: skip
    if any(subject.rows[0].options != "{}" for subject in subjects):
        all_ = " and ".join(subject.label for subject in subjects)
        yield f"To test it: a suite of {all_} with the protocol {SIGNIFICANCE.name} among its own."
        return
    options = ("--models", models), ("--datasets", asked[0]), (
        "--protocols", [*asked[1], SIGNIFICANCE.name]
    )  # fmt: skip
    words = " ".join(f"{flag} {shlex.quote(','.join(names))}" for flag, names in options)
    yield f"To test it: iqa-eval run {words} --out OUT, then iqa-eval results add OUT."


def _beside(found: Versus, board: Board, datasets: Container[str]) -> list[Subject]:
    """Who else was compared with one of the two on ``datasets``."""
    subsets = (
        parse_subset(row.subset)
        for subject in (found.a, found.b)
        for row in subject.rows
        if row.protocol == SIGNIFICANCE.name and row.dataset in datasets
    )
    names = {subset["versus"] for subset in subsets if "versus" in subset}
    both = found.a.slug, found.b.slug
    return [
        subject
        for subject in board.subjects
        if subject.slug not in both
        and names & {word(subject.rows[0].model), word(model_slug(subject.rows[0]))}
    ]


def _about(line: Line) -> tuple[str, str, str]:
    return subject_of(place_of(line.a))[1:]


def _facts(line: Line) -> dict[str, Any]:
    dataset, protocol, metric = _about(line)
    e = line.effect
    return {
        "dataset": dataset,
        "protocol": protocol,
        "metric": metric,
        "a": e.a if e else line.a.value,
        "b": e.b if e else line.b.value,
        "difference": e.value if e else None,
        "ci_low": e.low if e else None,
        "ci_high": e.high if e else None,
        "ci_method": e.method if e else None,
        "p_holm": line.p_holm,
        "resolvable": e.resolvable if e else None,
        "n": e.n if e else None,
        "answer": line.answer.value,
        "why": line.why,
        "marks": "; ".join(_marks(line)),
    }


def _shown(line: Line) -> dict[str, str]:
    dataset, protocol, metric = _about(line)
    e = line.effect
    a, b = (e.a, e.b) if e else (line.a.value, line.b.value)
    gap = a - b if a is not None and b is not None else None
    marks = _marks(line)
    said = f"{line.answer}: {line.why}" if line.why else str(line.answer)
    return {
        "dataset": dataset,
        "protocol": protocol,
        "metric": metric,
        "A": number(a),
        "B": number(b),
        "A − B": number(e.value if e else gap),
        "95 % interval": interval(e.low, e.high) if e else "",
        "p": _p(line.p_holm),
        "N": str(e.n) if e else "",
        "answer": said + (f" [{'; '.join(marks)}]" if marks else ""),
    }


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return number(value) if value >= _SHOWN_AS_ZERO else "<0.001"


def _marks(line: Line) -> list[str]:
    """Marks of both rows, then those of one with its letter."""
    a, b = (dict.fromkeys(_of(row)) for row in (line.a, line.b))
    own = [f"{who}: {mark}" for who, marks, other in (("A", a, b), ("B", b, a))
           for mark in marks if mark not in other]  # fmt: skip
    return [*(mark for mark in a if mark in b), *own]


def _of(row: Row) -> list[str]:
    return [*row.marks, *filter(None, [seen_mark(row.contamination)])]


def _frame(lines: Iterator[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(lines))
