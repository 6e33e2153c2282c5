"""``linear-probe-fr`` against the linear probe written out on |reference - test| features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.protocols.base import Inputs, Measure, Need, Skip
from harness.protocols.heads import ALPHAS
from harness.protocols.linear_probe import LINEAR_PROBE
from harness.protocols.linear_probe_fr import Differences, differences, linear_probe_fr
from harness.protocols.splits import content_splits
from harness.sample import Dataset
from harness.store import Output

Rated = Callable[..., Dataset]
Make = Callable[..., Inputs]
FEATURES = Need("features")
PROTOCOL = linear_probe_fr()


def encode(dataset: Dataset) -> Output:
    """The scene looks like damage, only larger: |reference - test| has the damage alone."""
    rng = np.random.default_rng(0)
    scene = {s.content: 40 * rng.normal() * (1 + np.arange(9)) for s in dataset.references}
    values = np.stack(
        [
            scene[s.content] + (0 if s.label is None else 12 - s.label) * (1 + np.arange(9))
            + 8 * rng.normal(size=(2, 9))
            for s in dataset.images
        ]
    )  # fmt: skip
    return Output(tuple(s.id for s in dataset.images), values.astype(np.float32), {})


def by_name(rows: list[Measure]) -> dict[str, Measure]:
    return {row.metric: row for row in rows if row.subset == "all"}


def test_rows_are_those_of_the_probe_on_differences(rated: Rated, inputs: Make) -> None:
    dataset = rated(21)
    output = encode(dataset)
    row = {name: i for i, name in enumerate(output.ids)}
    x = np.stack(
        [
            np.abs(output.values[row[s.reference]] - output.values[row[s.id]])
            for s in dataset.samples
        ]
    ).astype(float)
    y = np.array([s.label for s in dataset.samples])
    position = {s.id: i for i, s in enumerate(dataset.samples)}
    srcc, plcc = [], []
    for split in content_splits({s.id: s.content for s in dataset.samples}, seed=0):
        train, validation, test = (
            np.array([position[i] for i in part])
            for part in (split.train, split.validation, split.test)
        )
        heads = [
            make_pipeline(StandardScaler(), Ridge(alpha=alpha)).fit(
                x[train].reshape(-1, 9), np.repeat(y[train], 2)
            )
            for alpha in ALPHAS
        ]
        tuning = [
            stats.spearmanr(head.predict(x[validation].mean(axis=1)), y[validation])[0]
            for head in heads
        ]
        predicted = heads[int(np.argmax(tuning))].predict(x[test].mean(axis=1))
        srcc.append(stats.spearmanr(predicted, y[test])[0])
        plcc.append(stats.pearsonr(predicted, y[test])[0])
    found = PROTOCOL.evaluate(inputs(dataset, {FEATURES: output}))
    rows = by_name(found)
    assert rows["srcc"].value == pytest.approx(np.median(srcc), abs=1e-6)
    assert rows["plcc_mean"].value == pytest.approx(np.mean(plcc), abs=1e-6)
    alone = LINEAR_PROBE.evaluate(inputs(dataset, {FEATURES: output}))
    assert rows["srcc"].value > by_name(alone)["srcc"].value + 0.1
    assert [(m.metric, m.subset, m.split) for m in found] == [
        (m.metric, m.subset, m.split) for m in alone
    ]


def test_differences_are_made_of_the_rows_asked_for(rated: Rated) -> None:
    dataset = rated(4)
    output = encode(dataset)
    found = differences(output, dataset)
    assert isinstance(found.values, Differences)
    assert found.values.shape == (20, 2, 9)
    row = {name: i for i, name in enumerate(output.ids)}
    for chosen in (np.array([7, 2]), slice(3, 5), np.arange(20) == 11):
        got = found.values[chosen]
        ids = np.array(found.ids)[chosen]
        assert got.dtype == np.float32
        for name, value in zip(ids, got, strict=True):
            reference = output.values[row[f"ref{name[1:3]}"]]
            np.testing.assert_array_equal(value, np.abs(reference - output.values[row[name]]))


def test_a_lost_reference_costs_its_samples(rated: Rated, inputs: Make) -> None:
    dataset = rated(22)
    output = encode(dataset)
    output.values[output.ids.index("ref03"), 1, 4] = np.inf
    lost = output.ids.index("c07-2")
    kept = [i for i in range(len(output.ids)) if i != lost]
    output = Output(
        tuple(output.ids[i] for i in kept), output.values[kept], {"c07-2": "cannot decode"}
    )
    alone = dataset.samples[0].id
    dataset = replace(
        dataset, samples=(replace(dataset.samples[0], reference=None), *dataset.samples[1:])
    )
    found = differences(output, dataset)
    assert found.failures == {alone: "no reference", "c07-2": "cannot decode"}
    row = by_name(PROTOCOL.evaluate(inputs(dataset, {FEATURES: output})))["srcc"]
    assert (row.n_expected, row.n_failed) == (110, 7)
    assert "7 failed: first c00-0: no reference" in row.reason
    assert row.value is not None
    nothing = Output((), np.empty(0), {s.id: "no luck" for s in dataset.images})
    rows = PROTOCOL.evaluate(inputs(dataset, {FEATURES: nothing}))
    assert {(row.value, row.n_failed) for row in rows} == {(None, 110)}


def test_what_it_needs(rated: Rated) -> None:
    dataset = rated(3)
    assert PROTOCOL.needs(frozenset({"features"}), dataset, 0) == (FEATURES,)
    assert PROTOCOL.needs(frozenset({"score_pair"}), dataset, 0) == Skip("gives no features")
    unpaired = replace(
        dataset, samples=tuple(replace(s, reference=None) for s in dataset.samples), references=()
    )
    assert PROTOCOL.needs(frozenset({"features"}), unpaired, 0) == Skip(
        "the dataset has no references"
    )
    assert linear_probe_fr("80/20").options == {"splits": "80/20"}
