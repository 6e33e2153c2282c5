"""Is the candidate as good as the baseline? Paired differences on the rows declared beforehand.

Contents are drawn, the same ones for both, and the statistic is that of the row's metric on the
per-sample scores: what is tested is what those scores say. Scores of heads on several splits
are their mean test predictions, whose SRCC is not quite the median that the row shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from ..errors import count
from ..protocols import metrics, resampling
from ..protocols.intervals import FEW_CONTENTS, RESAMPLES, draw_counts
from ..protocols.paired import ALPHA, Replicates, plcc_each, srcc_each
from ..records import Row
from .declared import better_end
from .pairs import Pair, Records, not_alike, subject_of
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
    effects, margins, findings = [], [], []
    unfit: Counter[str] = Counter()
    for pair, margin in declared:
        subject = subject_of(pair.place)
        try:
            effects.append((subject, paired(pair, baseline, candidate, len(declared))))
            margins.append(margin)
        except Untestable as why:
            if isinstance(why, Unfit) and not asked:
                unfit[f"{pair.place.metric} of {pair.place.protocol} ({why})"] += 1
            else:
                findings.append(Finding(QUESTION, subject, Verdict.NOT_COMPARABLE, str(why)))
    notes = [
        f"performance is not tested by {count(n, 'row')} of {what}" for what, n in unfit.items()
    ]
    return [*judge(QUESTION, effects, margins), *findings], notes


def paired(pair: Pair, baseline: Records, candidate: Records, n_tests: int) -> Effect:
    """Candidate less baseline, with enough resamples for ``n_tests``. Raises Untestable."""
    end = better_end(pair.place.protocol, pair.place.metric)
    if end == 0:
        raise Unfit(NO_END)
    if why := not_alike(pair):
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
        p_value(found),
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

    draws = [each(scores, labels, groups, counts) for counts in _counts(len(names), old, n_tests)]
    return Replicates(values, np.hstack(draws), len(names), old.seed)


def p_value(found: Replicates) -> float:
    """Two-sided p of "no difference"; below FEW_CONTENTS that of the jackknife's t interval."""
    if found.n_contents >= FEW_CONTENTS:
        return found.p_value(1, 0)
    gaps = found.draws[1] - found.draws[0]
    gaps = gaps[np.isfinite(gaps)]
    n = len(gaps)
    error = float(np.sqrt((n - 1) / n * np.sum((gaps - gaps.mean()) ** 2))) if n > 1 else 0.0
    if not error:
        return float("nan")
    return float(2 * stats.t.sf(abs(found.values[1] - found.values[0]) / error, n - 1))


def _counts(n_contents: int, row: Row, n_tests: int) -> list[np.ndarray]:
    """How often each content is drawn: as many resamples as Holm's p-values need."""
    if n_contents < FEW_CONTENTS:
        return [1 - np.eye(n_contents, dtype=np.uint16)]
    parts = max(1, -(-int(4 / ALPHA) * n_tests // RESAMPLES))
    return [draw_counts(n_contents, row.seed + part) for part in range(parts)]


def _read(records: Records, row: Row) -> dict[str, float]:
    if row.scores is None:
        raise Untestable("the row names no per-sample scores")
    try:
        return records.scores(row)
    except FileNotFoundError:
        raise Untestable(f"per-sample scores are not beside the records {records.folder}") from None
    except ValueError as error:
        raise Untestable(str(error)) from error
