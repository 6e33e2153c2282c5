"""``krasula``: do the scores tell apart what people tell apart, and in the right order?

Krasula et al. 2016 (QoMEX). Two images are different where a two-sided z-test at 5 % tells
their labels apart, with the labels' SDs and the number of opinions behind each label. No
label set says that number in its score file: it is the dataset's ``observers``, or the option
of the same name (a mean, where it varies). Without it the test cannot be made.

- ``auc_different_similar``: does a larger score difference mean that people see one?
- ``auc_better_worse``: does its sign say which of two different images is the better one?
- ``c0``: the share of different pairs that the scores put in the right order.

Unlike correlations, none of them asks for the order of images that people cannot tell apart.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..sample import Dataset
from .agreement import join
from .base import Inputs, Measure, Need, Protocol, Skip
from .intervals import content_interval, few_contents
from .label_pairs import Pairs, different, draw_pairs, told
from .outcomes import Usable, by_image, finite, usable


def krasula(observers: float | None = None) -> Protocol:
    """The protocol; ``observers`` is the number of opinions behind each label, or 1 where the
    labels' SDs are those of their means.

    It goes before the dataset's own number. Raises ValueError if it is below 1.
    """
    if observers is not None and not (isinstance(observers, int | float) and observers >= 1):
        raise ValueError(f"observers must be at least 1, not {observers}")

    def needs(operations: frozenset[str], dataset: Dataset, seed: int) -> tuple[Need, ...] | Skip:
        return _needs(operations, dataset, observers or dataset.observers)

    def evaluate(inputs: Inputs) -> list[Measure]:
        return _evaluate(inputs, observers or inputs.dataset.observers)

    return Protocol(
        name="krasula",
        version="1",
        summary="AUC of different/similar and better/worse pairs, where labels have SDs",
        headline="auc_better_worse",
        needs=needs,
        evaluate=evaluate,
        options={} if observers is None else {"observers": observers},
    )


def _needs(
    operations: frozenset[str], dataset: Dataset, observers: float | None
) -> tuple[Need, ...] | Skip:
    if not any(s.label is not None and s.label_std is not None for s in dataset.samples):
        return Skip("the labels have no SDs")
    if observers is None:
        return Skip("number of observers unknown: give it as the protocol's option observers")
    if "score" in operations:
        return (Need("score"),)
    if "score_pair" in operations and dataset.pairs:
        return (Need("score_pair"),)
    return Skip("gives no scores of these images")


def _evaluate(inputs: Inputs, observers: float | None) -> list[Measure]:
    assert observers is not None  # needs has seen to it
    dataset = inputs.dataset
    if Need("score") in inputs.outputs:
        output = finite(inputs.outputs[Need("score")], "score is")
    else:
        output = by_image(finite(inputs.outputs[Need("score_pair")], "score is"), dataset)
    rated = [s for s in dataset.samples if s.label is not None and s.label_std is not None]
    found = usable(rated, output)
    lacking = len(dataset.samples) - len(rated)
    remark = join(found.remark, f"{lacking} without a label and its SD" if lacking else None)
    found = replace(found, n_expected=len(dataset.samples), remark=remark)
    # Of the dataset, not of what this model could use: all models share the pairs.
    pairs = _among(found, sorted(s.id for s in rated), draw_pairs(len(rated), inputs.seed))
    return _rows(found, pairs, observers, inputs.seed)


def _among(found: Usable, ids: list[str], pairs: Pairs) -> Pairs:
    """``pairs`` of ``ids`` as pairs of the samples found, without those that lack one."""
    row = {s.id: i for i, s in enumerate(found.samples)}
    places = np.array([row.get(name, -1) for name in ids], np.int64)
    first, second = places[pairs.first], places[pairs.second]
    there = (first >= 0) & (second >= 0)
    return Pairs(first[there], second[there], pairs.n_all)


def _rows(found: Usable, pairs: Pairs, observers: float, seed: int) -> list[Measure]:
    contents, groups = np.unique(found.contents, return_inverse=True)
    deviations = np.array([s.label_std for s in found.samples], np.float64)
    scores = found.values.astype(np.float64)
    apart = different(found.labels, deviations, observers, pairs)
    compared = told(scores, found.labels, groups, pairs, apart)
    n, n_apart = len(apart), int(apart.sum())
    about = (
        f"{n_apart} of {n} pairs differ (z-test at 5 %, {observers:g} observers); "
        f"{n} of {pairs.n_all} pairs compared"
    )
    statistics = {
        "auc_better_worse": (compared.better_worse, n_apart > 0),
        "auc_different_similar": (compared.different_similar, 0 < n_apart < n),
        "c0": (compared.c0, n_apart > 0),
    }
    everything = np.ones((1, len(contents)), np.uint16)
    by_id = {s.id: float(x) for s, x in zip(found.samples, scores, strict=True)}
    rows = []
    for name, (statistic, defined) in statistics.items():
        row = Measure(
            name, None, found.n_expected, len(found.samples), found.n_failed,
            marks=few_contents(len(contents)), scores=by_id, reason=join(about, found.remark),
        )  # fmt: skip
        if defined:
            value = float(statistic(everything)[0])
            note = "pairs drawn with their contents"
            interval = content_interval(value, statistic, len(contents), seed, (0, 1), note)
            low, high, method = interval.low, interval.high, interval.method
            row = replace(row, value=value, ci_low=low, ci_high=high, ci_method=method)
        rows.append(row)
    return rows
