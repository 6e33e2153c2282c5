"""``linear-probe-fr``: the linear probe on what the damage changes in the features.

A sample's features are |f(reference) - f(test)|, view by view. Such features served the
full-reference models of CONTRIQUE (Madhusudana et al., IEEE TIP 2022); splits,
heads and rows are those of ``linear-probe``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..sample import Dataset
from ..store import Output
from .base import Inputs, Measure, Need, Protocol, Skip
from .linear_probe import probe
from .outcomes import finite
from .rows import Features
from .split_plan import SplitPlan


@dataclass(frozen=True, eq=False)
class Differences:
    """Rows |values[tests] - values[references]|, made when they are asked for: ``[N, V, D]``."""

    values: Features  # [M, V, D]
    tests: np.ndarray  # int [N], rows of values
    references: np.ndarray  # int [N]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.tests), *self.values.shape[1:])

    @property
    def ndim(self) -> int:
        return self.values.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.values.dtype

    def __len__(self) -> int:
        return len(self.tests)

    def __getitem__(self, rows: Any) -> np.ndarray:
        return np.abs(self.values[self.tests[rows]] - self.values[self.references[rows]])


def differences(output: Output, dataset: Dataset) -> Output:
    """|f(reference) - f(test)| of each sample with a reference; ``output`` holds both."""
    row = {name: i for i, name in enumerate(output.ids)}
    failures, tests, references = {}, [], []
    for s in dataset.samples:
        if s.reference is None:
            failures[s.id] = "no reference"
        elif s.id not in row:
            failures[s.id] = output.failures.get(s.id, "no result")
        elif s.reference not in row:
            why = output.failures.get(s.reference, "no result")
            failures[s.id] = f"its reference {s.reference}: {why}"
        else:
            tests.append(s.id)
            references.append(s.reference)
    indices = (np.array([row[name] for name in names], int) for names in (tests, references))
    values: Any = Differences(output.values, *indices)  # stands in for the array
    return Output(tuple(tests), values, failures)


def linear_probe_fr(splits: str = "70/10/20", n_splits: int = 10) -> Protocol:
    """The protocol with the options of ``linear_probe``."""
    plan = SplitPlan(splits, n_splits)

    def needs(operations: frozenset[str], dataset: Dataset, seed: int) -> tuple[Need, ...] | Skip:
        if any(s.reference for s in dataset.samples):
            return plan.needs(operations, dataset, seed)
        return Skip(plan.refuses(dataset) or "the dataset has no references")

    def evaluate(inputs: Inputs) -> list[Measure]:
        output = finite(inputs.outputs[Need("features")], "features are")
        return probe(inputs.dataset, differences(output, inputs.dataset), plan, inputs.seed)

    return Protocol(
        name="linear-probe-fr",
        version="1",
        summary="the linear probe on |reference features - test features|",
        headline="srcc",
        needs=needs,
        evaluate=evaluate,
        options=plan.options,
    )
