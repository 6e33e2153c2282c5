"""How far model A is above B on one dataset: from their scores, or as ``significance`` has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..canonical import slug
from ..collection.board import Subject, model_slug
from ..gating.pairs import Records
from ..gating.performance import CORRELATIONS, NO_PICTURES, Untestable, replicates
from ..protocols.base import word
from ..protocols.intervals import FEW_CONTENTS
from ..protocols.significance import SIGNIFICANCE
from ..records import Row

_FEW = f"contents, {FEW_CONTENTS} are needed"
_DEGENERATE = "fewer than half of the resamples have a value"


@dataclass(frozen=True)
class Effect:
    """A less B with its 95 % interval, on the ``n`` samples that both have scores of.

    ``a`` and ``b`` are what it is the difference of. ``p`` is two-sided, None where nothing is
    tested, for which ``untested`` says why; ``corrected`` says over what it is corrected already,
    "" where it is not. ``resolvable`` is the smallest difference that one test finds with 80 %
    power, None where that is not known.
    """

    a: float
    b: float
    value: float
    low: float | None
    high: float | None
    method: str
    n: int
    p: float | None
    untested: str = ""
    corrected: str = ""
    resolvable: float | None = None

    @property
    def excludes_0(self) -> bool:
        """Whether there is an interval, and 0 is not in it."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def from_scores(a: Row, b: Row, records: Records, n_tests: int) -> Effect:
    """The paired bootstrap of the rows' metric, with resamples for ``n_tests``.

    Correlations are those of the samples that both have scores of. Raises Untestable.
    """
    ours, theirs = _scores(records, a), _scores(records, b)
    if a.n_scored != len(ours) or b.n_scored != len(theirs):
        raise Untestable(NO_PICTURES)
    samples = records.samples(a)
    if samples is None:
        raise Untestable("contents and labels of the samples are not beside the records")
    ids = sorted(ours.keys() & theirs.keys())
    if a.metric in CORRELATIONS:
        a, b = (replace(row, n_scored=len(ids)) for row in (a, b))
    values = np.array([[each[name] for name in ids] for each in (ours, theirs)], np.float64)
    found = replicates(a, b, values, samples.reindex(ids), n_tests)
    value, interval = found.difference(0, 1)
    p, resolvable = (_finite(each(0, 1)) for each in (found.p_value, found.resolvable))
    untested = f"{found.n_contents} {_FEW}" if found.n_contents < FEW_CONTENTS else _DEGENERATE
    return Effect(
        a=float(found.values[0]),
        b=float(found.values[1]),
        value=value,
        low=interval.low,
        high=interval.high,
        method=interval.method,
        n=len(ids),
        p=p,
        untested=untested if p is None else "",
        resolvable=resolvable,
    )


def from_significance(a: Row, one: Subject, other: Subject, alone: bool) -> Effect | None:
    """What a run of both found about the row ``a`` of ``one`` and its counterpart, if there is one.

    ``alone``: whether no other variant has the name of ``other``, so that it goes by that, too.
    """
    protocols = {word(a.protocol), word(slug(a.protocol, json.loads(a.protocol_options)))}
    name = word(other.rows[0].model)  # in a run of one variant, any has it
    exact = word(model_slug(other.rows[0]))
    names = {exact, name} if alone else {exact} - {name}
    for of in sorted(protocols):
        for versus in sorted(names):
            rows = _compared(one, a, f"of={of} versus={versus}")
            gap, p = (rows.get(f"{a.metric}_{what}") for what in ("difference", "p_holm"))
            if gap is None or p is None or gap.value is None:
                continue
            own = _compared(one, a, f"of={of}").get(a.metric)
            value = a.value if own is None or own.value is None else own.value
            assert value is not None
            least = rows.get(f"resolvable_{a.metric}_difference")
            return Effect(
                a=value,
                b=value - gap.value,
                value=gap.value,
                low=gap.ci_low,
                high=gap.ci_high,
                method=gap.ci_method or "no interval",
                n=gap.n_scored,
                p=p.value,
                untested=(p.reason or _DEGENERATE) if p.value is None else "",
                corrected=p.reason or SIGNIFICANCE.name,
                resolvable=None if least is None else least.value,
            )
    return None


def _compared(subject: Subject, like: Row, subset: str) -> Mapping[str, Row]:
    """Rows of ``significance`` on ``subset`` by metric, of the images and labels of ``like``."""
    about = like.dataset, like.images_hash, like.labels_hash
    return {
        row.metric: row
        for row in subject.rows
        if row.protocol == SIGNIFICANCE.name
        and row.subset == subset
        and (row.dataset, row.images_hash, row.labels_hash) == about
    }


def _scores(records: Records, row: Row) -> dict[str, float]:
    if row.scores is None:
        raise Untestable("a row names no per-sample scores")
    try:
        return records.scores(row)
    except FileNotFoundError:
        raise Untestable("per-sample scores are not beside the records") from None


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
