"""``linear-probe`` against the same protocol written out with scikit-learn and SciPy."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.protocols import heads
from harness.protocols.base import Inputs, Measure, Need, Skip
from harness.protocols.heads import ALPHAS
from harness.protocols.linear_probe import LINEAR_PROBE
from harness.protocols.metrics import METRICS
from harness.protocols.splits import content_splits
from harness.sample import Dataset
from harness.store import Output

Rated = Callable[..., Dataset]
Make = Callable[..., Inputs]
FEATURES = Need("features")


def encode(dataset: Dataset, width: int = 12, views: int = 2, noise: float = 1.0) -> Output:
    rng = np.random.default_rng(0)
    labels = np.array([s.label for s in dataset.samples])
    direction = rng.normal(size=width)
    values = labels[:, None, None] * direction + noise * 5 * rng.normal(
        size=(len(labels), views, width)
    )
    values[..., -1] = 3  # a feature that says nothing
    return Output(tuple(s.id for s in dataset.samples), values.astype(np.float32), {})


def sklearn_predict(
    features: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray, alpha: float
) -> np.ndarray:
    views, width = features.shape[1:]
    model = make_pipeline(StandardScaler(), Ridge(alpha=alpha))
    model.fit(features[train].reshape(-1, width).astype(float), np.repeat(y[train], views))
    return model.predict(features[test].reshape(-1, width).astype(float)).reshape(-1, views).mean(1)


def by_name(rows: list[Measure]) -> dict[str, Measure]:
    return {row.metric: row for row in rows}


def test_ten_splits_are_those_of_scikit_learn(rated: Rated, inputs: Make) -> None:
    dataset = rated(24)
    output = encode(dataset)
    rows = by_name(LINEAR_PROBE.evaluate(inputs(dataset, {FEATURES: output})))
    ids, features = list(output.ids), output.values
    y = np.array([s.label for s in dataset.samples])
    srcc, plcc, alphas = [], [], []
    tested: set[str] = set()
    contents = {s.id: s.content for s in dataset.samples}
    for split in content_splits({s.id: s.content for s in dataset.samples}, seed=0):
        train, validation, test = (
            np.array([ids.index(name) for name in part])
            for part in (split.train, split.validation, split.test)
        )
        tuning = [
            stats.spearmanr(sklearn_predict(features, y, train, validation, a), y[validation])[0]
            for a in ALPHAS
        ]
        alphas.append(ALPHAS[int(np.argmax(tuning))])
        predicted = sklearn_predict(features, y, train, test, alphas[-1])
        tested |= {contents[name] for name in split.test}
        srcc.append(stats.spearmanr(predicted, y[test])[0])
        plcc.append(stats.pearsonr(predicted, y[test])[0])
    assert rows["srcc"].value == pytest.approx(np.median(srcc), abs=1e-9)
    assert rows["plcc"].value == pytest.approx(np.median(plcc), abs=1e-9)
    assert rows["srcc_split_sd"].value == pytest.approx(np.std(srcc, ddof=1), abs=1e-9)
    assert rows["alpha"].value == pytest.approx(np.median(alphas))
    assert {row.split for row in rows.values()} == {"median of 10 splits (70/10/20)"}
    method = (
        "percentile bootstrap over 24 contents, B=1000, seed 0, mean test predictions held fixed"
    )
    assert rows["srcc"].ci_method == method.replace("24", str(len(tested)))
    assert rows["srcc"].ci_low < rows["srcc"].ci_high
    assert rows["srcc_split_sd"].ci_method is None
    assert {row.marks for row in rows.values()} == {()}
    assert set(rows) == {*METRICS, "srcc_split_sd", "alpha"}
    counts = (rows["srcc"].n_expected, rows["srcc"].n_scored, rows["srcc"].n_failed)
    assert counts == (120, 5 * len(tested), 0)
    edges = sum(alpha in (ALPHAS[0], ALPHAS[-1]) for alpha in alphas)
    assert bool(edges) == ("of the grid" in (rows["srcc"].reason or ""))


@pytest.mark.parametrize("width", [12, 90])
def test_leave_one_content_out_never_looks_at_the_test_content(
    rated: Rated, inputs: Make, width: int
) -> None:
    dataset = rated(5)
    output = encode(dataset, width)
    rows = by_name(LINEAR_PROBE.evaluate(inputs(dataset, {FEATURES: output})))
    features, y = output.values, np.array([s.label for s in dataset.samples])
    contents = np.array([s.content for s in dataset.samples])
    pooled, chosen = np.empty(len(y)), []
    for content in sorted(set(contents)):
        train, test = np.flatnonzero(contents != content), np.flatnonzero(contents == content)
        tuning = []
        for alpha in ALPHAS:
            inner = np.empty(len(y))
            for other in sorted(set(contents[train])):
                inside = np.flatnonzero(contents == other)
                rest = np.setdiff1d(train, inside)
                inner[inside] = sklearn_predict(features, y, rest, inside, alpha)
            tuning.append(stats.spearmanr(inner[train], y[train])[0])
        chosen.append(ALPHAS[int(np.argmax(tuning))])
        pooled[test] = sklearn_predict(features, y, train, test, chosen[-1])
    row = rows["srcc"]
    assert row.value == pytest.approx(stats.spearmanr(pooled, y)[0], abs=1e-9)
    assert rows["alpha"].value == pytest.approx(np.median(chosen))
    assert row.scores is not None
    np.testing.assert_allclose([row.scores[s.id] for s in dataset.samples], pooled, rtol=1e-7)
    assert {r.split for r in rows.values()} == {"leave-one-content-out"}
    assert row.marks == ("few contents (5)",)
    assert row.ci_method == "jackknife t interval over 5 contents, predictions held fixed"
    assert set(rows) == {*METRICS, "alpha"}


@pytest.mark.parametrize("n_contents", [6, 24])
def test_row_order_changes_nothing(rated: Rated, inputs: Make, n_contents: int) -> None:
    dataset = rated(n_contents)
    output = encode(dataset)
    order = list(range(len(output.ids)))
    random.Random(0).shuffle(order)
    other = replace(dataset, samples=tuple(dataset.samples[i] for i in order))
    moved = Output(tuple(output.ids[i] for i in order[::-1]), output.values[order[::-1]], {})
    first = LINEAR_PROBE.evaluate(inputs(dataset, {FEATURES: output}))
    assert first == LINEAR_PROBE.evaluate(inputs(other, {FEATURES: moved}))


def test_failures_are_left_out_and_counted(rated: Rated, inputs: Make) -> None:
    dataset = rated(22)
    output = encode(dataset)
    output.values[3, 1, 2] = np.nan
    kept = Output(output.ids[1:], output.values[1:], {output.ids[0]: "cannot decode"})
    row = by_name(LINEAR_PROBE.evaluate(inputs(dataset, {FEATURES: kept})))["srcc"]
    assert (row.n_expected, row.n_failed) == (110, 2)
    assert row.reason is not None
    assert f"{108 - row.n_scored} in no test part" in row.reason
    assert "2 failed: first c00-0: cannot decode" in row.reason
    assert row.value is not None


def test_the_end_of_the_grid_is_said(rated: Rated, inputs: Make) -> None:
    dataset = rated(8)
    rows = LINEAR_PROBE.evaluate(inputs(dataset, {FEATURES: encode(dataset, noise=0.0)}))
    assert {row.reason for row in rows} == {"alpha: 8 of 8 at the low end of the grid"}
    assert by_name(rows)["alpha"].value == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("n_contents", "change", "reason"),
    [
        (2, lambda v: v, "at least 3 contents are needed, 2 can be used"),
        (25, lambda v: 0 * v + 1, "features do not vary"),
        (25, lambda v: 0 * v + np.nan, "at least 3 contents are needed, 0 can be used; "
         "125 failed: first c00-0: features are not finite"),
    ],
)  # fmt: skip
def test_no_number_has_a_reason(
    rated: Rated,
    inputs: Make,
    n_contents: int,
    change: Callable[[np.ndarray], np.ndarray],
    reason: str,
) -> None:
    dataset = rated(n_contents)
    output = encode(dataset)
    output = replace(output, values=change(output.values))
    rows = LINEAR_PROBE.evaluate(inputs(dataset, {FEATURES: output}))
    assert {(row.value, row.reason) for row in rows} == {(None, reason)}
    assert {"srcc", "alpha"} < {row.metric for row in rows}


def test_nothing_at_all(rated: Rated, inputs: Make) -> None:
    dataset = rated(3)
    nothing = Output((), np.empty(0), {s.id: "no luck" for s in dataset.images})
    rows = LINEAR_PROBE.evaluate(inputs(dataset, {FEATURES: nothing}))
    assert {row.n_failed for row in rows} == {15}
    assert all(row.reason and row.reason.endswith("first c00-0: no luck") for row in rows)


def test_what_it_needs(rated: Rated) -> None:
    dataset = rated(3)
    assert LINEAR_PROBE.needs(frozenset({"features", "score"}), dataset) == (FEATURES,)
    assert LINEAR_PROBE.needs(frozenset({"score"}), dataset) == Skip("gives no features")
    unlabeled = replace(dataset, label_kind="none")
    needs = LINEAR_PROBE.needs(frozenset({"features"}), unlabeled)
    assert needs == Skip("the dataset has no labels")


def test_best_alpha_takes_the_first_of_equals() -> None:
    labels = np.arange(4.0)
    rows = np.array([np.ones(4), -labels, labels, 2 * labels])
    assert heads.best_alpha(rows, labels) == 2
    assert heads.best_alpha(rows[:1], labels) == 0


def test_many_contents_tune_on_ten_folds(rated: Rated) -> None:
    """A head for a content that the labeled set does not hold is fitted on all of it."""
    dataset = rated(30, per_content=3)
    output, labels = encode(dataset), np.array([s.label for s in dataset.samples])
    contents = np.array([s.content for s in dataset.samples])
    fitted = heads.Heads(output.values, labels, contents)
    stranger = fitted.without("another scene")
    everything = np.arange(len(labels))
    expected = sklearn_predict(output.values, labels, everything, everything, stranger.alpha)
    np.testing.assert_allclose(stranger.predict(output.values), expected, rtol=1e-8)
    rest = np.flatnonzero(contents != "scene04")
    known = fitted.without("scene04")
    expected = sklearn_predict(output.values, labels, rest, everything, known.alpha)
    np.testing.assert_allclose(known.predict(output.values), expected, rtol=1e-8)


def test_models_that_fail_on_some_images_keep_the_splits_of_the_others(
    rated: Rated, inputs: Make
) -> None:
    dataset = rated(24)
    output = encode(dataset)
    lost = Output(output.ids[7:], output.values[7:], dict.fromkeys(output.ids[:7], "cut"))
    whole, part = (
        by_name(LINEAR_PROBE.evaluate(inputs(dataset, {FEATURES: found})))["srcc"].scores
        for found in (output, lost)
    )
    assert set(part) == set(whole) - set(output.ids[:7])
