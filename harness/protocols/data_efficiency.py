"""``data-efficiency``: how well does a model that was fitted on few labels predict the others?

In each of ten repeats the contents are put in a random order: the last 20 % are the fixed test
part, and a fraction of the data is the head of the order, so that smaller fractions are nested
in larger ones. Two settings of SHDIQA's supplement: the fixed test part (a curve from 1 % to
80 %, with the 20 / 40 / 60 % of its Table 1), and all that is not in the fraction (5 / 10 / 25 %,
its Table 2; subset "fraction=5% test=rest").

A model that can be fitted is fitted on each fraction of each repeat, an eighth of whose contents
are its validation part, with a seed for each repeat: see ``fraction_fits``. Of any other a ridge
head on its features is; the labels that choose its alpha are in the fraction too: see
``fraction_heads``. A row's interval is that of the mean over all ways to draw the contents from
this dataset (and the seed of a fit); what another dataset would add is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..sample import Dataset
from . import metrics
from .agreement import join
from .base import Inputs, Measure, Need, Protocol, Skip
from .folds import predict_each
from .fraction_fits import fits_of, fitted_runs
from .fraction_heads import fraction_heads
from .fractions import TEST_ON_REST, TEST_PART, Run, labeled, nested_fractions
from .heads import ALPHAS
from .intervals import Interval, few_contents, repeats_interval
from .outcomes import Usable, finite, usable
from .ridge import SharedRidge
from .rows import vary

CURVE = (0.01, 0.02, 0.03, 0.05, 0.07, 0.10, 0.15, 0.20, 0.25, 0.40, 0.60, 0.80)
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
        version="3",
        summary="a fit, or ridge on frozen features, on 1 % to 80 % of the labels: a curve",
        headline="srcc",
        needs=partial(_needs, shares=shares, repeats=repeats),
        evaluate=partial(_evaluate, shares=shares, repeats=repeats),
    )


def _needs(
    operations: frozenset[str],
    dataset: Dataset,
    seed: int,
    shares: tuple[float, ...],
    repeats: int,
) -> tuple[Need, ...] | Skip:
    if dataset.label_kind == "none":
        return Skip("the dataset has no labels")
    if "fit" not in operations:
        return (Need("features"),) if "features" in operations else Skip("gives no features")
    needs = tuple(need for _, need in fits_of(dataset, shares, repeats, seed))
    return needs or Skip("no fraction has 2 contents")


@dataclass(frozen=True)
class _Study:
    """What all rows share; the contents are those of the dataset, not of what a model can use."""

    found: Usable
    n_contents: int
    unit: str
    repeats: int
    how: str  # what was fitted, where that is not a head

    def row(
        self,
        name: str,
        value: float | None,
        share: float,
        rest: bool,
        why: str | None,
        scores: dict[str, float] | None = None,
        interval: Interval | None = None,
    ) -> Measure:
        found, scores, interval = self.found, scores or {}, interval or Interval(None, None, "")
        n_scored = len(scores) or len(found.samples)
        untested = len(found.samples) - n_scored
        never = f"{untested} in no test part" if untested else None
        where = "all other images" if rest else f"fixed {100 * TEST_PART:g}% test part"
        return Measure(
            name, value, found.n_expected, n_scored, found.n_failed,
            subset=f"fraction={100 * share:g}%" + (" test=rest" if rest else ""),
            split=f"mean of {self.repeats} repeats, {where}, unit: {self.unit} ({self.n_contents})"
            f"{self.how}",
            ci_low=interval.low, ci_high=interval.high, ci_method=interval.method or None,
            reason=join(why, found.remark, never), marks=few_contents(self.n_contents),
            scores=scores or None,
        )  # fmt: skip


def _evaluate(inputs: Inputs, shares: tuple[float, ...], repeats: int) -> list[Measure]:
    contents = [s.content for s in labeled(inputs.dataset)]
    n_contents = len(set(contents))
    unit = "images" if n_contents == len(contents) else "contents"
    fitted = Need("features") not in inputs.outputs
    if fitted:
        found, runs = fitted_runs(inputs, shares, repeats)
    else:
        output = finite(inputs.outputs[Need("features")], "features are")
        found = usable(inputs.dataset.samples, output)
    held_out = "an eighth of a fraction's contents, at least one, for validation"
    how = f", fine-tuned, {held_out}" if fitted else ""
    study = _Study(found, n_contents, unit, repeats, how)
    if not fitted:
        if not len(found.samples) or not vary(found.values):
            why = "features do not vary" if len(found.samples) else "no labeled sample has features"
            return [study.row(name, None, x, False, why) for x in shares for name in _METRICS]
        runs = _heads(inputs, found, shares, repeats)
    rows = []
    for rest, wanted in ((False, shares), (True, [s for s in shares if s in TEST_ON_REST])):
        for share in wanted:
            rows += _rows(study, share, rest, [run for run in runs if share in run.shares])
    return rows


def _heads(inputs: Inputs, found: Usable, shares: tuple[float, ...], repeats: int) -> list[Run]:
    samples = labeled(inputs.dataset)
    row = {s.id: i for i, s in enumerate(found.samples)}
    there = np.array([row.get(s.id, -1) for s in samples])
    contents = [s.content for s in samples]
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
    n = len(found.samples)
    return [
        Run(fraction.shares, scores, fraction.fixed, fraction.rest(n))
        for (fraction, _), scores in zip(fits, predicted, strict=True)
    ]


def _rows(study: _Study, share: float, rest: bool, runs: list[Run]) -> list[Measure]:
    """Mean and standard deviation over the repeats."""
    if not runs:
        few = "fewer than 2 contents"
        return [study.row(name, None, share, rest, few) for name in _METRICS]
    found = study.found
    sums, counts = np.zeros(len(found.samples)), np.zeros(len(found.samples))
    values: dict[str, list[float]] = {name: [] for name in _METRICS}
    lacking, lost = study.repeats - len(runs), [run.lost for run in runs if run.lost]
    why = join(
        f"in {len(runs)} of {study.repeats} repeats: too few contents" if lacking else None,
        f"{len(lost)} of {len(runs)} fits without a score: first {lost[0]}" if lost else None,
    )
    for run in runs:
        test = run.rest if rest else run.fixed
        sums[test] += run.scores[test]
        counts[test] += 1
        estimates, _ = metrics.agreement(run.scores[test], found.labels[test], _METRICS)
        for name, estimate in estimates.items():
            if estimate.value is not None:
                values[name].append(estimate.value)
            why = why or estimate.reason
    ids = [sample.id for sample in found.samples]
    mean = {ids[i]: float(sums[i] / counts[i]) for i in np.flatnonzero(counts)}
    rows = []
    for name, each in values.items():
        spread = float(np.std(each, ddof=1)) if len(each) > 1 else None
        alone = "one repeat" if len(each) == 1 else None
        middle = float(np.mean(each)) if each else None
        interval = repeats_interval(each, metrics.RANGES[name])
        rows += [
            study.row(name, middle, share, rest, why, mean, interval),
            study.row(f"{name}_split_sd", spread, share, rest, join(why, alone), mean),
        ]
    return rows


DATA_EFFICIENCY = data_efficiency()
