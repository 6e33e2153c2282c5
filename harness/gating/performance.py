"""Is the candidate as good as the baseline? Paired differences on the rows declared beforehand.

Contents are drawn, the same ones for both, and the statistic is that of the row's metric on the
per-sample scores: what is tested is what those scores say. Scores of heads on several splits
are their mean test predictions, whose SRCC is not quite the median that the row shows: such a row
is called "pooled".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ..errors import count
from ..protocols import metrics, resampling
from ..protocols.paired import Replicates, plcc_each, srcc_each
from ..records import Row
from ..reports.layout import number
from .declared import better_end
from .pairs import Pair, Records, not_alike, subject_of
from .resamples import p_value, resamples
from .samples import miscounted
from .verdict import Effect, Finding, Verdict, judge

QUESTION = "Performance"
NO_PICTURES = "a number of pairs or parts; only numbers of single pictures are tested"
NO_END = "no end of it is known to be the better one"
_EQUAL = 1e-9

# Scores [M, n], labels [n], groups [n], counts [B, C] → replicates [M, B].
Each = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def krcc_each(
    scores: np.ndarray, labels: np.ndarray, groups: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Kendall's correlation of each model in each resample, ``float64 [M, B]``."""
    return np.stack([resampling.krcc(x, labels, groups, counts) for x in scores])


CORRELATIONS: dict[str, tuple[Callable[..., metrics.Estimate], Each]] = {
    "srcc": (metrics.srcc, srcc_each),
    "plcc": (metrics.plcc, plcc_each),
    "krcc": (metrics.krcc, krcc_each),
}


class Untestable(ValueError):
    """No paired difference can be had of two rows; the message says why."""


class Unfit(Untestable):
    """None can be had of this kind of row, whatever the candidate gives."""


def performance(
    declared: Sequence[tuple[Pair, float]], baseline: Records, candidate: Records, asked: bool
) -> tuple[list[Finding], list[str]]:
    """A finding for each declared pair with its margin: Holm's correction is over all of them.

    Rows of an unfit kind are not comparable where somebody ``asked`` for them; else the second
    list says of them that they are not tested.
    """
    effects, margins, pooled, findings = [], [], [], []
    unfit: Counter[str] = Counter()
    for pair, margin in declared:
        subject = subject_of(pair.place)
        try:
            effect = paired(pair, baseline, candidate, len(declared))
            name, told = _pooled(pair, effect)
            effects.append(((*subject[:3], subject[3] + name), effect))
            margins.append(margin)
            pooled.append(told)
        except Untestable as why:
            if isinstance(why, Unfit) and not asked:
                unfit[f"{pair.place.metric} of {pair.place.protocol} ({why})"] += 1
            else:
                findings.append(Finding(QUESTION, subject, Verdict.NOT_COMPARABLE, str(why)))
    notes = [
        f"performance is not tested by {count(n, 'row')} of {what}" for what, n in unfit.items()
    ]
    judged = [
        replace(each, why="; ".join(filter(None, (each.why, told))))
        for each, told in zip(judge(QUESTION, effects, margins), pooled, strict=True)
    ]
    return [*judged, *findings], notes


def _pooled(pair: Pair, effect: Effect) -> tuple[str, str]:
    """What to call a row, and to say of it, whose number is not that of the scores it names.

    As the median over splits is not the number of the predictions of all of them.
    """
    assert pair.new is not None
    said = [float("nan") if row.value is None else row.value for row in (pair.old, pair.new)]
    if np.allclose(said, (effect.before, effect.after), rtol=_EQUAL, atol=_EQUAL):
        return "", ""
    told = f"the records say {number(said[0])} → {number(said[1])}"
    if pair.place.split == "all":
        return ", of the scores", f"tested is what the per-sample scores give; {told}"
    return ", pooled", f"tested are pooled predictions; {told}"


def paired(pair: Pair, baseline: Records, candidate: Records, n_tests: int) -> Effect:
    """Candidate less baseline, with enough resamples for ``n_tests``. Raises Untestable."""
    end = better_end(pair.place.protocol, pair.place.metric)
    if end == 0:
        raise Unfit(NO_END)
    if why := not_alike(pair) or miscounted(pair, baseline, candidate):
        raise Untestable(why)
    assert pair.new is not None
    try:
        samples = candidate.samples(pair.new)
        if samples is None:
            samples = baseline.samples(pair.old)
    except ValueError as error:
        raise Untestable(str(error)) from error
    if samples is None:
        kind = Untestable if pair.place.metric in CORRELATIONS else Unfit
        raise kind("neither folder keeps the contents and labels of its samples")
    old, new = _read(baseline, pair.old), _read(candidate, pair.new)
    if old.keys() != new.keys():
        raise Untestable("the scores are not of the same samples")
    ids = sorted(old)
    scores = np.array([[each[i] for i in ids] for each in (old, new)], np.float64)
    found = replicates(pair.old, pair.new, scores, samples.reindex(ids), n_tests)
    value, interval = found.difference(1, 0)
    return Effect(
        float(found.values[0]),
        float(found.values[1]),
        value,
        interval.low,
        interval.high,
        interval.method,
        # Equal scores leave nothing to test, which is known without any p.
        float("nan") if np.array_equal(scores[0], scores[1], equal_nan=True) else p_value(found),
        end,
    )


def replicates(
    old: Row, new: Row, scores: np.ndarray, samples: pd.DataFrame, n_tests: int
) -> Replicates:
    """The statistic of the rows' metric on ``scores [2, n]`` of ``samples``, and in resamples.

    Metrics are correlations with the labels, or whatever is a mean over contents of what the
    scores hold: that is checked against the values of the rows.
    """
    if old.n_scored != scores.shape[1]:
        raise Unfit(NO_PICTURES)
    names, groups = np.unique(samples["content"].to_numpy(str), return_inverse=True)
    labels = samples["label"].to_numpy(np.float64)
    each: Each
    if old.metric in CORRELATIONS:
        measure, each = CORRELATIONS[old.metric]
        estimates = [measure(x, labels) for x in scores]
        if why := next((e.reason for e in estimates if e.value is None), None):
            raise Untestable(why)
        values = np.array([e.value for e in estimates], np.float64)
    else:
        by_content = np.stack([np.bincount(groups, x) / np.bincount(groups) for x in scores])
        values = by_content.mean(axis=1)
        why = f"{old.metric} cannot be had from per-sample scores"
        for value, row, problem in zip(values, (old, new), (Unfit, Untestable), strict=True):
            shown = np.nan if row.value is None else row.value
            if not np.isclose(value, shown, rtol=_EQUAL, atol=_EQUAL):
                raise problem(why)

        def each(_x: object, _y: object, _g: object, counts: np.ndarray) -> np.ndarray:
            return by_content @ counts.T / counts.sum(axis=1)

    parts = resamples(len(names), old.seed, n_tests)
    draws = [each(scores, labels, groups, counts) for counts in parts]
    return Replicates(values, np.hstack(draws), len(names), old.seed)


def _read(records: Records, row: Row) -> dict[str, float]:
    if row.scores is None:
        raise Untestable("the row names no per-sample scores")
    try:
        return records.scores(row)
    except FileNotFoundError:
        raise Untestable(f"per-sample scores are not beside the records {records.folder}") from None
    except ValueError as error:
        raise Untestable(str(error)) from error
