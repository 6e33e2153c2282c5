"""``data-efficiency`` against the same thing written out with scikit-learn and SciPy."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.protocols.base import Inputs, Measure, Need, Skip
from harness.protocols.data_efficiency import CURVE, DATA_EFFICIENCY, data_efficiency
from harness.protocols.fractions import nested_fractions
from harness.protocols.heads import ALPHAS
from harness.protocols.splits import shuffled
from harness.sample import Dataset
from harness.store import Output

Rated = Callable[..., Dataset]
Make = Callable[..., Inputs]
FEATURES = Need("features")


def encode(dataset: Dataset, noise: float = 30.0, width: int = 9, views: int = 2) -> Output:
    rng = np.random.default_rng(1)
    labels = np.array([s.label for s in dataset.samples])
    values = labels[:, None, None] * rng.normal(size=width)
    values = values + noise * rng.normal(size=(len(labels), views, width))
    return Output(tuple(s.id for s in dataset.samples), values.astype(np.float32), {})


def found(rows: list[Measure], subset: str) -> dict[str, Measure]:
    return {row.metric: row for row in rows if row.subset == subset}


def predictions(x: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Of every alpha, ``[A, n]``, by scikit-learn."""
    views, width = x.shape[1:]
    rows, labels = x[train].reshape(-1, width).astype(float), np.repeat(y[train], views)
    out = []
    for alpha in ALPHAS:
        model = make_pipeline(StandardScaler(), Ridge(alpha=alpha)).fit(rows, labels)
        out.append(model.predict(x[test].reshape(-1, width)).reshape(-1, views).mean(1))
    return np.array(out)


def best(predicted: np.ndarray, y: np.ndarray) -> int:
    return int(np.argmax([stats.spearmanr(row, y).statistic for row in predicted]))


def by_hand(dataset: Dataset, output: Output, shares: tuple[float, ...], repeats: int):
    """share → (SRCC of each repeat on the fixed part, on the rest)."""
    samples = sorted(dataset.samples, key=lambda s: s.id)
    x = output.at([s.id for s in samples])
    y = np.array([s.label for s in samples])
    contents = np.array([s.content for s in samples])
    result = {share: ([], []) for share in shares}
    for repeat in range(repeats):
        order = shuffled(set(contents), 0, repeat)
        test = np.isin(contents, order[-round(0.2 * len(order)) :])
        last = None
        for share in shares:
            train = np.isin(contents, order[: round(share * len(order))])
            if last is None:
                names = shuffled(set(contents[train]))
                oof = np.full((len(ALPHAS), len(y)), np.nan)
                for k in range(min(5, len(names))):
                    out = train & np.isin(contents, names[k :: min(5, len(names))])
                    oof[:, out] = predictions(x, y, train & ~out, out)
                choice = best(oof[:, train], y[train])
            else:
                added = train & ~last
                choice = best(predictions(x, y, last, added), y[added])
            for which, where in enumerate((test, ~train)):
                scores = predictions(x, y, train, where)[choice]
                result[share][which].append(stats.spearmanr(scores, y[where]).statistic)
            last = train
    return result


@pytest.mark.parametrize("per_content", [1, 3])
def test_the_curve_is_that_of_scikit_learn(rated: Rated, inputs: Make, per_content: int) -> None:
    dataset = rated(60, per_content)
    output, shares = encode(dataset), (0.05, 0.1, 0.25, 0.8)
    rows = data_efficiency(shares, 3).evaluate(inputs(dataset, {FEATURES: output}))
    expected = by_hand(dataset, output, shares, 3)
    for share in shares:
        fixed, rest = expected[share]
        name = f"fraction={100 * share:g}%"
        row = found(rows, name)
        assert row["srcc"].value == pytest.approx(np.mean(fixed), abs=1e-6)
        assert row["srcc_split_sd"].value == pytest.approx(np.std(fixed, ddof=1), abs=1e-6)
        assert row["srcc"].ci_low is None  # a spread over repeats is no interval
        unit = "images (60)" if per_content == 1 else "contents (60)"
        assert row["srcc"].split == f"mean of 3 repeats, fixed 20% test part, unit: {unit}"
        other = found(rows, f"{name} test=rest")
        assert ("srcc" in other) == (share < 0.5)
        if other:
            assert other["srcc"].value == pytest.approx(np.mean(rest), abs=1e-6)


def test_more_labels_help(rated: Rated, inputs: Make) -> None:
    dataset = rated(100, 1)
    rows = DATA_EFFICIENCY.evaluate(inputs(dataset, {FEATURES: encode(dataset, noise=20)}))
    curve = {r.subset: r.value for r in rows if r.metric == "srcc" and r.value is not None}
    assert curve["fraction=80%"] > curve["fraction=20%"] > curve["fraction=2%"]
    assert {r.subset for r in rows if r.value is None} == {"fraction=1%"}  # one image


def test_the_order_of_the_table_and_a_missing_sample(rated: Rated, inputs: Make) -> None:
    dataset = rated(40, 2)
    output, protocol = encode(dataset), data_efficiency((0.2, 0.6), 2)
    rows = protocol.evaluate(inputs(dataset, {FEATURES: output}))
    samples = list(dataset.samples)
    random.Random(0).shuffle(samples)
    moved = replace(dataset, samples=tuple(samples))
    assert protocol.evaluate(inputs(moved, {FEATURES: output})) == rows
    lost = Output(output.ids[1:], output.values[1:], {output.ids[0]: "broken"})
    for row in protocol.evaluate(inputs(dataset, {FEATURES: lost})):
        assert (row.n_expected, row.n_scored, row.n_failed) == (80, 79, 1)
        assert "1 failed: first c00-0: broken" in str(row.reason)


def test_features_that_say_nothing_and_no_features(rated: Rated, inputs: Make) -> None:
    dataset = rated(30)
    flat = replace(encode(dataset), values=np.ones((150, 1, 4), np.float32))
    rows = DATA_EFFICIENCY.evaluate(inputs(dataset, {FEATURES: flat}))
    assert {row.reason for row in rows} == {"features do not vary"}
    assert {row.value for row in rows} == {None}
    none = Output((), np.empty(0), {s.id: "no" for s in dataset.samples})
    rows = DATA_EFFICIENCY.evaluate(inputs(dataset, {FEATURES: none}))
    assert {row.n_failed for row in rows} == {150}
    assert isinstance(DATA_EFFICIENCY.needs(frozenset({"score"}), dataset), Skip)
    bare = replace(dataset, label_kind="none")
    assert isinstance(DATA_EFFICIENCY.needs(frozenset({"features"}), bare), Skip)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"fractions": [0.9]}, "at most at 0.8"),
        ({"fractions": []}, "above 0"),
        ({"repeats": 0}, "one repeat"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        data_efficiency(**options)


@given(
    st.lists(st.sampled_from([f"c{i}" for i in range(40)]), min_size=1, max_size=120),
    st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_fractions_are_nested_whole_and_apart_from_the_test_part(contents, repeat):
    names = np.array(contents)
    last: set[int] = set()
    shares = []
    for fraction in nested_fractions(contents, CURVE, repeat, 0):
        train, added, fixed = (
            set(rows.tolist()) for rows in (fraction.train, fraction.added, fraction.fixed)
        )
        assert last < train
        assert added == train - last
        assert fixed
        assert not set(names[list(train)]) & set(names[list(fixed)])
        assert not set(names[list(train)]) & set(np.delete(names, list(train)))
        last = train
        shares.append(fraction.share)
    assert shares == sorted(shares)
