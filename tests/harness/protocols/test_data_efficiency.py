"""``data-efficiency`` against the same thing written out with scikit-learn and SciPy."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.evaluate import checked
from harness.protocols import fraction_heads
from harness.protocols.base import Inputs, Measure, Need, Skip
from harness.protocols.data_efficiency import CURVE, DATA_EFFICIENCY, data_efficiency
from harness.protocols.fraction_fits import fits_of
from harness.protocols.fractions import labeled, nested_fractions, size_of
from harness.protocols.heads import ALPHAS
from harness.protocols.splits import shuffled
from harness.sample import Dataset, Sample
from harness.source import FileSource
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


def chosen(steps, y: np.ndarray, contents: np.ndarray) -> int:
    """One standard error's worth of shrinkage, on the last steps that hold 20 contents."""
    kept = []
    for rows, predicted in steps[::-1]:
        if rows.sum() < 2:
            continue
        kept.append((rows, predicted))
        if len(set(contents[np.any([r for r, _ in kept], axis=0)])) >= 20:
            break
    n = sum(rows.sum() for rows, _ in kept)
    srcc = [
        sum(r.sum() * stats.spearmanr(p[i], y[r]).statistic for r, p in kept) / n
        for i in range(len(ALPHAS))
    ]
    least = max(srcc) - (1 - max(srcc) ** 2) / n**0.5
    return max(i for i, value in enumerate(srcc) if value >= least)


def by_hand(
    dataset: Dataset, output: Output, shares: tuple[float, ...], repeats: int, chained: bool
):
    """share → (SRCC of each repeat on the fixed part, on the rest)."""
    samples = sorted(dataset.samples, key=lambda s: s.id)
    x = output.at([s.id for s in samples])
    y = np.array([s.label for s in samples])
    contents = np.array([s.content for s in samples])
    result = {share: ([], []) for share in shares}
    for repeat in range(repeats):
        order = shuffled(set(contents), 0, repeat)
        test = np.isin(contents, order[-round(0.2 * len(order)) :])
        last = np.zeros(len(y), bool)
        steps = []  # rows, and their predictions by heads that had not seen them
        for share in sorted({*CURVE, *shares}):
            train = np.isin(contents, order[: round(share * len(order))])
            if train.sum() == last.sum() or len(set(contents[train])) < 2:
                continue
            if last.any():
                added = train & ~last
                steps.append((added, predictions(x, y, last, added)))
            if chained and any(rows.sum() > 1 for rows, _ in steps):
                choice = chosen(steps, y, contents)
            else:
                names = shuffled(set(contents[train]))
                oof = np.empty((len(ALPHAS), len(y)))
                for k in range(min(5, len(names))):
                    out = train & np.isin(contents, names[k :: min(5, len(names))])
                    oof[:, out] = predictions(x, y, train & ~out, out)
                srcc = [stats.spearmanr(row, y[train]).statistic for row in oof[:, train]]
                choice = int(np.argmax(srcc))
            last = train
            if share not in shares:
                continue
            for which, where in enumerate((test, ~train)):
                scores = predictions(x, y, train, where)[choice]
                result[share][which].append(stats.spearmanr(scores, y[where]).statistic)
    return result


@pytest.mark.parametrize("per_content", [1, 3])
@pytest.mark.parametrize("chained", [False, True])
def test_the_curve_is_that_of_scikit_learn(
    rated: Rated, inputs: Make, per_content: int, chained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if chained:  # all but the smallest fraction
        monkeypatch.setattr(fraction_heads, "_SMALL", 0)
        monkeypatch.setattr(fraction_heads, "_SMALL_OF_FEW", 0)
    dataset = rated(60, per_content)
    output, shares = encode(dataset), (0.05, 0.1, 0.25, 0.8)
    rows = data_efficiency(shares, 3).evaluate(inputs(dataset, {FEATURES: output}))
    expected = by_hand(dataset, output, shares, 3, chained)
    for share in shares:
        fixed, rest = expected[share]
        name = f"fraction={100 * share:g}%"
        row = found(rows, name)
        assert row["srcc"].value == pytest.approx(np.mean(fixed), abs=1e-6)
        assert row["srcc_split_sd"].value == pytest.approx(np.std(fixed, ddof=1), abs=1e-6)
        assert row["srcc_split_sd"].ci_low is None
        error = np.std(fixed, ddof=1) / 3**0.5
        expected_ci = stats.t.interval(0.95, 2, np.mean(fixed), error)
        found_ci = row["srcc"].ci_low, row["srcc"].ci_high
        assert found_ci == pytest.approx(np.clip(expected_ci, -1, 1), abs=1e-5)
        assert row["srcc"].ci_method == "t interval over 3 repeats of this dataset"
        unit = "images (60)" if per_content == 1 else "contents (60)"
        assert row["srcc"].split == f"mean of 3 repeats, fixed 20% test part, unit: {unit}"
        assert row["srcc"].n_scored == len(row["srcc"].scores) < len(dataset.samples)
        assert (
            f"{len(dataset.samples) - row['srcc'].n_scored} in no test part" in row["srcc"].reason
        )
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
        assert (row.n_expected, row.n_failed) == (80, 1)
        assert row.n_scored == len(row.scores) < 80
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
    assert isinstance(DATA_EFFICIENCY.needs(frozenset({"score"}), dataset, 0), Skip)
    bare = replace(dataset, label_kind="none")
    assert isinstance(DATA_EFFICIENCY.needs(frozenset({"features"}), bare, 0), Skip)


def test_a_number_does_not_depend_on_which_others_are_asked_for(rated: Rated, inputs: Make) -> None:
    dataset = rated(40, 3)
    given = inputs(dataset, {FEATURES: encode(dataset)})
    alone = found(data_efficiency([0.25], 3).evaluate(given), "fraction=25%")
    among = found(data_efficiency(repeats=3).evaluate(given), "fraction=25%")
    assert alone == among
    assert alone == found(data_efficiency(0.25, 3).evaluate(given), "fraction=25%")


def test_one_repeat_has_no_spread(rated: Rated, inputs: Make) -> None:
    dataset = rated(40, 2)
    rows = data_efficiency([0.25], 1).evaluate(inputs(dataset, {FEATURES: encode(dataset)}))
    for row in map(checked, rows):
        assert (row.value is None) == row.metric.endswith("_split_sd")
        assert (row.ci_low, row.ci_high) == (None, None)
        if row.value is None:
            assert row.reason.startswith("one repeat")
        else:
            assert row.ci_method == "no interval: one repeat"


def test_shares_that_come_to_the_same_contents_each_have_their_row(
    rated: Rated, inputs: Make
) -> None:
    dataset = rated(25, 4)  # 7 % and 10 % are two contents, 5 % is one
    rows = DATA_EFFICIENCY.evaluate(inputs(dataset, {FEATURES: encode(dataset)}))
    seven, ten = (found(rows, f"fraction={share}%")["srcc"] for share in (7, 10))
    assert seven.value == ten.value is not None
    assert found(rows, "fraction=10% test=rest")["srcc"].value is not None
    assert found(rows, "fraction=5%")["srcc"].reason == "fewer than 2 contents"


def test_repeats_without_a_number_are_counted(rated: Rated, inputs: Make) -> None:
    dataset = rated(25, 4)
    output = encode(dataset)
    there = [i for i, name in enumerate(output.ids) if int(name[1:3]) < 10]
    gone = {name: "gone" for name in output.ids if int(name[1:3]) >= 10}
    part = Output(tuple(output.ids[i] for i in there), output.values[there], gone)
    rows = DATA_EFFICIENCY.evaluate(inputs(dataset, {FEATURES: part}))
    row = found(rows, "fraction=15%")["srcc"]
    assert "of 10 repeats: too few contents" in row.reason
    assert row.n_scored == len(row.scores)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"fractions": "0.05,0.25"}, "fractions are numbers, as"),
        ({"fractions": [0.9]}, "at most at 0.8"),
        ({"fractions": []}, "above 0"),
        ({"repeats": 0}, "whole number"),
        ({"repeats": 2.5}, "whole number"),
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
        assert list(fraction.shares) == sorted(fraction.shares)
        sizes = {size_of(share, len(set(contents))) for share in fraction.shares}
        assert sizes == {len(set(names[list(train)]))}
        assert fixed
        assert not set(names[list(train)]) & set(names[list(fixed)])
        assert not set(names[list(train)]) & set(np.delete(names, list(train)))
        last = train
        shares += fraction.shares
    assert shares == sorted(shares) == sorted(set(shares))


@given(st.integers(2, 90), st.integers(1, 3), st.integers(0, 3), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_parts_of_larger_fractions_hold_those_of_smaller_ones(n, per_content, repeat, seed):
    samples = [
        Sample(f"{c}-{i}", FileSource(Path(f"{c}-{i}.png")), f"c{c}", label=float(c + i))
        for c in range(n)
        for i in range(per_content)
    ]
    dataset = Dataset("d", tuple(samples), label_kind="mos")
    content = {s.id: s.content for s in samples}
    rows, smaller = [s.id for s in labeled(dataset)], [set[str](), set[str]()]
    fits = fits_of(dataset, CURVE, repeat + 1, seed)
    seeds = {need.fit.seed for _, need in fits}
    assert len(seeds) == (repeat + 1 if fits else 0)
    last = [
        (fraction, need.fit) for fraction, need in fits if need.fit.seed == fits[-1][1].fit.seed
    ]
    for fraction, fit in last:
        parts = [set(fit.train), set(fit.validation)]
        learned, held_out, tested = ({content[i] for i in part} for part in (*parts, fit.test))
        assert not learned & held_out
        assert not (learned | held_out) & tested
        assert parts[0] | parts[1] == {rows[i] for i in fraction.train}
        count = len(learned | held_out)
        assert learned
        assert len(held_out) == max(1, round(count / 8))
        assert smaller[0] < parts[0] or not smaller[0]
        assert smaller[1] <= parts[1]
        smaller = parts


def test_fits_of_fractions_against_scipy(rated: Rated, inputs: Make) -> None:
    dataset = rated(40, 3)
    protocol = data_efficiency([0.1, 0.5], 3)
    needs = protocol.needs(frozenset({"fit", "features"}), dataset, 0)
    assert isinstance(needs, tuple)
    assert len(needs) == 6
    label = {s.id: s.label for s in dataset.samples}
    content = {s.id: s.content for s in dataset.samples}
    rng = np.random.default_rng(0)
    outputs, expected = {}, {(0.1, False): [], (0.1, True): [], (0.5, False): []}
    for i, need in enumerate(needs):
        share, fit = (0.1, 0.5)[i % 2], need.fit
        order = shuffled(set(content.values()), 0, i // 2)
        learned = {content[name] for name in (*fit.train, *fit.validation)}
        assert learned == set(order[: round(share * 40)])
        held_out = {order[0]} if share == 0.1 else {order[0], order[11]}  # of 4, of 20
        assert {content[n] for n in fit.validation} == held_out
        assert fit.seed == int(hashlib.sha256(f"[0,{i // 2}]".encode()).hexdigest()[:8], 16)
        assert not {content[name] for name in fit.train} & {content[n] for n in fit.validation}
        fixed = [name for name in fit.test if content[name] in order[-8:]]
        assert len(fixed) == 24
        assert len(fit.test) == (108 if share == 0.1 else 24)
        ids = tuple(sorted(fit.test))
        values = np.array([label[name] + 3 * rng.normal() for name in ids])
        outputs[need] = Output(ids, values, {})
        for rest, tested in ((False, fixed), (True, ids)):
            if (share, rest) in expected:
                y = [label[name] for name in tested]
                srcc = stats.spearmanr(outputs[need].at(tested), y).statistic
                expected[share, rest].append(srcc)
    rows = protocol.evaluate(inputs(dataset, outputs))
    for (share, rest), each in expected.items():
        row = found(rows, f"fraction={100 * share:g}%" + (" test=rest" if rest else ""))["srcc"]
        assert row.value == pytest.approx(np.mean(each), abs=1e-12)
        assert row.split.endswith(
            "fine-tuned, an eighth of a fraction's contents, at least one, for validation"
        )
        assert row.ci_low < row.value < row.ci_high
    lost = {**outputs, needs[0]: Output((), np.empty(0), dict.fromkeys(needs[0].fit.test, "no"))}
    row = found(protocol.evaluate(inputs(dataset, lost)), "fraction=10%")["srcc"]
    assert row.value == pytest.approx(np.mean(expected[0.1, False][1:]), abs=1e-12)
    assert "1 of 3 fits without a score: first no" in row.reason
    few = protocol.needs(frozenset({"fit"}), rated(2), 0)
    assert few == Skip("no fraction has 2 contents")
