"""``fine-tune``: how well does a model predict the labels that was itself fitted on a part of them?

The splits and rows are those of ``linear-probe``, but the whole model learns: it is fitted on the
training part, may choose (an epoch, a learning rate) by the validation part, and is asked about
the test part. Where a split has no validation part, an eighth of its training contents is one.
The seed of each fit is drawn from the run's and the number of the split, so that first weights and
draws vary over splits, too.

Random splits of fewer than 20 contents are too coarse, and one fit for each content would be too
dear: the contents are dealt into five folds then, each is predicted by a model fitted on the others
(an eighth of them for validation), and the predictions are pooled; as models of several folds
are ranked together, what says nothing comes out somewhat below 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..randomness import seed_of
from ..sample import Dataset
from . import metrics
from .agreement import agreement_rows, join
from .base import Fit, Inputs, Measure, Need, Protocol, Skip
from .folds import FOLDS
from .intervals import FEW_CONTENTS
from .linear_probe import all_and_types
from .outcomes import finite, of_fits, usable
from .split_plan import SplitPlan
from .split_rows import mean_scores, split_rows
from .splits import Split, hold_out, shared_contents, shuffled

_HELD_OUT = "an eighth of the training contents, at least one, for validation"


def fine_tune(splits: str = "70/10/20", n_splits: int = 10) -> Protocol:
    """The protocol with the options of ``linear_probe``."""
    plan = SplitPlan(splits, n_splits)

    def needs(operations: frozenset[str], dataset: Dataset, seed: int) -> tuple[Need, ...] | Skip:
        if why := plan.refuses(dataset):
            return Skip(why)
        if "fit" not in operations:
            return Skip("cannot be fitted")
        if (n := len(set(_contents(dataset).values()))) < 3:
            return Skip(f"at least 3 contents are needed, {n} with labels are here")
        return tuple(need for _, need in _design(dataset, plan, seed).asked)

    return Protocol(
        name="fine-tune",
        version="3",
        summary="the model itself fitted on the training part of content-disjoint splits",
        headline="srcc",
        needs=needs,
        evaluate=partial(_evaluate, plan=plan),
        options=plan.options,
    )


@dataclass(frozen=True)
class _Design:
    """The splits, what each asks for, how rows call them, and whether predictions are pooled."""

    splits: tuple[Split, ...]
    seed: int
    label: str
    pooled: bool

    @property
    def asked(self) -> list[tuple[Split, Need]]:
        return [
            (s, Need("score", fit=Fit(s.train, s.validation, s.test, seed_of(self.seed, i))))
            for i, s in enumerate(self.splits)
        ]


def _design(dataset: Dataset, plan: SplitPlan, seed: int) -> _Design:
    contents = _contents(dataset)
    few = plan.random and len(set(contents.values())) < FEW_CONTENTS
    splits = _folds(contents, seed) if few else plan.of(dataset, seed)
    whole = tuple(
        split
        if split.validation
        else Split(split.name, *hold_out(split.train, contents, seed, i), split.test)
        for i, split in enumerate(splits)
    )
    folds = f"{len(splits)} folds of contents, predictions pooled"
    label = folds if few else plan.label(len(splits))
    label = label if whole == splits else f"{label}, {_HELD_OUT}"
    return _Design(whole, seed, label, few or len(splits) == 1)


def _contents(dataset: Dataset) -> dict[str, str]:
    return {s.id: s.content for s in dataset.samples if s.label is not None}


def _folds(contents: dict[str, str], seed: int) -> tuple[Split, ...]:
    """Splits without a validation part, which together test each content once."""
    names = shuffled(set(contents.values()), seed)
    n = min(FOLDS, len(names))
    fold = {name: i % n for i, name in enumerate(names)}
    ids = sorted(contents)
    return tuple(
        Split(
            f"fold {k + 1}",
            tuple(i for i in ids if fold[contents[i]] != k),
            (),
            tuple(i for i in ids if fold[contents[i]] == k),
        )
        for k in range(n)
    )


def _evaluate(inputs: Inputs, plan: SplitPlan) -> list[Measure]:
    dataset, seed = inputs.dataset, inputs.seed
    design = _design(dataset, plan, seed)
    outputs, tested = [], []
    for split, need in design.asked:
        outputs.append(finite(inputs.outputs[need], "score is"))
        asked = set(split.test)
        values = zip(outputs[-1].ids, outputs[-1].values.tolist(), strict=True)
        tested.append({name: value for name, value in values if name in asked})
    scores = mean_scores(tested)
    known, remark = of_fits(dataset, outputs)
    samples = dataset.samples
    marks: tuple[str, ...] = ()
    if len(design.splits) == 1:
        asked = set(design.splits[0].test)
        samples = tuple(s for s in samples if s.id in asked)
    contents = _contents(dataset)
    if shared := {name for s in design.splits for name in shared_contents(s, contents)}:
        marks = ("shared contents",)
        remark = join(f"{len(shared)} contents are in training and in test", remark)
    if not scores:
        found = usable(samples, known)
        return [
            Measure(
                name, None, found.n_expected, 0, found.n_failed, split=design.label,
                reason=join(remark, found.remark),
            )
            for name in metrics.METRICS
        ]  # fmt: skip
    rows_of: Callable[..., Any] = partial(split_rows, tested=tested, note="fits held fixed")
    if design.pooled:
        rows_of = partial(agreement_rows, note="predictions held fixed")
    rows_of = partial(rows_of, scores=scores, seed=seed, split=design.label, remark=remark)
    rows = all_and_types(samples, known, rows_of)
    return [replace(row, marks=(*row.marks, *marks)) for row in rows]


FINE_TUNE = fine_tune()
