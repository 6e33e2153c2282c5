"""Rows of models that are compared with each other: differences, ranks, what can be resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np

from ..sample import Sample
from .agreement import join
from .base import Entrant, Measure, word
from .intervals import FEW_CONTENTS, few_contents
from .paired import ALPHA, DETECTABLE, Replicates, replicates
from .rank_intervals import holm, rank_intervals

_RESOLVABLE = f"{DETECTABLE:.2f} bootstrap SDs of the paired difference: one test, 80 % power"
_DEGENERATE = "fewer than half of the resamples have a value"

Row = Callable[..., Measure]  # a Measure but for its metric and value


@dataclass(frozen=True)
class Common:
    """Entrants of one protocol, two or more or none, and what all of them have scores of."""

    entrants: tuple[Entrant, ...]
    samples: tuple[Sample, ...]  # labeled
    n_expected: int
    known: frozenset[str]  # labeled samples that at least one entrant has a score of


def rank_rows(common: Common, seed: int) -> dict[str, list[Measure]]:
    """The rows of each of ``common.entrants`` by label; ``significance`` says what they are."""
    ids = [s.id for s in common.samples]
    scores = np.array([[e.scores[name] for name in ids] for e in common.entrants], np.float64)
    labels = np.array([s.label for s in common.samples], np.float64)
    contents = np.array([s.content for s in common.samples])
    found = replicates(scores, labels, contents, seed)
    p = {metric: _p_holm(each) for metric, each in found.items()}
    rows = {e.label: list(_differences(common, i, found, p)) for i, e in enumerate(common.entrants)}
    for label, own in _standing(common, found["srcc"], p["srcc"]):
        rows[label] += own
    return rows


def _p_holm(found: Replicates) -> np.ndarray:
    """Corrected p of all pairs, symmetric ``[M, M]``; NaN on the diagonal and without a test."""
    pairs = list(combinations(range(len(found.values)), 2))
    raw = np.array([found.p_value(i, j) for i, j in pairs])
    tested = np.isfinite(raw)
    raw[tested] = holm(raw[tested])
    p = np.full((len(found.values),) * 2, np.nan)
    for (i, j), value in zip(pairs, raw, strict=True):
        p[i, j] = p[j, i] = value
    return p


def _standing(
    common: Common, srcc: Replicates, p: np.ndarray
) -> Iterator[tuple[str, list[Measure]]]:
    """Each model's label with its SRCC, rank interval, and whether it may be the best."""
    ranks = rank_intervals(srcc.values, p <= ALPHA)
    each = [srcc.resolvable(i, j) for i, j in combinations(range(len(srcc.values)), 2)]
    known = [difference for difference in each if np.isfinite(difference)]
    resolvable = float(np.median(known)) if known else float("nan")
    remark = join(_partial(common), _untested(srcc))
    for i, entrant in enumerate(common.entrants):
        row = _row(common, i, srcc)
        value, interval = float(srcc.values[i]), srcc.interval(i)
        other = entrant.value is not None and abs(entrant.value - value) > 1e-9
        own = f"{entrant.protocol} itself gave {entrant.value:.4f}" if other else None
        scores = {s.id: entrant.scores[s.id] for s in common.samples}
        yield entrant.label, [
            row(
                "srcc", value, ci_low=interval.low, ci_high=interval.high,
                ci_method=interval.method, scores=scores, reason=join(own, _partial(common)),
            ),
            row("rank_low", float(ranks.low[i]), reason=remark),
            row("rank_high", float(ranks.high[i]), reason=remark),
            row("top_group", float(ranks.top[i]), reason=remark),
            _resolvable(row, resolvable, srcc, "median over all pairs"),
        ]  # fmt: skip


def _differences(
    common: Common, i: int, found: dict[str, Replicates], p: dict[str, np.ndarray]
) -> Iterator[Measure]:
    """Model ``i`` against each other model."""
    for j, other in enumerate(common.entrants):
        if j == i:
            continue
        row = _row(common, i, found["srcc"], f" versus={word(other.label)}")
        for metric, each in found.items():
            value, interval = each.difference(i, j)
            yield row(
                f"{metric}_difference", value, ci_low=interval.low, ci_high=interval.high,
                ci_method=interval.method, reason=_partial(common),
            )  # fmt: skip
            yield _p_row(row, metric, float(p[metric][i, j]), each, np.isfinite(p[metric]).sum())
        yield _resolvable(row, found["srcc"].resolvable(i, j), found["srcc"])


def _row(common: Common, i: int, found: Replicates, versus: str = "") -> Row:
    entrant = common.entrants[i]
    return partial(
        Measure,
        n_expected=common.n_expected,
        n_scored=len(common.samples),
        n_failed=len(common.known - entrant.scores.keys()),
        subset=f"of={word(entrant.protocol)}{versus}",
        marks=few_contents(found.n_contents),
    )


def _p_row(row: Row, metric: str, p: float, found: Replicates, n_finite: int) -> Measure:
    if not np.isfinite(p):
        return row(f"{metric}_p_holm", None, reason=_untested(found) or _DEGENERATE)
    how = (
        f"paired bootstrap over {found.n_contents} contents, B={found.draws.shape[1]}, "
        f"seed {found.seed}; Holm over {n_finite // 2} pairs"
    )
    return row(f"{metric}_p_holm", p, reason=how)


def _resolvable(row: Row, value: float, found: Replicates, note: str | None = None) -> Measure:
    known = bool(np.isfinite(value))
    reason = join(note, _RESOLVABLE) if known else _untested(found) or _DEGENERATE
    return row("resolvable_srcc_difference", value if known else None, reason=reason)


def _untested(found: Replicates) -> str | None:
    """Why nothing is tested, or None where the contents suffice."""
    if found.n_contents < FEW_CONTENTS:
        return f"below {FEW_CONTENTS} contents nothing is called significant"
    return None


def _partial(common: Common) -> str | None:
    """Which samples are compared, where some have scores of others."""
    n, most = len(common.samples), len(common.known)
    return f"on the {n} of {most} samples that all models have scores of" if n < most else None
