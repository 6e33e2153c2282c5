"""``data-efficiency``: how well does a head fitted on few labels predict the others?

In each of ten repeats the contents are put in a random order: the last 20 % are the fixed test
part, and a fraction of the data is the head of the order, so that smaller fractions are nested
in larger ones. Two settings of SHDIQA's supplement: the fixed test part (a curve from 1 % to
80 %, with the 20 / 40 / 60 % of its Table 1), and all that is not in the fraction (5 / 10 / 25 %,
its Table 2; subset "fraction=5% test=rest").

The labels that choose alpha are in the fraction too: see ``fraction_heads``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..sample import Dataset
from . import metrics
from .agreement import join
from .base import Inputs, Measure, Need, Protocol, Skip
from .folds import predict_each
from .fraction_heads import fraction_heads
from .fractions import TEST_PART, Fraction, nested_fractions
from .heads import ALPHAS
from .intervals import few_contents
from .outcomes import Usable, finite, usable
from .ridge import SharedRidge
from .rows import vary

CURVE = (0.01, 0.02, 0.03, 0.05, 0.07, 0.10, 0.15, 0.20, 0.25, 0.40, 0.60, 0.80)
TEST_ON_REST = (0.05, 0.10, 0.25)
_METRICS = ("srcc", "plcc")


def data_efficiency(fractions: Sequence[float] | float = CURVE, repeats: int = 10) -> Protocol:
    """The protocol for shares of the contents in (0, 0.8]; ValueError for others."""
    given = fractions if isinstance(fractions, Sequence) else [fractions]
    if isinstance(given, str) or not all(isinstance(share, int | float) for share in given):
        raise ValueError(f"fractions are numbers, as [0.05, 0.25], not {fractions!r}")
    shares = tuple(sorted({float(share) for share in given}))
    if not shares or min(shares) <= 0 or max(shares) > 1 - TEST_PART:
        raise ValueError(f"fractions lie above 0 and at most at {1 - TEST_PART:g}")
    if not isinstance(repeats, int) or isinstance(repeats, bool) or repeats < 1:
        raise ValueError(f"repeats is a whole number from 1 on, not {repeats!r}")
    return Protocol(
        name="data-efficiency",
        version="1",
        summary="ridge on frozen features, fitted on 1 % to 80 % of the labels: a curve",
        headline="srcc",
        needs=_needs,
        evaluate=lambda inputs: _evaluate(inputs, shares, repeats),
    )


def _needs(operations: frozenset[str], dataset: Dataset) -> tuple[Need, ...] | Skip:
    if dataset.label_kind == "none":
        return Skip("the dataset has no labels")
    return (Need("features"),) if "features" in operations else Skip("gives no features")


@dataclass(frozen=True)
class _Study:
    """What all rows share; the contents are those of the dataset, not of what a model can use."""

    found: Usable
    n_contents: int
    unit: str
    repeats: int

    def row(
        self,
        name: str,
        value: float | None,
        share: float,
        rest: bool,
        why: str | None,
        scores: dict[str, float] | None = None,
    ) -> Measure:
        found, scores = self.found, scores or {}
        n_scored = len(scores) if value is not None else len(found.samples)
        untested = len(found.samples) - n_scored
        never = f"{untested} in no test part" if untested else None
        where = "all other images" if rest else f"fixed {100 * TEST_PART:g}% test part"
        return Measure(
            name, value, found.n_expected, n_scored, found.n_failed,
            subset=f"fraction={100 * share:g}%" + (" test=rest" if rest else ""),
            split=f"mean of {self.repeats} repeats, {where}, unit: {self.unit} ({self.n_contents})",
            reason=join(why, found.remark, never), marks=few_contents(self.n_contents),
            scores=scores or None,
        )  # fmt: skip


def _evaluate(inputs: Inputs, shares: tuple[float, ...], repeats: int) -> list[Measure]:
    output = finite(inputs.outputs[Need("features")], "features are")
    found = usable(inputs.dataset.samples, output)
    # The order is that of all labeled contents, so that every model is fitted on the same.
    labeled = sorted((s for s in inputs.dataset.samples if s.label is not None), key=lambda s: s.id)
    row = {s.id: i for i, s in enumerate(found.samples)}
    there = np.array([row.get(s.id, -1) for s in labeled])
    contents = [s.content for s in labeled]
    n_contents = len(set(contents))
    unit = "images" if n_contents == len(labeled) else "contents"
    study = _Study(found, n_contents, unit, repeats)
    if not len(found.samples) or not vary(found.values):
        why = "features do not vary" if len(found.samples) else "no labeled sample has features"
        return [study.row(name, None, share, False, why) for share in shares for name in _METRICS]
    ridge = SharedRidge(found.values, found.labels, ALPHAS)
    chain = {*shares, *(share for share in CURVE if share < max(shares))}
    fits = [
        fit
        for repeat in range(repeats)
        for fit in fraction_heads(
            found,
            ridge,
            [f.present(there) for f in nested_fractions(contents, [*chain], repeat, inputs.seed)],
        )
    ]
    predicted = predict_each(found.values, [head for _, head in fits])
    rows = []
    for rest, wanted in ((False, shares), (True, [s for s in shares if s in TEST_ON_REST])):
        for share in wanted:
            runs = [
                (scores, _rest(f, len(found.samples)) if rest else f.fixed)
                for (f, _), scores in zip(fits, predicted, strict=True)
                if share in f.shares
            ]
            rows += _rows(study, share, rest, runs)
    return rows


def _rest(fraction: Fraction, n: int) -> np.ndarray:
    return np.setdiff1d(np.arange(n), fraction.train)


def _rows(
    study: _Study, share: float, rest: bool, runs: list[tuple[np.ndarray, np.ndarray]]
) -> list[Measure]:
    """Mean and standard deviation over the repeats; ``runs`` are (scores [n], test rows)."""
    if not runs:
        few = "fewer than 2 contents"
        return [study.row(name, None, share, rest, few) for name in _METRICS]
    found = study.found
    sums, counts = np.zeros(len(found.samples)), np.zeros(len(found.samples))
    values: dict[str, list[float]] = {name: [] for name in _METRICS}
    lacking = study.repeats - len(runs)
    why = f"in {len(runs)} of {study.repeats} repeats: too few contents" if lacking else None
    for scores, test in runs:
        sums[test] += scores[test]
        counts[test] += 1
        estimates, _ = metrics.agreement(scores[test], found.labels[test], _METRICS)
        for name, estimate in estimates.items():
            if estimate.value is not None:
                values[name].append(estimate.value)
            why = why or estimate.reason
    ids = [sample.id for sample in found.samples]
    mean = {ids[i]: float(sums[i] / counts[i]) for i in np.flatnonzero(counts)}
    measured = []
    for name, each in values.items():
        spread = float(np.std(each, ddof=1)) if len(each) > 1 else None
        middle = float(np.mean(each)) if each else None
        measured += [(name, middle), (f"{name}_split_sd", spread)]
    return [study.row(name, value, share, rest, why, mean) for name, value in measured]


DATA_EFFICIENCY = data_efficiency()
