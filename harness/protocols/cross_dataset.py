"""``cross-dataset``: a head fitted on all of one dataset, tested on each other one of the suite.

The record is that of the dataset on which the head is fitted (the row's ``dataset``); the
subset "test=NAME" says where it is tested, and N and intervals are of that one. Alpha is chosen
by cross-validation over the contents of the former (SRCC, five folds). Labels are
higher-is-better everywhere, and SRCC and PLCC do not depend on their scales.
"""

from __future__ import annotations

from dataclasses import replace

from ..contamination import plain
from ..sample import Dataset
from .agreement import agreement_rows, join
from .base import EVERY_OTHER, Inputs, Measure, Need, Protocol, Skip, word
from .folds import head_of_all, predict_each
from .intervals import few_contents
from .outcomes import Usable, finite, usable
from .rows import vary

_METRICS = ("srcc", "plcc", "plcc_logistic")
_SPLIT = "fit on all of it"


def _needs(operations: frozenset[str], dataset: Dataset, seed: int) -> tuple[Need, ...] | Skip:
    if dataset.label_kind == "none":
        return Skip("the dataset has no labels")
    if "features" not in operations:
        return Skip("gives no features, so there is no head to fit")
    return (Need("features"), Need("features", dataset=EVERY_OTHER))


def _evaluate(inputs: Inputs) -> list[Measure]:
    train = _usable(inputs, Need("features"), inputs.dataset)
    elsewhere = {
        need.dataset: _usable(inputs, need, inputs.others[need.dataset])
        for need in inputs.outputs
        if need.dataset is not None
    }
    why = _impossible(train)
    head = None if why else head_of_all(train.values, train.labels, train.contents)
    rows = []
    about = f"fitted on {len(train.samples)} of {train.n_expected}" if train.n_failed else None
    few = few_contents(len(set(train.contents.tolist())))
    for name, test in sorted(elsewhere.items()):
        subset = f"test={word(inputs.others[name].name)}"
        problem = why
        if not problem and len(test.samples) and test.values.shape[-1] != train.values.shape[-1]:
            problem = f"features of another width: {test.values.shape[-1]}"
        if head is None or problem or not len(test.samples):
            problem = join(problem or "no labeled sample has features", about)
            rows += [
                Measure(
                    *(metric, None, test.n_expected, 0, test.n_expected, subset),
                    split=_SPLIT,
                    reason=problem,
                    others=(name,),
                )
                for metric in _METRICS
            ]
            continue
        values = predict_each(test.values, [head])[0].tolist()
        scores = {s.id: value for s, value in zip(test.samples, values, strict=True)}
        measured = agreement_rows(
            *(test, scores, inputs.seed),
            names=_METRICS,
            subset=subset,
            split=_SPLIT,
            note="head held fixed",
            remark=join(f"alpha {head.alpha:.3g}", about),
        )
        shared = _shared(inputs.dataset, inputs.others[name])
        rows += [
            replace(row, others=(name,), marks=tuple(dict.fromkeys((*row.marks, *few, *shared))))
            for row in measured
        ]
    return rows


def _usable(inputs: Inputs, need: Need, dataset: Dataset) -> Usable:
    return usable(dataset.samples, finite(inputs.outputs[need], "features are"))


def _shared(one: Dataset, other: Dataset) -> tuple[str, ...]:
    """A mark for datasets of one origin (patches and their photographs) with common contents."""
    names = [
        {plain(name) for name in (dataset.name, *(dataset.known_as or ()))}
        for dataset in (one, other)
    ]
    contents = [{s.content for s in dataset.samples} for dataset in (one, other)]
    both = names[0] & names[1] and contents[0] & contents[1]
    return ("shared contents",) if both else ()


def _impossible(train: Usable) -> str | None:
    if not len(train.samples):
        return "no labeled sample of the training dataset has features"
    if not vary(train.values):
        return "features of the training dataset do not vary"
    if len(set(train.contents.tolist())) < 2:
        return "the training dataset has one content: alpha cannot be cross-validated"
    return None


CROSS_DATASET = Protocol(
    name="cross-dataset",
    version="1",
    summary="ridge on frozen features, fitted on one dataset and tested on each other one",
    headline="srcc",
    needs=_needs,
    evaluate=_evaluate,
)
