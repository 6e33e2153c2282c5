"""``linear-probe`` against the same protocol written out with scikit-learn and SciPy."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.protocols import heads, split_files
from harness.protocols.base import Inputs, Measure, Need, Skip
from harness.protocols.heads import ALPHAS
from harness.protocols.linear_probe import LINEAR_PROBE, linear_probe
from harness.protocols.metrics import METRICS
from harness.protocols.ridge import RidgePath, SharedRidge
from harness.protocols.splits import content_splits, official_split, shuffled, splits_of
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


SEVERAL = {f"{name}_{what}" for name in ("srcc", "plcc") for what in ("mean", "split_sd")}


def by_name(rows: list[Measure], subset: str = "all") -> dict[str, Measure]:
    return {row.metric: row for row in rows if row.subset == subset}


def rows_of(dataset: Dataset, ids: Sequence[str]) -> np.ndarray:
    """Row numbers in the output of ``encode``."""
    row = {s.id: i for i, s in enumerate(dataset.samples)}
    return np.array([row[name] for name in ids])


def owned(dataset: Dataset, *parts: str | None) -> Dataset:
    """``dataset`` with official parts, which its contents get in turn."""
    contents = sorted(set(contents_of(dataset).values()))
    part = {content: parts[i % len(parts)] for i, content in enumerate(contents)}
    return replace(
        dataset, samples=tuple(replace(s, split=part[s.content]) for s in dataset.samples)
    )


def contents_of(dataset: Dataset) -> dict[str, str]:
    return {s.id: s.content for s in dataset.samples}


def test_ten_splits_are_those_of_scikit_learn(rated: Rated, inputs: Make) -> None:
    dataset = rated(24)
    output = encode(dataset)
    rows = by_name(LINEAR_PROBE.evaluate(inputs(dataset, {FEATURES: output})))
    features = output.values
    y = np.array([s.label for s in dataset.samples])
    srcc, plcc, alphas = [], [], []
    tested: set[str] = set()
    contents = contents_of(dataset)
    for split in content_splits(contents, seed=0):
        train, validation, test = (
            rows_of(dataset, part) for part in (split.train, split.validation, split.test)
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
    for name, values in (("srcc", srcc), ("plcc", plcc)):
        assert rows[f"{name}_mean"].value == pytest.approx(np.mean(values), abs=1e-9)
        assert rows[f"{name}_split_sd"].value == pytest.approx(np.std(values, ddof=1), abs=1e-9)
        assert rows[f"{name}_split_sd"].ci_method is None
    assert rows["alpha"].value == pytest.approx(np.median(alphas))
    assert {row.split for row in rows.values()} == {"median of 10 splits (70/10/20)"}
    assert len(tested) == 21  # three contents are in no test part, so nothing rests on them
    method = "percentile bootstrap over 21 contents, B=1000, seed 0, centered, heads held fixed"
    assert rows["srcc"].ci_method == rows["srcc_mean"].ci_method == method
    assert rows["srcc"].ci_low < rows["srcc"].value < rows["srcc"].ci_high
    assert {row.marks for row in rows.values()} == {()}
    assert set(rows) == {*METRICS, *SEVERAL, "alpha"}
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


@pytest.mark.parametrize(
    ("n_contents", "splits"),
    [(6, "70/10/20"), (24, "70/10/20"), (24, "80/20"), (12, "official")],
)
def test_row_order_changes_nothing(
    rated: Rated, inputs: Make, n_contents: int, splits: str
) -> None:
    protocol = linear_probe(splits)
    dataset = owned(rated(n_contents), "training", "training", "test")
    output = encode(dataset)
    order = list(range(len(output.ids)))
    random.Random(0).shuffle(order)
    other = replace(dataset, samples=tuple(dataset.samples[i] for i in order))
    moved = Output(tuple(output.ids[i] for i in order[::-1]), output.values[order[::-1]], {})
    first = protocol.evaluate(inputs(dataset, {FEATURES: output}))
    assert first == protocol.evaluate(inputs(other, {FEATURES: moved}))
    assert any(row.value is not None for row in first)


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
    assert LINEAR_PROBE.needs(frozenset({"features", "score"}), dataset, 0) == (FEATURES,)
    assert LINEAR_PROBE.needs(frozenset({"score"}), dataset, 0) == Skip("gives no features")
    unlabeled = replace(dataset, label_kind="none")
    needs = LINEAR_PROBE.needs(frozenset({"features"}), unlabeled, 0)
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


def types_of(dataset: Dataset) -> np.ndarray:
    return np.array([s.distortion for s in dataset.samples])


def test_a_type_has_the_median_over_splits_of_its_own_srcc(rated: Rated, inputs: Make) -> None:
    dataset = rated(24)
    output = encode(dataset)
    rows = LINEAR_PROBE.evaluate(inputs(dataset, {FEATURES: output}))
    y, kinds = np.array([s.label for s in dataset.samples]), types_of(dataset)
    alphas, srcc = [], []
    for split in content_splits(contents_of(dataset), seed=0):
        train, validation, test = (
            rows_of(dataset, part) for part in (split.train, split.validation, split.test)
        )
        tuning = [
            stats.spearmanr(sklearn_predict(output.values, y, train, validation, a), y[validation])[
                0
            ]
            for a in ALPHAS
        ]
        alphas.append(ALPHAS[int(np.argmax(tuning))])
        test = test[kinds[test] == "jpeg"]
        predicted = sklearn_predict(output.values, y, train, test, alphas[-1])
        srcc.append(stats.spearmanr(predicted, y[test])[0])
    (row,) = by_name(rows, "type=jpeg").values()
    assert row.value == pytest.approx(np.median(srcc), abs=1e-9)
    assert (row.n_expected, row.n_scored) == (48, 2 * by_name(rows)["srcc"].n_scored // 5)
    assert row.ci_low < row.value < row.ci_high
    assert {row.subset for row in rows} == {"all", "type=blur", "type=jpeg"}


def test_80_20_tunes_on_folds_of_the_training_contents(rated: Rated, inputs: Make) -> None:
    dataset = rated(22)
    output = encode(dataset)
    y, contents = (
        np.array([s.label for s in dataset.samples]),
        np.array([s.content for s in dataset.samples]),
    )
    srcc, alphas = [], []
    for split in splits_of(dataset, "80/20", seed=0, n_splits=3):
        train, test = rows_of(dataset, split.train), rows_of(dataset, split.test)
        assert not set(contents[train]) & set(contents[test])
        names, predicted = shuffled(set(contents[train])), np.empty((len(ALPHAS), len(y)))
        for fold in range(5):
            out = train[np.isin(contents[train], names[fold::5])]
            rest = np.setdiff1d(train, out)
            for k, alpha in enumerate(ALPHAS):
                predicted[k, out] = sklearn_predict(output.values, y, rest, out, alpha)
        tuning = [stats.spearmanr(row[train], y[train])[0] for row in predicted]
        alphas.append(ALPHAS[int(np.argmax(tuning))])
        values = sklearn_predict(output.values, y, train, test, alphas[-1])
        srcc.append(stats.spearmanr(values, y[test])[0])
    protocol = linear_probe("80/20", n_splits=3)
    rows = by_name(protocol.evaluate(inputs(dataset, {FEATURES: output})))
    assert rows["srcc"].value == pytest.approx(np.median(srcc), abs=1e-9)
    assert rows["alpha"].value == pytest.approx(np.median(alphas))
    assert rows["srcc"].split == "median of 3 splits (80/20)"
    assert protocol.options == {"splits": "80/20", "n_splits": 3}


@pytest.mark.parametrize("parts", [("training", "validation", "test"), ("training", "test")])
def test_the_owners_split_is_one(rated: Rated, inputs: Make, parts: tuple[str, ...]) -> None:
    dataset = owned(rated(45), *parts)
    output = encode(dataset)
    protocol = linear_probe("official")
    found = protocol.evaluate(inputs(dataset, {FEATURES: output}))
    rows = by_name(found)
    split = official_split(dataset.samples, seed=0)
    train, validation, test = (
        rows_of(dataset, part) for part in (split.train, split.validation, split.test)
    )
    y = np.array([s.label for s in dataset.samples])
    tuning = [
        stats.spearmanr(sklearn_predict(output.values, y, train, validation, a), y[validation])[0]
        for a in ALPHAS
    ]
    alpha = ALPHAS[int(np.argmax(tuning))]
    predicted = sklearn_predict(output.values, y, train, test, alpha)
    assert rows["srcc"].value == pytest.approx(stats.spearmanr(predicted, y[test])[0], abs=1e-9)
    assert rows["alpha"].value == pytest.approx(alpha)
    blur = types_of(dataset)[test] == "blur"
    assert by_name(found, "type=blur")["srcc"].value == pytest.approx(
        stats.spearmanr(predicted[blur], y[test][blur])[0], abs=1e-9
    )
    assert {row.split for row in found} == {"official"}
    assert set(rows) == {*METRICS, "alpha"}
    n = len(test)
    assert (rows["srcc"].n_expected, rows["srcc"].n_scored) == (n, n)
    contents = len({dataset.samples[i].content for i in test})
    begin = "jackknife t interval" if contents < 20 else "percentile bootstrap"
    assert rows["srcc"].ci_method.startswith(f"{begin} over {contents} contents")
    assert protocol.needs(frozenset({"features"}), rated(5), 0) == Skip(
        "the owners give no training and test part"
    )


def test_what_a_single_split_lost_is_said_by_part(rated: Rated, inputs: Make) -> None:
    dataset = owned(rated(30), "training", "validation", "test")
    output = encode(dataset)
    output.values[[0, 5, 11, 12]] = np.nan
    rows = by_name(linear_probe("official").evaluate(inputs(dataset, {FEATURES: output})))
    row = rows["srcc"]
    assert (row.n_expected, row.n_scored, row.n_failed) == (50, 48, 2)
    assert "2 of 100 failed in training and validation" in row.reason
    assert "2 failed: first c02-1: features are not finite" in row.reason


def test_contents_on_both_sides_of_an_official_split_are_marked(rated: Rated, inputs: Make) -> None:
    dataset = rated(25)
    mixed = tuple(
        replace(s, split=("training", "test")[i % 2]) for i, s in enumerate(dataset.samples)
    )
    dataset = replace(dataset, samples=mixed)
    rows = linear_probe("official").evaluate(inputs(dataset, {FEATURES: encode(dataset)}))
    assert {"shared contents" in row.marks for row in rows} == {True}
    assert rows[0].reason.startswith("25 contents are in training and in test")


def test_options_that_say_nothing_are_refused(tmp_path: Path) -> None:
    assert linear_probe("70/10/20", 10).options == LINEAR_PROBE.options == {}
    for arguments, message in (
        (("90/10",), "splits: '90/10' is none of 70/10/20, 80/20, official, and no folder"),
        (("80/20", 0), "n_splits is a whole number from 1 on, not 0"),
        (("official", 3), "n_splits goes with 70/10/20 or 80/20, not with 'official'"),
    ):
        with pytest.raises(ValueError, match=message):
            linear_probe(*arguments)
    with pytest.raises(FileNotFoundError, match=r"train.npy: no such split file"):
        linear_probe(str(tmp_path))


def test_split_files_are_named_by_what_they_hold(
    rated: Rated, inputs: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = rated(12)
    output = encode(dataset)
    order = [s.id for s in dataset.samples]
    monkeypatch.setattr(split_files, "row_order", lambda dataset: tuple(order))
    same = content_splits(contents_of(dataset), 4, seed=5)
    for file, part in (("train", "train"), ("val", "validation"), ("test", "test")):
        rows = [[order.index(name) for name in getattr(split, part)] for split in same]
        np.save(tmp_path / f"{file}.npy", np.array(rows))
    protocol = linear_probe(str(tmp_path))
    found = protocol.evaluate(inputs(dataset, {FEATURES: output}))
    name = f"files {split_files.fingerprint(tmp_path)}"
    assert protocol.options == {"splits": name}
    assert {row.split for row in found} == {f"median of 4 splits ({name})"}
    n_tested = len({contents_of(dataset)[name] for split in same for name in split.test})
    assert {row.marks for row in found} == {(f"few contents ({n_tested})",)}
    assert by_name(found)["srcc"].value is not None


def test_features_that_are_mapped_from_disk(rated: Rated, inputs: Make, tmp_path: Path) -> None:
    dataset = rated(24)
    output = encode(dataset)
    np.save(tmp_path / "features.npy", output.values)
    mapped = replace(output, values=np.load(tmp_path / "features.npy", mmap_mode="r"))
    assert LINEAR_PROBE.evaluate(inputs(dataset, {FEATURES: mapped})) == LINEAR_PROBE.evaluate(
        inputs(dataset, {FEATURES: output})
    )


@pytest.mark.parametrize(("splits", "fits"), [("70/10/20", 3), ("80/20", 3 * (5 + 1))])
def test_nothing_is_fitted_twice(
    rated: Rated, inputs: Make, splits: str, fits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, fitted = rated(22), []
    path = SharedRidge.path

    def count(self: SharedRidge, samples: np.ndarray) -> RidgePath:
        fitted.append(tuple(np.unique(samples)))
        return path(self, samples)

    monkeypatch.setattr(SharedRidge, "path", count)
    linear_probe(splits, 3).evaluate(inputs(dataset, {FEATURES: encode(dataset)}))
    assert len(fitted) == len(set(fitted)) == fits
