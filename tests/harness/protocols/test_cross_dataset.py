"""``cross-dataset`` against the same thing written out with scikit-learn and SciPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.model import ModelCard
from harness.protocols.base import EVERY_OTHER, Inputs, Need, Skip
from harness.protocols.cross_dataset import CROSS_DATASET
from harness.protocols.heads import ALPHAS
from harness.protocols.splits import shuffled
from harness.sample import Dataset
from harness.store import Output

Rated = Callable[..., Dataset]
OWN, OTHER = Need("features"), Need("features", dataset="other.csv")
WEIGHTS = np.random.default_rng(3).normal(size=8)


def encode(dataset: Dataset, seed: int, views: int = 1) -> Output:
    rng = np.random.default_rng(seed)
    labels = np.array([s.label for s in dataset.samples])
    values = labels[:, None, None] * WEIGHTS + 8 * rng.normal(size=(len(labels), views, 8))
    return Output(tuple(s.id for s in dataset.samples), values.astype(np.float32), {})


def evaluate(train: Dataset, test: Dataset, own: Output, other: Output):
    inputs = Inputs(
        ModelCard("m", "1", "NR"), train, {OWN: own, OTHER: other}, {"other.csv": test}, 0
    )
    return {row.metric: row for row in CROSS_DATASET.evaluate(inputs)}


def test_it_is_what_scikit_learn_gives(rated: Rated) -> None:
    train = rated(30)
    test = replace(rated(25), name="the other", label_kind="dmos")
    own, other = encode(train, 0), encode(test, 1)
    rows = evaluate(train, test, own, other)

    samples = sorted(train.samples, key=lambda s: s.id)
    x, y = own.at([s.id for s in samples])[:, 0], np.array([s.label for s in samples])
    names = shuffled({s.content for s in samples})
    folds = PredefinedSplit([names.index(s.content) % 5 for s in samples])
    srcc = []
    for alpha in ALPHAS:
        model = make_pipeline(StandardScaler(), Ridge(alpha=alpha))
        srcc.append(stats.spearmanr(cross_val_predict(model, x, y, cv=folds), y).statistic)
    model = make_pipeline(StandardScaler(), Ridge(alpha=ALPHAS[int(np.argmax(srcc))])).fit(x, y)
    scores = model.predict(other.values[:, 0])
    labels = np.array([s.label for s in test.samples])
    assert rows["srcc"].value == pytest.approx(stats.spearmanr(scores, labels).statistic, abs=1e-6)
    assert rows["plcc"].value == pytest.approx(stats.pearsonr(scores, labels).statistic, abs=1e-6)
    assert rows["srcc"].subset == "test=the-other"
    assert (rows["srcc"].n_expected, rows["srcc"].n_scored) == (125, 125)
    assert rows["srcc"].ci_low < rows["srcc"].value < rows["srcc"].ci_high
    assert "25 contents" in rows["srcc"].ci_method


def test_what_cannot_be_fitted_or_tested_is_a_row(rated: Rated) -> None:
    train, test = rated(30), rated(25)
    none = Output((), np.empty(0), {s.id: "no" for s in train.samples})
    rows = evaluate(train, test, none, encode(test, 1))
    assert rows["srcc"].reason == (
        "no labeled sample of the training dataset has features; fitted on 0 of 150"
    )
    rows = evaluate(train, test, encode(train, 0), replace(none, failures={}))
    assert rows["srcc"].reason == "no labeled sample has features"
    assert rows["srcc"].n_failed == 125
    rows = evaluate(train, test, encode(train, 0), encode(test, 1, views=2))
    assert rows["srcc"].value is not None  # views are averaged
    wide = encode(test, 1)
    rows = evaluate(train, test, encode(train, 0), replace(wide, values=wide.values[..., :3]))
    assert "another width" in rows["srcc"].reason
    flat = encode(train, 0)
    flat = replace(flat, values=np.ones_like(flat.values))
    assert "do not vary" in evaluate(train, test, flat, encode(test, 1))["srcc"].reason


def test_it_needs_labels_and_features(rated: Rated) -> None:
    dataset = rated(3)
    assert CROSS_DATASET.needs(frozenset({"features"}), dataset, 0) == (
        OWN,
        Need("features", dataset=EVERY_OTHER),
    )
    assert isinstance(CROSS_DATASET.needs(frozenset({"score"}), dataset, 0), Skip)
    bare = replace(dataset, label_kind="none")
    assert isinstance(CROSS_DATASET.needs(frozenset({"features"}), bare, 0), Skip)


def test_what_the_head_could_not_be_fitted_on_is_said(rated: Rated) -> None:
    train, test = rated(30), replace(rated(25), name="other")
    own = encode(train, 0)
    lost = Output(own.ids[7:], own.values[7:], dict.fromkeys(own.ids[:7], "broken"))
    row = evaluate(train, test, lost, encode(test, 1))["srcc"]
    assert "fitted on 143 of 150" in row.reason
    assert row.marks == ()
    assert row.others == ("other.csv",)


def test_patches_of_the_photographs_that_a_head_was_fitted_on_are_no_test(rated: Rated) -> None:
    train = replace(rated(30), name="flive", known_as=("LIVE-FB",))
    patches = replace(rated(30), name="flive-patches", known_as=("FLIVE",))
    row = evaluate(train, patches, encode(train, 0), encode(patches, 1))["srcc"]
    assert row.marks == ("shared contents",)
    few = rated(5)
    row = evaluate(few, patches, encode(few, 0), encode(patches, 1))["srcc"]
    assert row.marks == ("few contents (5)",)
