"""Is a number the same as it was? Rows and per-sample scores against those of the baseline."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import count
from ..records import Row
from .pairs import Pair, Records, not_alike, place_of, short, subject_of
from .samples import changed_samples, gaps, miscounted
from .tolerance import Allowed, allowed
from .verdict import Finding, Verdict, gravest

QUESTION = "Reproduction"
_ROUNDING = 1e-9  # relative: a value from equal scores

Answer = tuple[Verdict, str]


def reproduction(
    found: Sequence[Pair], baseline: Records, candidate: Records, changed: Collection[str]
) -> list[Finding]:
    """A finding for each record of the baseline: the gravest of its rows, and of how many.

    Rows without a number in the baseline say nothing. ``changed`` are models that are meant to
    give other scores, as are those of another version: they need only be measured alike.
    """
    compare = _Scores(baseline, candidate)
    studies: dict[tuple[str, ...], list[tuple[Pair, Answer]]] = defaultdict(list)
    for pair in found:
        if pair.old.value is not None:
            study = subject_of(pair.place)[:3]
            studies[study].append((pair, _answer(pair, compare, pair.place.model in changed)))
    return [_finding(study, answers) for study, answers in sorted(studies.items())]


def _finding(study: tuple[str, ...], answers: Sequence[tuple[Pair, Answer]]) -> Finding:
    verdict = gravest(verdict for _, (verdict, _) in answers)
    rows = [(pair, why) for pair, (each, why) in answers if each is verdict]
    (why, times), *_ = Counter(why for _, why in rows).most_common(1)
    if times < len(answers) and why:
        first = next(pair for pair, each in rows if each == why)
        total = count(len(answers), "row")
        why = f"{len(rows)} of {total}, such as {subject_of(first.place)[3]}: {why}"
    return Finding(QUESTION, (*study, "every row"), verdict, why)


@dataclass(frozen=True)
class Distance:
    """The largest difference of one sample's score, in SDs of the baseline's scores."""

    largest: float
    sample: str


class _Scores:
    """Compares per-sample scores, once for all rows that share them."""

    def __init__(self, baseline: Records, candidate: Records) -> None:
        self.baseline, self.candidate = baseline, candidate
        self._known: dict[tuple[str, str], Distance | str] = {}
        self._changes: dict[tuple[object, ...], str] = {}

    @property
    def processors(self) -> tuple[str | None, str | None]:
        """Those that the two runs were made on."""
        return self.baseline.processor, self.candidate.processor

    def __call__(self, old: Row, new: Row) -> Distance | str:
        """How far the scores are apart, or why that cannot be said."""
        if old.scores is None or new.scores is None:
            which = "baseline" if old.scores is None else "candidate"
            return f"the row of the {which} names no per-sample scores"
        key = old.scores, new.scores
        if key not in self._known:
            self._known[key] = self._compare(old, new)
        return self._known[key]

    def changes(self, pair: Pair) -> str:
        """What is known to differ in the samples of rows of other images or labels."""
        old, new = pair.old, pair.new
        if new is None or (old.images_hash, old.labels_hash) == (new.images_hash, new.labels_hash):
            return ""
        key = old.scores, new.scores, old.n_expected, new.n_expected, place_of(old)[:5]
        if key not in self._changes:
            self._changes[key] = changed_samples(pair, self.baseline, self.candidate)
        return self._changes[key]

    def _compare(self, old: Row, new: Row) -> Distance | str:
        read: list[tuple[str, Callable[[], dict[str, float]]]] = [
            ("baseline", lambda: self.baseline.scores(old)),
            ("candidate", lambda: self.candidate.scores(new)),
        ]
        scores = []
        for which, load in read:
            try:
                scores.append(load())
            except FileNotFoundError:
                return f"the per-sample scores of the {which} are not beside its records"
            except ValueError as error:
                return f"{which}: {error}"
        return distance(*scores)


def distance(old: dict[str, float], new: dict[str, float]) -> Distance | str:
    """How far scores by id are apart (see ``gaps``), or which ids are not in both."""
    if old.keys() != new.keys():
        apart = sorted(old.keys() ^ new.keys())
        which = "baseline" if apart[0] in old else "candidate"
        return f"{count(len(apart), 'sample')} scored on one side alone: {which} has {apart[0]}"
    ids = sorted(old)
    between = gaps([old[name] for name in ids], [new[name] for name in ids])
    worst = int(np.argmax(between))
    return Distance(float(between[worst]), ids[worst])


def _answer(pair: Pair, compare: _Scores, meant: bool) -> Answer:
    old, new = pair.old, pair.new
    if why := not_alike(pair):
        return Verdict.NOT_COMPARABLE, "; ".join(filter(None, (why, compare.changes(pair))))
    assert new is not None
    if why := miscounted(pair, compare.baseline, compare.candidate):
        return Verdict.NOT_COMPARABLE, why
    if old.model_version != new.model_version:
        told = f"version {old.model_version} → {new.model_version}"
        return Verdict.CHANGED, f"{told}: its scores may be others"
    if meant:
        return Verdict.CHANGED, "declared to have changed"
    for name in ("weights", "options"):
        if (before := getattr(old, name)) != (after := getattr(new, name)):
            told = f"{name} {short(before)} → {short(after)} under one version of the model"
            return Verdict.DIFFERS, told
    return _same(old, new, compare, allowed(old, new, compare.processors))


def _same(old: Row, new: Row, compare: _Scores, limit: Allowed) -> Answer:
    """Whether the model's scores, and the number made of them, are what they were."""
    assert old.value is not None
    assert new.value is not None
    moved = abs(new.value - old.value)
    if old.scores is None and new.scores is None:
        if moved == 0:
            return Verdict.SAME, ""
        within = moved <= limit.most * max(1.0, abs(old.value))
        told = f"value {old.value:.6g} → {new.value:.6g}, without per-sample scores; {limit}"
        return (Verdict.WITHIN if within else Verdict.DIFFERS), told
    apart = compare(old, new)
    if isinstance(apart, str):
        return Verdict.NOT_COMPARABLE, apart
    if apart.largest > 0:
        told = (
            f"largest difference {apart.largest:.3g} SD of the scores, at {apart.sample}; {limit}"
        )
        return (Verdict.DIFFERS if apart.largest > limit.most else Verdict.WITHIN), told
    if moved > _ROUNDING * max(1.0, abs(old.value)):
        told = f"value {old.value:.6g} → {new.value:.6g} from the same scores"
        return Verdict.DIFFERS, f"{told}: what is made of them has changed"
    return Verdict.SAME, ""
