"""``krasula``: pairs by hand, areas under the curve by scikit-learn, an honest n."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from harness.model import ModelCard
from harness.protocols import label_pairs
from harness.protocols.base import Inputs, Measure, Need, Skip
from harness.protocols.krasula import krasula
from harness.protocols.label_pairs import LARGEST, Pairs, different, draw_pairs, told
from harness.sample import Dataset, Sample
from harness.source import FileSource
from harness.store import Output

NOWHERE = FileSource(Path("nowhere.png"))
SCORE, PAIR = Need("score"), Need("score_pair")


def dataset(n: int = 75, n_contents: int = 25, std: float | None = 1.5) -> Dataset:
    y = np.random.default_rng(n).normal(size=n)
    samples = (
        Sample(f"s{i:03}", NOWHERE, f"c{i % n_contents:02}", label=float(y[i]), label_std=std)
        for i in range(n)
    )
    return Dataset("rated", tuple(samples), label_kind="mos")


def evaluate(
    data: Dataset, scores: dict[str, float], observers: float = 20, need: Need = SCORE
) -> dict[str, Measure]:
    output = Output(tuple(scores), np.array(list(scores.values())), {})
    inputs = Inputs(ModelCard("model", "1", "NR"), data, {need: output}, {}, seed=0)
    rows = krasula(observers).evaluate(inputs)
    return {row.metric: row for row in rows}


def noisy(data: Dataset, noise: float = 0.7) -> dict[str, float]:
    rng = np.random.default_rng(1)
    return {s.id: round(float((s.label or 0) + noise * rng.normal()), 1) for s in data.samples}


def test_numbers_are_those_of_scikit_learn_on_hand_made_pairs() -> None:
    data = dataset()
    scores = noisy(data)  # rounded: there are ties
    size, differs, signed, better = [], [], [], []
    for a, b in combinations(data.samples, 2):
        assert a.label is not None
        assert b.label is not None
        z = (a.label - b.label) / np.sqrt((1.5**2 + 1.5**2) / 20)
        significant = 2 * stats.norm.sf(abs(z)) < 0.05
        size.append(abs(scores[a.id] - scores[b.id]))
        differs.append(significant)
        if significant:
            for one, other in ((a, b), (b, a)):
                signed.append(scores[one.id] - scores[other.id])
                better.append(one.label > other.label)  # type: ignore[operator]
    rows = evaluate(data, scores)
    expected = {
        "auc_different_similar": roc_auc_score(differs, size),
        "auc_better_worse": roc_auc_score(better, signed),
        "c0": np.mean([(d > 0 and b) or (d < 0 and not b)
                       for d, b in zip(signed, better, strict=True)]),
    }  # fmt: skip
    assert set(rows) == set(expected)
    for name, row in rows.items():
        assert row.value == pytest.approx(expected[name], abs=1e-12)
        assert row.ci_low is not None
        assert row.ci_high is not None
        assert row.ci_low < row.value < row.ci_high
        assert row.reason == (
            f"{sum(differs)} of 2775 pairs differ (z-test at 5 %, 20 observers); "
            "2775 of 2775 pairs compared"
        )
        assert row.scores == scores
        assert (row.n_expected, row.n_scored, row.n_failed) == (75, 75, 0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 30), st.integers(2, 6), st.integers(2, 8))
def test_resamples_weigh_each_pair_by_its_contents(
    seed: int, n: int, n_contents: int, levels: int
) -> None:
    rng = np.random.default_rng(seed)
    scores, labels = rng.integers(0, levels, n).astype(float), rng.normal(size=n)
    groups, pairs = rng.integers(0, n_contents, n), draw_pairs(n, 0)
    apart = rng.random(len(pairs.first)) < 0.5
    counts = rng.integers(0, 4, (11, n_contents)).astype(np.uint16)
    found = told(scores, labels, groups, pairs, apart)
    with np.errstate(all="ignore"):
        sizes, signs, c0 = (
            f(counts) for f in (found.different_similar, found.better_worse, found.c0)
        )
    score = scores[pairs.first] - scores[pairs.second]
    signed = (score * np.sign(labels[pairs.first] - labels[pairs.second]))[apart]
    for b, drawn in enumerate(counts):
        w = drawn[groups[pairs.first]].astype(float) * drawn[groups[pairs.second]]
        if w[apart].sum() == 0:
            assert np.isnan([sizes[b], signs[b], c0[b]]).all()
            continue
        both = np.r_[signed, -signed]
        truth = np.r_[np.ones(len(signed)), np.zeros(len(signed))]
        expected = roc_auc_score(truth, both, sample_weight=np.r_[w[apart], w[apart]])
        assert signs[b] == pytest.approx(expected, abs=1e-12)
        assert c0[b] == pytest.approx(np.average(signed > 0, weights=w[apart]))
        if w[~apart].sum() > 0:
            expected = roc_auc_score(apart, np.abs(score), sample_weight=w)
            assert sizes[b] == pytest.approx(expected, abs=1e-12)
        else:
            assert np.isnan(sizes[b])


def test_perfect_and_reversed_scores() -> None:
    data = dataset()
    right = {s.id: float(s.label or 0) for s in data.samples}
    rows = evaluate(data, right)
    assert rows["c0"].value == rows["auc_better_worse"].value == 1
    assert rows["auc_different_similar"].value == 1  # equal SDs: the test is on the difference
    rows = evaluate(data, {name: -x for name, x in right.items()})
    assert rows["c0"].value == rows["auc_better_worse"].value == 0
    assert rows["auc_different_similar"].value == 1


def test_the_z_test_is_on_the_standard_errors() -> None:
    labels, deviations = np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0, 0.0])
    pairs = Pairs(np.array([0, 0, 1]), np.array([1, 2, 2]), 3)
    # |z| of the first: 1 / sqrt(2 / n), of the second: 1 / sqrt(1 / n).
    assert different(labels, deviations, 3, pairs).tolist() == [False, False, False]
    assert different(labels, deviations, 5, pairs).tolist() == [False, True, False]
    assert different(labels, deviations, 8, pairs).tolist() == [True, True, False]
    exact = different(np.zeros(3), np.zeros(3), 8, pairs)
    assert not exact.any()  # equal labels without any spread do not differ


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 90))
def test_all_pairs_once(n: int) -> None:
    pairs = draw_pairs(n, 0)
    found = set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert found == set(combinations(range(n), 2))
    assert len(pairs.first) == pairs.n_all == comb(n, 2)


def test_many_samples_get_a_seeded_part_of_their_pairs() -> None:
    pairs = draw_pairs(20_000, 3)
    assert (len(pairs.first), pairs.n_all) == (LARGEST, comb(20_000, 2))
    assert (pairs.first < pairs.second).all()
    assert (pairs.first >= 0).all()
    assert pairs.second.max() < 20_000
    assert len(set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))) == LARGEST
    again, other = draw_pairs(20_000, 3), draw_pairs(20_000, 4)
    assert np.array_equal(again.first, pairs.first)
    assert not np.array_equal(other.first, pairs.first)
    assert pairs.second.mean() == pytest.approx(20_000 * 2 / 3, rel=0.01)


def test_a_model_that_failed_loses_its_pairs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pairs are the dataset's: those that are left are among those of a whole model."""
    monkeypatch.setattr(label_pairs, "LARGEST", 500)
    data = dataset()
    samples = (*data.samples[:-2], *(replace(s, label_std=None) for s in data.samples[-2:]))
    data = replace(data, samples=samples)
    scores = noisy(data)
    whole = evaluate(data, scores)["c0"]
    del scores["s010"]
    part = evaluate(data, scores)["c0"]
    assert whole.reason is not None
    assert part.reason is not None
    assert "500 of 2628 pairs compared; 2 without a label and its SD" in whole.reason
    pairs = draw_pairs(73, 0)
    left = int(((pairs.first != 10) & (pairs.second != 10)).sum())
    assert f"{left} of 2628 pairs compared; 1 failed: first s010: no result" in part.reason
    assert (part.n_expected, part.n_scored, part.n_failed) == (75, 72, 3)


def test_no_pair_on_one_side() -> None:
    data = dataset()
    rows = evaluate(data, noisy(data), observers=1.000001)
    assert all(row.value is not None for row in rows.values())
    alike = replace(data, samples=tuple(replace(s, label_std=1e6) for s in data.samples))
    for row in evaluate(alike, noisy(data)).values():
        assert row.value is None
        assert (row.reason or "").startswith("0 of 2775 pairs differ")


def test_few_contents_are_marked() -> None:
    data = dataset(40, 8)
    for row in evaluate(data, noisy(data)).values():
        assert row.marks == ("few contents (8)",)
        assert row.ci_method == (
            "jackknife t interval over 8 contents, pairs drawn with their contents"
        )


def test_needs() -> None:
    data, offers = dataset(), frozenset({"score"})
    assert krasula(20).needs(offers, data, 0) == (SCORE,)
    found = krasula().needs(offers, data, 0)
    assert isinstance(found, Skip)
    assert found.reason.startswith("number of observers unknown")
    assert "option observers" in found.reason
    assert krasula(20).needs(offers, dataset(std=None), 0) == Skip("the labels have no SDs")
    assert isinstance(krasula(20).needs(frozenset({"features"}), data, 0), Skip)
    assert isinstance(krasula(20).needs(frozenset({"score_pair"}), data, 0), Skip)
    assert krasula(20).options == {"observers": 20}
    assert krasula().options == {}
    with pytest.raises(ValueError, match="at least 1"):
        krasula(0.5)


def test_the_datasets_own_number_serves_where_none_is_given() -> None:
    data = dataset()
    known = replace(data, observers=20)
    assert krasula().needs(frozenset({"score"}), known, 0) == (SCORE,)
    scores = noisy(data)
    output = Output(tuple(scores), np.array(list(scores.values())), {})
    inputs = Inputs(ModelCard("model", "1", "NR"), known, {SCORE: output}, {}, seed=0)
    assert krasula().evaluate(inputs) == krasula(20).evaluate(inputs)
    assert "5 observers" in (krasula(5).evaluate(inputs)[0].reason or "")


def test_full_reference_scores_stand_for_their_image() -> None:
    data = dataset(30)
    data = replace(
        data,
        samples=tuple(replace(s, reference="ref") for s in data.samples),
        references=(Sample("ref", NOWHERE, "ref"),),
    )
    scores = noisy(data)
    assert krasula(20).needs(frozenset({"score_pair"}), data, 0) == (PAIR,)
    by_pair = evaluate(data, {p.id: scores[p.test] for p in data.pairs}, need=PAIR)
    assert by_pair == evaluate(data, scores)
