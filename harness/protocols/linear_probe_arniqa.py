"""``linear-probe-arniqa``: the linear probe as the authors of ARNIQA evaluate it (WACV 2024).

Every view (they take five crops) is a row with its image's label; ridge without scaling of the
features; predictions averaged over views. Of 100 alphas the one with the highest median over
the splits of the SRCC on the validation part is taken for all of them, the first of equals: the
choice has seen test images of other splits. Heads are fitted on the training part alone, and the
SRCC and the raw PLCC on the test part are reported as their medians over the splits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ..store import Output
from . import metrics
from .agreement import join
from .base import Inputs, Measure, Need, Protocol, word
from .heads import predict_views
from .linear_probe import by_type
from .outcomes import Usable, finite, usable
from .ridge import RidgePath, SharedRidge
from .rows import Features, Rows, vary
from .split_files import import_npy, row_order
from .split_plan import SplitPlan
from .split_rows import mean_scores, split_rows
from .splits import OFFICIAL, Split

ALPHAS = np.geomspace(1e-3, 1e3, 100)
_METRICS = ("srcc", "plcc")

RowSplit = tuple[np.ndarray, np.ndarray, np.ndarray]  # training, validation and test, row numbers


@dataclass(frozen=True)
class Procedure:
    """What the procedure gives: one alpha, and the scores of each split's test rows."""

    choice: int  # of ALPHAS
    validation_srcc: np.ndarray  # [A], the medians that alpha was chosen by; -2 is undefined
    scores: tuple[np.ndarray, ...]  # float64 [n], in the order of the split's test part

    @property
    def alpha(self) -> float:
        return float(ALPHAS[self.choice])


def arniqa_procedure(
    features: Features, labels: np.ndarray, splits: Sequence[RowSplit]
) -> Procedure:
    """The procedure on ``features [n, V, D]``, ``labels [n]``.

    A row that a part names twice counts twice. Raises ValueError where no alpha has an SRCC.
    """
    shared = SharedRidge(features, labels, ALPHAS, standardize=False)
    validated, tested = [], []
    for train, validation, test in splits:
        path = shared.path(train)
        each = metrics.srcc_each(_predict(path, features, validation), labels[validation])
        validated.append(np.nan_to_num(each, nan=-2.0))
        tested.append(_predict(path, features, test))
    medians = np.median(validated, axis=0)
    choice = int(np.argmax(medians))
    if medians[choice] < -1:
        raise ValueError("no alpha has an SRCC on the validation parts")
    scores = tuple(predictions[choice] for predictions in tested)
    return Procedure(choice, medians, scores)


def _predict(path: RidgePath, features: Features, rows: np.ndarray) -> np.ndarray:
    """Predictions of ``rows`` by every alpha; those of a row that repeats are equal."""
    once, again = np.unique(rows, return_inverse=True)
    return predict_views(path, Rows(features, once))[:, again]


def linear_probe_arniqa(splits: str = "70/10/20", keep_padding: bool = True) -> Protocol:
    """The protocol on ten random content-disjoint splits, on the "official" one, or on those of a
    folder of split files, where ``keep_padding`` takes their -1 for the last image, as the
    authors do. Raises ValueError for options that say nothing."""
    plan = SplitPlan(splits)
    files = not plan.random and splits != OFFICIAL
    if splits == "80/20" or not (files or keep_padding):
        raise ValueError("it needs a validation part; keep_padding goes with a folder of splits")

    def evaluate(inputs: Inputs) -> list[Measure]:
        output = finite(inputs.outputs[Need("features")], "features are")
        parts = plan.of(inputs.dataset, inputs.seed)  # refuses those that leak
        if files and keep_padding:
            parts = import_npy(Path(splits), row_order(inputs.dataset), keep_padding=True)
        kept = "padding kept: the last image is in every part" if files and keep_padding else None
        return _rows(inputs, output, parts, plan.label(len(parts)), kept)

    return Protocol(
        name="linear-probe-arniqa",
        version="2",
        summary="ridge as ARNIQA's authors evaluate: no scaling, one alpha for all splits",
        headline="srcc",
        needs=plan.needs,
        evaluate=evaluate,
        options=plan.options | ({} if keep_padding else {"keep_padding": False}),
    )


def _rows(
    inputs: Inputs, output: Output, splits: Sequence[Split], label: str, kept: str | None
) -> list[Measure]:
    found = usable(inputs.dataset.samples, output)
    number = {s.id: i for i, s in enumerate(found.samples)}
    parts: list[RowSplit] = [
        (_numbers(s.train, number), _numbers(s.validation, number), _numbers(s.test, number))
        for s in splits
    ]
    empty = Measure("", None, found.n_expected, len(found.samples), found.n_failed, split=label)
    if why := _impossible(found, parts):
        return [
            replace(empty, metric=m, reason=join(why, found.remark)) for m in (*_METRICS, "alpha")
        ]
    done = arniqa_procedure(found.values, found.labels, parts)
    tested = [
        [(found.samples[i].id, float(value)) for i, value in zip(test, values, strict=True)]
        for (_, _, test), values in zip(parts, done.scores, strict=True)
    ]
    end = {0: "low", len(ALPHAS) - 1: "high"}.get(done.choice)
    remark = join(f"alpha: at the {end} end of the grid" if end else None, kept)
    rows_of = partial(
        split_rows,
        tested=tested,
        scores=mean_scores(tested),
        split=label,
        seed=inputs.seed,
        remark=remark,
    )
    # Who has features: the same for every row, whatever the features are.
    known = Output(output.ids, np.zeros(len(output.ids)), output.failures)
    rows = rows_of(usable(inputs.dataset.samples, known), names=_METRICS)
    alpha = replace(empty, metric="alpha", value=done.alpha, n_scored=rows[0].n_scored)
    rows.append(replace(alpha, reason=rows[0].reason, marks=rows[0].marks))
    for kind, samples in by_type(inputs.dataset.samples).items():
        rows += rows_of(usable(samples, known), names=("srcc",), subset=f"type={word(kind)}")
    return rows


def _numbers(ids: Sequence[str], number: Mapping[str, int]) -> np.ndarray:
    return np.array([number[name] for name in ids if name in number], int)


def _impossible(found: Usable, parts: Sequence[RowSplit]) -> str | None:
    if any(len(part) == 0 for split in parts for part in split):
        return "a part of a split is without any sample that can be used"
    return None if vary(found.values) else "features do not vary"
