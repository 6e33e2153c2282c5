"""``linear-probe``: how well does a ridge head on frozen features predict the labels?

From 20 contents on: ten content-disjoint 70/10/20 splits; alpha by the SRCC on the validation
part, the head fitted on the training part, the median over splits reported. Below: leave one
content out, alpha by an inner leave-one-content-out, the out-of-fold predictions pooled; as
the mean of the labels left differs from fold to fold, features that say nothing then come out
somewhat below 0.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import partial

import numpy as np

from ..sample import Dataset
from . import metrics
from .agreement import agreement_rows, join
from .base import Inputs, Measure, Need, Protocol, Skip
from .heads import Head, Heads, edge_remark
from .intervals import FEW_CONTENTS, few_contents
from .outcomes import Usable, finite, usable
from .splits import content_splits

N_SPLITS = 10
_OUT = "leave-one-content-out"
_MEDIAN = f"median of {N_SPLITS} splits (70/10/20)"


def _needs(operations: frozenset[str], dataset: Dataset) -> tuple[Need, ...] | Skip:
    if dataset.label_kind == "none":
        return Skip("the dataset has no labels")
    return (Need("features"),) if "features" in operations else Skip("gives no features")


def _evaluate(inputs: Inputs) -> list[Measure]:
    output = finite(inputs.outputs[Need("features")], "features are")
    found = usable(inputs.dataset.samples, output)
    # Of the dataset, not of what this model could use: all models share the splits.
    contents = {s.id: s.content for s in inputs.dataset.samples if s.label is not None}
    few = len(set(contents.values())) < FEW_CONTENTS
    if why := _impossible(found, len(set(found.contents))):
        row = partial(_row, found, split=_OUT if few else _MEDIAN, why=why)
        return [row(name, None) for name in (*metrics.METRICS, "alpha")]
    heads = Heads(found.values, found.labels, found.contents)
    if few:
        return _leave_one_out(found, heads, inputs.seed)
    return _random_splits(found, heads, contents, inputs.seed)


def _leave_one_out(found: Usable, heads: Heads, seed: int) -> list[Measure]:
    fitted = {content: heads.without(content) for content in sorted(set(found.contents))}
    scores: dict[str, float] = {}
    for content, head in fitted.items():
        test = np.flatnonzero(found.contents == content)
        values = head.predict(found.values[test]).tolist()
        scores |= {found.samples[i].id: value for i, value in zip(test, values, strict=True)}
    remark = edge_remark(list(fitted.values()))
    rows = agreement_rows(
        found, scores, seed, split=_OUT, note="predictions held fixed", remark=remark
    )
    alpha = float(np.median([head.alpha for head in fitted.values()]))
    return [*rows, _row(found, "alpha", alpha, _OUT, remark, scores)]


def _random_splits(
    found: Usable, heads: Heads, contents: dict[str, str], seed: int
) -> list[Measure]:
    labels, row = found.labels, {s.id: i for i, s in enumerate(found.samples)}
    fitted: list[Head] = []
    estimates: dict[str, list[metrics.Estimate]] = defaultdict(list)
    predicted: dict[str, list[float]] = defaultdict(list)
    for split in content_splits(contents, N_SPLITS, (0.7, 0.1, 0.2), seed):
        train, validation, test = (
            np.array([row[name] for name in part if name in row])
            for part in (split.train, split.validation, split.test)
        )
        fitted.append(heads.fit(train, validation))
        values = fitted[-1].predict(found.values[test])
        for name, estimate in metrics.agreement(values, labels[test])[0].items():
            estimates[name].append(estimate)
        for i, value in zip(test, values, strict=True):
            predicted[found.samples[i].id].append(float(value))
    # What is stored of a sample is its mean over the splits that test it.
    scores = {name: float(np.mean(values)) for name, values in sorted(predicted.items())}
    failed = found.n_failed
    tested = [i for i, s in enumerate(found.samples) if s.id in scores]
    untested = len(found.samples) - len(tested)
    never = f"{untested} in no test part" if untested else None
    found = replace(
        found,
        samples=tuple(found.samples[i] for i in tested),
        values=found.values[tested],
        remark=join(found.remark, never),
    )
    remark = edge_remark(fitted)
    rows = []
    for pooled in agreement_rows(found, scores, seed, note="mean test predictions held fixed"):
        defined, why = _defined(estimates[pooled.metric])
        median = float(np.median(defined)) if defined else None
        measured = _row(found, pooled.metric, median, _MEDIAN, join(why, remark), scores)
        low, high, method = pooled.ci_low, pooled.ci_high, pooled.ci_method
        rows.append(replace(measured, ci_low=low, ci_high=high, ci_method=method))
    defined, why = _defined(estimates["srcc"])
    spread = float(np.std(defined, ddof=1)) if len(defined) > 1 else None
    alpha = float(np.median([head.alpha for head in fitted]))
    rows.append(_row(found, "srcc_split_sd", spread, _MEDIAN, join(why, remark), scores))
    rows.append(_row(found, "alpha", alpha, _MEDIAN, remark, scores))
    # A sample that no split tests has not failed.
    return [replace(row, n_failed=failed) for row in rows]


def _impossible(found: Usable, n_contents: int) -> str | None:
    if n_contents < 3:
        return f"at least 3 contents are needed, {n_contents} can be used"
    if not (found.values != found.values[:1, :1]).any():
        return "features do not vary"
    return None


def _defined(estimates: list[metrics.Estimate]) -> tuple[list[float], str | None]:
    """The values there are, and what to know about them."""
    remarks = [estimate.reason for estimate in estimates if estimate.reason]
    why = f"{len(remarks)} of {len(estimates)} splits: first {remarks[0]}" if remarks else None
    return [e.value for e in estimates if e.value is not None], why


def _row(
    found: Usable,
    name: str,
    value: float | None,
    split: str,
    why: str | None,
    scores: dict[str, float] | None = None,
) -> Measure:
    return Measure(
        name, value, found.n_expected, len(found.samples), found.n_failed, split=split,
        reason=join(why, found.remark), marks=few_contents(len(set(found.contents))), scores=scores,
    )  # fmt: skip


LINEAR_PROBE = Protocol(
    name="linear-probe",
    version="1",
    summary="ridge on frozen features, content-disjoint splits, leave-one-content-out below 20",
    headline="srcc",
    needs=_needs,
    evaluate=_evaluate,
)
