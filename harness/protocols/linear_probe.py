"""``linear-probe``: how well does a ridge head on frozen features predict the labels?

Of several content-disjoint splits the median over their test parts is reported, of a single one
the value on its test part. Where there is a validation part, alpha has the best SRCC on it;
where there is none (80/20), on out-of-fold predictions of the training part, folds being of
contents. The head is fitted on the training part alone.

Random splits of fewer than 20 contents are too coarse: one content is left out at a time then,
with alpha by an inner leave-one-content-out, and the out-of-fold predictions are pooled; as
the mean of the labels left differs from fold to fold, features that say nothing then come out
somewhat below 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from ..sample import Dataset, Sample
from ..store import Output
from . import metrics
from .agreement import agreement_rows, join
from .base import Inputs, Measure, Need, Protocol, word
from .folds import out_of_fold
from .heads import Head, Heads, best_alpha, edge_remark
from .intervals import FEW_CONTENTS, few_contents
from .outcomes import Usable, finite, usable
from .rows import Rows, vary
from .split_plan import SplitPlan
from .split_rows import mean_scores, split_rows
from .splits import Split, shared_contents

_OUT = "leave-one-content-out"

Fitted = tuple[list[Head], list[dict[str, float]]]  # each split's head, its test scores by id


def linear_probe(splits: str = "70/10/20", n_splits: int = 10) -> Protocol:
    """The protocol on ``splits``: "70/10/20", "80/20" (``n_splits`` random ones), "official", or
    a folder of split files. Raises ValueError for options that say nothing."""
    plan = SplitPlan(splits, n_splits)

    def evaluate(inputs: Inputs) -> list[Measure]:
        output = finite(inputs.outputs[Need("features")], "features are")
        return probe(inputs.dataset, output, plan, inputs.seed)

    return Protocol(
        name="linear-probe",
        version="3",
        summary="ridge on frozen features, content-disjoint splits, leave-one-content-out below 20",
        headline="srcc",
        needs=plan.needs,
        evaluate=evaluate,
        options=plan.options,
    )


def probe(dataset: Dataset, output: Output, plan: SplitPlan, seed: int) -> list[Measure]:
    """The rows of heads on ``output``: finite features ``[N, V, D]`` of samples by id."""
    found = usable(dataset.samples, output)
    # Of the dataset, not of what this model could use: all models share the splits.
    contents = {s.id: s.content for s in dataset.samples if s.label is not None}
    few = plan.random and len(set(contents.values())) < FEW_CONTENTS
    splits = () if few else plan.of(dataset, seed)
    label = _OUT if few else plan.label(len(splits))
    if why := _impossible(found):
        return [_row(found, name, None, label, why) for name in (*metrics.METRICS, "alpha")]
    heads = Heads(found.values, found.labels, found.contents)
    fitted, tested = _leave_one_out(found, heads) if few else _on_splits(found, heads, splits)
    scores, remark = mean_scores(tested), edge_remark(fitted)
    samples = dataset.samples
    marks: tuple[str, ...] = ()
    rows_of: Callable[..., list[Measure]] = partial(split_rows, tested=tested)
    if len(splits) < 2:
        rows_of = partial(agreement_rows, note="predictions held fixed")
    if len(splits) == 1:
        asked = set(splits[0].test)
        samples = tuple(s for s in samples if s.id in asked)
        remark = join(remark, _lacking(splits[0], found))
        if shared := shared_contents(splits[0], contents):
            marks = ("shared contents",)
            remark = join(f"{len(shared)} contents are in training and in test", remark)
    # Who has features: the same for every row, whatever the features are.
    known = Output(output.ids, np.zeros(len(output.ids)), output.failures)
    rows_of = partial(rows_of, scores=scores, seed=seed, split=label, remark=remark)
    tested_part = usable(samples, known)
    rows = all_and_types(samples, known, rows_of)
    alpha = float(np.median([head.alpha for head in fitted]))
    row, first = _row(tested_part, "alpha", alpha, label, remark), rows[0]
    rows.append(replace(row, scores=scores, n_scored=first.n_scored, marks=first.marks))
    return [replace(row, marks=(*row.marks, *marks)) for row in rows]


def all_and_types(
    samples: Sequence[Sample], known: Output, rows_of: Callable[..., list[Measure]]
) -> list[Measure]:
    """``rows_of`` the samples that are in ``known`` and, SRCC alone, of each type of damage."""
    rows = rows_of(usable(samples, known))
    for kind, same in by_type(samples).items():
        rows += rows_of(usable(same, known), names=("srcc",), subset=f"type={word(kind)}")
    return rows


def by_type(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """The samples with a single damage, by its type."""
    single = [s for s in samples if len(s.damages) == 1]
    kinds = sorted({s.damages[0].type for s in single})
    return {kind: [s for s in single if s.damages[0].type == kind] for kind in kinds}


def _leave_one_out(found: Usable, heads: Heads) -> Fitted:
    fitted: list[Head] = []
    scores: dict[str, float] = {}
    for content in sorted(set(found.contents)):
        fitted.append(heads.without(content))
        scores |= _predict(found, fitted[-1], np.flatnonzero(found.contents == content))
    return fitted, [scores]


def _on_splits(found: Usable, heads: Heads, splits: Sequence[Split]) -> Fitted:
    row = {s.id: i for i, s in enumerate(found.samples)}
    fitted, tested = [], []
    for split in splits:
        train, validation, test = (
            np.array([row[name] for name in part if name in row], int)
            for part in (split.train, split.validation, split.test)
        )
        head = heads.fit(train, validation) if len(validation) else _tuned(found, heads, train)
        fitted.append(head)
        tested.append(_predict(found, head, test))
    return fitted, tested


def _tuned(found: Usable, heads: Heads, train: np.ndarray) -> Head:
    """Fitted on ``train``; alpha has the best SRCC of out-of-fold predictions over contents."""
    predictions = out_of_fold(heads.path, found.values, found.contents, train)
    return Head(heads.path(train), best_alpha(predictions, found.labels[train]))


def _predict(found: Usable, head: Head, rows: np.ndarray) -> dict[str, float]:
    values = head.predict(Rows(found.values, rows)).tolist()
    return {found.samples[i].id: value for i, value in zip(rows, values, strict=True)}


def _lacking(split: Split, found: Usable) -> str | None:
    """How many samples the head could not be fitted on."""
    asked = (*split.train, *split.validation)
    lacking = len(set(asked) - {s.id for s in found.samples})
    return f"{lacking} of {len(asked)} failed in training and validation" if lacking else None


def _impossible(found: Usable) -> str | None:
    if (n_contents := len(set(found.contents))) < 3:
        return f"at least 3 contents are needed, {n_contents} can be used"
    return None if vary(found.values) else "features do not vary"


def _row(found: Usable, name: str, value: float | None, split: str, why: str | None) -> Measure:
    return Measure(
        name, value, found.n_expected, len(found.samples), found.n_failed, split=split,
        reason=join(why, found.remark), marks=few_contents(len(set(found.contents))),
    )  # fmt: skip


LINEAR_PROBE = linear_probe()
