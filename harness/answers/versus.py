"""Is model A better than B, and how sure? Paired differences wherever both were measured.

The difference is A less B, of each protocol's headline; which end of that is better depends on the
metric. It comes from the per-sample scores by the paired bootstrap over contents that the gate has,
or else from what ``significance`` found in a run of both. p is corrected by Holm's method over all
that is tested here. Below 20 contents nothing is tested; what is circular, or has no better end, is
never ranked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from ..collection.board import Subject
from ..errors import count
from ..gating.declared import Declaration, better_end, compares_models, declared, headlines
from ..gating.pairs import Pair, Place, Records, place_of, unlike
from ..gating.performance import NO_END, Untestable
from ..protocols.paired import ALPHA
from ..protocols.rank_intervals import holm
from ..records import Row
from ..reports.layout import number
from .effects import Effect, from_scores, from_significance

Study = tuple[str, str]  # dataset, protocol
Key = tuple[str, ...]  # a place without its model


class Answer(StrEnum):
    """What can be said of one dataset and protocol."""

    A = "A is better"
    B = "B is better"
    OPEN = "cannot be told apart"
    UNRANKED = "not ranked"
    UNTESTED = "not tested"


@dataclass(frozen=True)
class Line:
    """One answer, about the rows ``a`` and ``b``; ``why`` says what it rests on."""

    a: Row
    b: Row
    answer: Answer
    why: str
    effect: Effect | None = None
    p_holm: float | None = None


@dataclass(frozen=True)
class Versus:
    """All answers about two models, and what else there is to know."""

    a: Subject
    b: Subject
    lines: tuple[Line, ...]
    notes: tuple[str, ...]

    @property
    def summary(self) -> str:
        """The one answer, or all of them counted, in a sentence."""
        if not self.lines:
            return "Nothing here can be compared."
        if len(self.lines) == 1:
            return self._of_one(self.lines[0])
        found = Counter(line.answer for line in self.lines)
        parts = [
            f"{subject.label} is better in {found[each]}"
            for each, subject in ((Answer.A, self.a), (Answer.B, self.b))
            if found[each]
        ]
        parts += [f"they cannot be told apart in {n}"] if (n := found[Answer.OPEN]) else []
        if n := found[Answer.UNTESTED]:
            apart = sum(line.effect is not None and line.effect.excludes_0
                        for line in self.lines if line.answer is Answer.UNTESTED)  # fmt: skip
            which = f" (the interval excludes 0 in {apart})" if apart else ""
            parts.append(f"{n} not tested{which}")
        parts += [f"{n} not ranked"] if (n := found[Answer.UNRANKED]) else []
        return f"Of {count(len(self.lines), 'comparison')}: {', '.join(parts)}."

    def _of_one(self, line: Line) -> str:
        better = {Answer.A: self.a, Answer.B: self.b}.get(line.answer)
        said = str(line.answer) if better is None else f"{better.label} is better"
        why = f": {line.why}" if line.why else ""
        return f"{line.a.dataset} · {line.a.protocol}: {said}{why}."


def versus(a: Subject, b: Subject, records: Records, alone: bool) -> Versus:
    """Compare the rows of ``a`` and ``b``, whose scores and samples lie in ``records``.

    ``alone``: whether no other variant has the name of ``b``, by which ``significance`` calls it.
    """
    pairs, notes = _pairs(a, b)
    found: list[tuple[Row, Row, Effect | str]] = []
    for mine, other in pairs:
        if differs := unlike(mine, other):
            words, *ends = differs
            found.append((mine, other, "not the same {}: A {}, B {}".format(words, *ends)))
            continue
        try:
            found.append((mine, other, from_scores(mine, other, records, len(pairs))))
        except Untestable as why:
            known = from_significance(mine, a, b, alone)
            found.append((mine, other, known or str(why)))
    return Versus(a, b, tuple(_lines(found)), tuple(notes))


def _pairs(a: Subject, b: Subject) -> tuple[list[tuple[Row, Row]], list[str]]:
    """The headlines that both have; and what cannot be paired, or only one of them has."""
    ours, theirs = _by_study(a), _by_study(b)
    found, notes = [], []
    for study in sorted(ours.keys() & theirs.keys()):
        mine, other = ours[study], theirs[study]
        if both := sorted(mine.keys() & other.keys()):
            found += [Pair(place_of(mine[key]), mine[key], other[key]) for key in both]
        else:
            notes.append(f"Not comparable: {' · '.join(study)}: {_apart(mine, other)}.")
    for one, rest, subject in ((ours, theirs, a), (theirs, ours, b)):
        if only := sorted(one.keys() - rest.keys()):
            notes.append(f"Only {subject.label} has: {', '.join(' · '.join(s) for s in only)}.")
    chosen = declared(found, Declaration(rows=tuple(headlines(found))))
    return [(pair.old, pair.new) for pair, _ in chosen if pair.new is not None], notes


def _by_study(subject: Subject) -> dict[Study, dict[Key, Row]]:
    """The numbers of a model by dataset and protocol, then by place."""
    studies: dict[Study, dict[Key, Row]] = defaultdict(dict)
    for row in subject.rows:
        if row.value is not None and not compares_models(row.protocol):
            studies[row.dataset, row.protocol][place_of(row)[2:]] = row
    return studies


def _apart(mine: dict[Key, Row], other: dict[Key, Row]) -> str:
    """What keeps two models from having rows of one place."""
    for i, name in enumerate(Place._fields[2:]):
        one, two = ({key[i] for key in own} for own in (mine, other))
        if not one & two:
            ends = (f"{who} {', '.join(sorted(own))}" for who, own in (("A", one), ("B", two)))
            return f"not the same {name.replace('_', ' ')}: {'; '.join(ends)}"
    return "no two rows are about the same"


def _lines(found: Sequence[tuple[Row, Row, Effect | str]]) -> Iterator[Line]:
    """The answers; p is corrected over those effects that can rank and are not corrected yet."""
    raw = {
        i: effect.p
        for i, (a, b, effect) in enumerate(found)
        if isinstance(effect, Effect) and effect.p is not None and not effect.corrected
        if not _unrankable(a, b)
    }
    corrected = dict(zip(raw, holm(np.array(list(raw.values()))).tolist(), strict=True))
    for i, (a, b, effect) in enumerate(found):
        if isinstance(effect, Effect):
            p = corrected.get(i, effect.p if effect.corrected else None)
            yield Line(a, b, *_answer(a, b, effect, p), effect, p)
        elif not better_end(a.protocol, a.metric):  # with more data neither would be better
            yield Line(a, b, Answer.UNRANKED, _unrankable(a, b))
        else:
            yield Line(a, b, Answer.UNTESTED, effect)


def _answer(a: Row, b: Row, effect: Effect, p_holm: float | None) -> tuple[Answer, str]:
    """What follows from a difference, and why."""
    if why := _unrankable(a, b):
        return Answer.UNRANKED, why
    end = better_end(a.protocol, a.metric)
    if effect.low is None or effect.high is None:
        return Answer.UNTESTED, effect.method
    if effect.value == effect.low == effect.high == 0:
        return Answer.OPEN, "no difference in any resample"
    if p_holm is None:
        does = "excludes" if effect.excludes_0 else "holds"
        return Answer.UNTESTED, f"{effect.untested}; the interval {does} 0"
    if not effect.excludes_0:
        least = effect.resolvable
        missed = "" if least is None else f"; differences below {number(least)} are often missed"
        return Answer.OPEN, f"the interval holds 0{missed} here"
    if p_holm > ALPHA:
        return Answer.OPEN, f"p is {p_holm:.3f} after Holm's correction"
    return (Answer.A if end * effect.low > 0 else Answer.B), "" if end > 0 else "lower is better"


def _unrankable(a: Row, b: Row) -> str:
    """Why no difference of the two could say which is better; "" where one can."""
    if circular := [name for name, row in (("A", a), ("B", b)) if _is_circular(row)]:
        return f"{' and '.join(circular)}, or close kin, helped to make the labels (circular)"
    return "" if better_end(a.protocol, a.metric) else f"{a.metric}: {NO_END}"


def _is_circular(row: Row) -> bool:
    return any(mark.partition(" ")[0] == "circular" for mark in row.marks)
