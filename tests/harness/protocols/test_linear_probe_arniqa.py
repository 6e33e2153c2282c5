"""``linear-probe-arniqa`` against the official evaluation's figures and against scikit-learn."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import Ridge

from harness.protocols import split_files
from harness.protocols.base import Inputs, Measure, Need, Skip
from harness.protocols.linear_probe_arniqa import (
    ALPHAS,
    arniqa_procedure,
    linear_probe_arniqa,
)
from harness.protocols.ridge import SharedRidge
from harness.protocols.splits import content_splits
from harness.sample import Dataset
from harness.store import Output

GOLDEN = Path(__file__).parent / "golden"
SHARED = Path(__file__).parents[3] / ".." / "shared"
FEATURES = Need("features")

Rated = Callable[..., Dataset]
Make = Callable[..., Inputs]


def row_splits(parts: list[np.ndarray], n: int, keep: bool) -> list[tuple[np.ndarray, ...]]:
    """Row numbers of each split; a -1 is the last image, or dropped."""
    return [
        tuple(np.where(part < 0, n - 1, part) if keep else part[part >= 0] for part in split)
        for split in zip(*parts, strict=True)
    ]


def inputs_of(name: str) -> tuple[dict, np.ndarray, np.ndarray, list[np.ndarray]]:
    if name == "synthetic":
        golden = dict(np.load(GOLDEN / "arniqa_protocol_synthetic.npz"))
        parts = [golden[part] for part in ("train", "val", "test")]
        return golden, golden["labels"], golden["types"], parts
    file = SHARED / "parity" / "golden" / f"arniqa_protocol_{name}.npz"
    if not file.exists():
        pytest.skip("no shared figures")
    data, upper = SHARED / "data" / "metadata", name.upper()
    with (data / upper / f"{upper}.txt").open() as lines:
        rows = list(csv.DictReader(lines))
    folder = data / "splits" / upper / "splits"
    parts = [np.load(folder / f"{part}.npy") for part in ("train", "val", "test")]
    labels = np.array([float(row["score"]) for row in rows])
    return dict(np.load(file)), labels, np.array([row["dis_type"] for row in rows]), parts


@pytest.mark.parametrize(
    ("name", "dropped_alpha", "dropped_srcc", "close"),
    [
        ("synthetic", 2.848, 0.894822, 1e-9),
        ("live", 327.5, 0.888457, 1e-3),
        ("csiq", 1.233, 0.903722, 1e-3),
    ],
)
def test_the_official_figures(
    name: str, dropped_alpha: float, dropped_srcc: float, close: float
) -> None:
    golden, labels, types, parts = inputs_of(name)
    features = golden["features"].reshape(len(labels), 5, -1)
    splits = row_splits(parts, len(labels), keep=True)
    done = arniqa_procedure(features, labels, splits)
    assert done.alpha == pytest.approx(float(golden["alpha"]), rel=1e-12)
    tests = [split[2] for split in splits]
    for i, (test, scores) in enumerate(zip(tests, done.scores, strict=True)):
        srcc = stats.spearmanr(scores, labels[test]).statistic
        plcc = stats.pearsonr(scores, labels[test]).statistic
        assert srcc == pytest.approx(golden["test_srcc"][i], abs=1e-5)
        assert plcc == pytest.approx(golden["test_plcc"][i], abs=1e-5)
        for kind, expected in zip(
            golden["distortion_types"], golden["test_srcc_per_type"][:, i], strict=True
        ):
            part = types[test] == kind
            srcc = stats.spearmanr(scores[part], labels[test][part]).statistic
            assert srcc == pytest.approx(expected, abs=close)
    # The published regressors: all images, that alpha.
    ridge = SharedRidge(features, labels, np.array([done.alpha]), standardize=False)
    path = ridge.path(np.ones(len(features), bool))
    expected = golden["coefficients_all_data"]
    np.testing.assert_allclose(path.coefficients[0], expected, atol=1e-8 * np.abs(expected).max())
    intercept = path.label_mean - path.coefficients[0] @ path.feature_means
    assert intercept == pytest.approx(float(golden["intercept_all_data"]), rel=1e-8)
    # Without the padding.
    splits = row_splits(parts, len(labels), keep=False)
    done = arniqa_procedure(features, labels, splits)
    each = [
        stats.spearmanr(scores, labels[split[2]]).statistic
        for split, scores in zip(splits, done.scores, strict=True)
    ]
    assert done.alpha == pytest.approx(dropped_alpha, rel=1e-3)
    assert np.median(each) == pytest.approx(dropped_srcc, abs=1e-6)


def encode(dataset: Dataset) -> Output:
    rng = np.random.default_rng(0)
    labels = np.array([s.label for s in dataset.samples])
    values = labels[:, None, None] * rng.normal(size=8) + 6 * rng.normal(size=(len(labels), 2, 8))
    return Output(tuple(s.id for s in dataset.samples), values.astype(np.float32), {})


def all_rows(rows: list[Measure]) -> dict[tuple[str, str], Measure]:
    return {(row.metric, row.subset): row for row in rows}


def sklearn_predict(
    features: np.ndarray, y: np.ndarray, train: list[int], test: list[int], alpha: float
) -> np.ndarray:
    model = Ridge(alpha=alpha)
    model.fit(features[train].reshape(-1, 8).astype(float), np.repeat(y[train], 2))
    return model.predict(features[test].reshape(-1, 8).astype(float)).reshape(-1, 2).mean(axis=1)


LINEAR_PROBE_ARNIQA = linear_probe_arniqa()
MEASURED = (*("srcc", "srcc_mean", "srcc_split_sd", "plcc", "plcc_mean", "plcc_split_sd", "alpha"),)


def test_one_alpha_for_all_splits(rated: Rated, inputs: Make) -> None:
    dataset = rated(22)
    output = encode(dataset)
    rows = all_rows(LINEAR_PROBE_ARNIQA.evaluate(inputs(dataset, {FEATURES: output})))
    ids, y = list(output.ids), np.array([s.label for s in dataset.samples])
    kinds = np.array([s.damages[0].type for s in dataset.samples])
    splits = [
        [[ids.index(name) for name in part] for part in (s.train, s.validation, s.test)]
        for s in content_splits({s.id: s.content for s in dataset.samples}, seed=0)
    ]
    validated = [
        [
            stats.spearmanr(sklearn_predict(output.values, y, train, validation, a), y[validation])[
                0
            ]
            for a in ALPHAS
        ]
        for train, validation, _ in splits
    ]
    alpha = ALPHAS[int(np.argmax(np.median(validated, axis=0).round(12)))]
    srcc, plcc, blur = [], [], []
    for train, _, test in splits:
        predicted = sklearn_predict(output.values, y, train, test, alpha)
        srcc.append(stats.spearmanr(predicted, y[test])[0])
        plcc.append(stats.pearsonr(predicted, y[test])[0])
        part = kinds[test] == "blur"
        blur.append(stats.spearmanr(predicted[part], y[test][part])[0])
    assert rows["alpha", "all"].value == pytest.approx(alpha)
    assert rows["srcc", "all"].value == pytest.approx(np.median(srcc), abs=1e-9)
    assert rows["plcc", "all"].value == pytest.approx(np.median(plcc), abs=1e-9)
    assert rows["srcc", "type=blur"].value == pytest.approx(np.median(blur), abs=1e-9)
    assert rows["srcc_split_sd", "all"].value == pytest.approx(np.std(srcc, ddof=1), abs=1e-9)
    assert set(rows) == {
        *((m, "all") for m in MEASURED),
        *(("srcc", f"type={kind}") for kind in ("blur", "jpeg")),
    }
    row = rows["srcc", "all"]
    assert row.split == "median of 10 splits (70/10/20)"
    assert row.ci_low is not None
    assert row.ci_low < row.value < row.ci_high  # type: ignore[operator]
    assert rows["alpha", "all"].ci_method is None
    assert (row.n_expected, row.n_failed) == (110, 0)
    assert row.scores is not None
    assert row.n_scored == len(row.scores) < 110
    assert f"{110 - row.n_scored} in no test part" in (row.reason or "")


def split_folder(folder: Path, dataset: Dataset) -> Path:
    """Two splits of the contents in thirds; the second is shorter, so padded."""
    contents = np.array([s.content for s in dataset.samples])
    tables: dict[str, list[np.ndarray]] = {"train": [], "val": [], "test": []}
    for shift in (0, 1):
        group = (np.unique(contents, return_inverse=True)[1] + shift) % 3
        for i, name in enumerate(tables):
            rows = np.flatnonzero(group == i)
            tables[name].append(rows[: len(rows) - shift])
    for name, parts in tables.items():
        length = max(map(len, parts))
        padded = [np.pad(p, (0, length - len(p)), constant_values=-1) for p in parts]
        np.save(folder / f"{name}.npy", np.stack(padded))
    return folder


def test_the_padding_of_split_files(
    rated: Rated, inputs: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = rated(21)
    order = tuple(s.id for s in dataset.samples)
    for module in ("split_files", "linear_probe_arniqa"):
        monkeypatch.setattr(f"harness.protocols.{module}.row_order", lambda dataset: order)
    folder, output = split_folder(tmp_path, dataset), encode(dataset)
    y = np.array([s.label for s in dataset.samples])
    parts = [np.load(folder / f"{name}.npy") for name in ("train", "val", "test")]
    found = {}
    for keep in (True, False):
        protocol = linear_probe_arniqa(str(folder), keep)
        rows = all_rows(protocol.evaluate(inputs(dataset, {FEATURES: output})))
        splits = row_splits(parts, len(y), keep)
        done = arniqa_procedure(output.values, y, splits)
        each = [
            stats.spearmanr(scores, y[split[2]]).statistic
            for split, scores in zip(splits, done.scores, strict=True)
        ]
        assert rows["srcc", "all"].value == pytest.approx(np.median(each), abs=1e-12)
        assert rows["alpha", "all"].value == done.alpha
        name = f"files {split_files.fingerprint(folder)}"
        assert rows["srcc", "all"].split == f"median of 2 splits ({name})"
        expected = {"splits": name} if keep else {"splits": name, "keep_padding": False}
        assert protocol.options == expected
        found[keep] = rows["srcc", "all"]
    assert found[True].value != found[False].value
    assert order[-1] in found[True].scores  # type: ignore[operator]


def test_splits_whose_test_contents_were_trained_on(
    rated: Rated, inputs: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = rated(21)
    ids = tuple(s.id for s in dataset.samples)
    order = ids[3:] + ids[:3]  # another list: contents are five rows each
    for module in ("split_files", "linear_probe_arniqa"):
        monkeypatch.setattr(f"harness.protocols.{module}.row_order", lambda dataset: order)
    protocol = linear_probe_arniqa(str(split_folder(tmp_path, dataset)))
    with pytest.raises(ValueError, match="is in training and in test"):
        protocol.evaluate(inputs(dataset, {FEATURES: encode(dataset)}))


def test_no_number_has_a_reason(rated: Rated, inputs: Make) -> None:
    dataset = rated(12)
    flat = replace(encode(dataset), values=np.ones((60, 2, 8), np.float32))
    for output, reason in (
        (flat, "features do not vary"),
        (Output((), np.empty(0), {s.id: "cut" for s in dataset.samples}), "a part of a split is"),
    ):
        rows = LINEAR_PROBE_ARNIQA.evaluate(inputs(dataset, {FEATURES: output}))
        assert [row.metric for row in rows] == ["srcc", "plcc", "alpha"]
        assert {row.value for row in rows} == {None}
        assert all((row.reason or "").startswith(reason) for row in rows)
    same = np.zeros(60)
    splits = row_splits([np.arange(60)[None]] * 3, 60, keep=True)
    with pytest.raises(ValueError, match="no alpha has an SRCC"):
        arniqa_procedure(encode(dataset).values, same, splits)


def test_failures_are_counted(rated: Rated, inputs: Make) -> None:
    dataset = rated(22)
    output = encode(dataset)
    part = Output(output.ids[2:], output.values[2:], {"c00-0": "cut", "c00-1": "cut"})
    rows = all_rows(LINEAR_PROBE_ARNIQA.evaluate(inputs(dataset, {FEATURES: part})))
    assert {(r.n_expected, r.n_failed) for (_, s), r in rows.items() if s == "all"} == {(110, 2)}
    assert (rows["srcc", "type=blur"].n_expected, rows["srcc", "type=blur"].n_failed) == (66, 1)
    assert "2 failed: first c00-0: cut" in (rows["srcc", "all"].reason or "")


def test_what_it_needs_and_refuses(rated: Rated) -> None:
    dataset = rated(3)
    needs = LINEAR_PROBE_ARNIQA.needs
    assert needs(frozenset({"features", "score"}), dataset, 0) == (FEATURES,)
    assert needs(frozenset({"score"}), dataset, 0) == Skip("gives no features")
    unlabeled = replace(dataset, label_kind="none")
    assert needs(frozenset({"features"}), unlabeled, 0) == Skip("the dataset has no labels")
    with pytest.raises(ValueError, match="keep_padding goes with a folder"):
        linear_probe_arniqa(keep_padding=False)
    with pytest.raises(ValueError, match=r"none of .*official, and no folder"):
        linear_probe_arniqa("nowhere")
    with pytest.raises(ValueError, match="needs a validation part"):
        linear_probe_arniqa("80/20")
    assert linear_probe_arniqa("official").options == {"splits": "official"}
