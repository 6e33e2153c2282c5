"""``correlation``: numbers against SciPy, and an honest n with its reasons."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from harness.protocols.base import Inputs, Measure, Need, Skip
from harness.protocols.correlation import CORRELATION
from harness.sample import Damage, Dataset, Pair
from harness.store import Output

Rated = Callable[..., Dataset]
Make = Callable[..., Inputs]
SCORE, PAIR = Need("score"), Need("score_pair")


def noisy(dataset: Dataset, noise: float = 1.0) -> dict[str, float]:
    rng = np.random.default_rng(0)
    return {s.id: float(s.label or 0) + noise * rng.normal() for s in dataset.samples}


def output(scores: dict[str, float], failures: dict[str, str] | None = None) -> Output:
    return Output(tuple(scores), np.array(list(scores.values())), failures or {})


def by_name(rows: list[Measure]) -> dict[tuple[str, str], Measure]:
    found = {(row.metric, row.subset): row for row in rows}
    assert len(found) == len(rows)
    return found


def test_numbers_are_scipys(rated: Rated, inputs: Make) -> None:
    dataset = rated(25)
    scores = noisy(dataset)
    rows = by_name(CORRELATION.evaluate(inputs(dataset, {SCORE: output(scores)})))
    x = [scores[s.id] for s in dataset.samples]
    y = [s.label for s in dataset.samples]
    assert rows["srcc", "all"].value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    assert rows["plcc", "all"].value == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-12)
    assert rows["krcc", "all"].value == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-12)
    for kind in ("blur", "jpeg"):
        part = [i for i, s in enumerate(dataset.samples) if s.damages[0].type == kind]
        expected = stats.spearmanr(np.array(x)[part], np.array(y)[part]).statistic
        row = rows["srcc", f"type={kind}"]
        assert row.value == pytest.approx(expected, abs=1e-12)
        assert (row.n_expected, row.n_scored, row.n_failed) == (len(part), len(part), 0)
    assert len(rows) == 5 + 2
    for row in rows.values():
        assert row.ci_low < row.value < row.ci_high
        assert row.ci_method.startswith("percentile bootstrap over 25 contents, B=1000, seed 0")
        assert row.marks == ()
        assert row.reason is None
        assert row.scores == scores
    assert rows["rmse", "all"].ci_method.endswith("logistic held fixed")
    assert "logistic" not in rows["srcc", "all"].ci_method


def test_interval_is_that_of_repeated_contents(rated: Rated, inputs: Make) -> None:
    dataset = rated(25)
    scores = noisy(dataset)
    rows = by_name(CORRELATION.evaluate(inputs(dataset, {SCORE: output(scores)})))
    by_content = [[s for s in dataset.samples if s.content == f"scene{c:02}"] for c in range(25)]
    rng, found = np.random.default_rng(0), []
    for _ in range(1000):
        drawn = [s for c in rng.integers(0, 25, 25) for s in by_content[c]]
        found.append(stats.kendalltau([scores[s.id] for s in drawn], [s.label for s in drawn])[0])
    row = rows["krcc", "all"]
    assert (row.ci_low, row.ci_high) == pytest.approx(np.quantile(found, [0.025, 0.975]))


def test_few_contents_are_marked(rated: Rated, inputs: Make) -> None:
    dataset = rated(8)
    for row in CORRELATION.evaluate(inputs(dataset, {SCORE: output(noisy(dataset))})):
        assert row.marks == ("few contents (8)",)
        assert row.ci_method.startswith("jackknife t interval over 8 contents")


def test_row_order_changes_nothing(rated: Rated, inputs: Make) -> None:
    dataset = rated(22)
    scores = noisy(dataset)
    shuffled = list(dataset.samples)
    random.Random(1).shuffle(shuffled)
    other = replace(dataset, samples=tuple(shuffled))
    items = list(scores.items())
    random.Random(2).shuffle(items)
    first = CORRELATION.evaluate(inputs(dataset, {SCORE: output(scores)}))
    assert first == CORRELATION.evaluate(inputs(other, {SCORE: output(dict(items))}))


def test_every_sample_is_accounted_for(rated: Rated, inputs: Make) -> None:
    dataset = rated(25)
    samples = [replace(s, label=None) if s.id in ("c05-0", "c05-1") else s for s in dataset.samples]
    scores = noisy(dataset)
    del scores["c09-0"], scores["c02-1"], scores["c20-4"]
    scores |= {"c07-1": float("nan"), "c07-3": float("inf")}
    failures = {"c09-0": "cannot decode", "c02-1": "too large"}
    dataset = replace(dataset, samples=tuple(samples))
    rows = by_name(CORRELATION.evaluate(inputs(dataset, {SCORE: output(scores, failures)})))
    row = rows["srcc", "all"]
    assert (row.n_expected, row.n_scored, row.n_failed) == (125, 118, 7)
    assert row.reason == "5 failed: first c02-1: too large; 2 without a label"
    jpeg = rows["srcc", "type=jpeg"]
    assert (jpeg.n_expected, jpeg.n_scored) == (50, 46)
    assert jpeg.reason == "3 failed: first c02-1: too large; 1 without a label"
    blur = rows["srcc", "type=blur"]
    assert blur.reason == "2 failed: first c09-0: cannot decode; 1 without a label"
    assert row.scores is not None
    assert np.isfinite(list(row.scores.values())).all()
    only_infinite = {s.id: float("inf") for s in dataset.samples}
    first = CORRELATION.evaluate(inputs(dataset, {SCORE: output(only_infinite)}))[0]
    assert first.reason is not None
    assert "first c00-0: score is not finite" in first.reason


def test_all_failed(rated: Rated, inputs: Make) -> None:
    dataset = rated(4)
    nothing = Output((), np.empty(0), {s.id: "no luck" for s in dataset.images})
    for row in CORRELATION.evaluate(inputs(dataset, {SCORE: nothing})):
        assert row.value is None
        assert row.n_failed == row.n_expected > 0
        assert row.reason is not None
        first = "c00-1" if row.subset == "type=jpeg" else "c00-0"
        assert row.reason.endswith(f"; {row.n_failed} failed: first {first}: no luck")


def test_constant_scores(rated: Rated, inputs: Make) -> None:
    dataset = rated(4)
    rows = CORRELATION.evaluate(
        inputs(dataset, {SCORE: output(dict.fromkeys(noisy(dataset), 1.0))})
    )
    assert {(row.value, row.reason) for row in rows} == {(None, "scores do not vary")}


def test_pairs_stand_for_their_test_image(rated: Rated, inputs: Make) -> None:
    dataset = rated(21)
    scores = noisy(dataset)
    pairs = [Pair(f"pair of {s.id}", s.id, str(s.reference), s.content) for s in dataset.samples]
    pairs += [Pair("odd", "c00-0", "ref05", "scene00")]  # another reference: not the sample's own
    own = replace(dataset, explicit_pairs=tuple(pairs[5:]))
    result = output({f"pair of {name}": value for name, value in scores.items()} | {"odd": 1e9})
    rows = by_name(CORRELATION.evaluate(inputs(own, {PAIR: result})))
    row = rows["srcc", "all"]
    assert (row.n_expected, row.n_scored, row.n_failed) == (105, 100, 5)
    assert row.reason == "5 failed: first c00-0: no reference"
    kept = [s for s in dataset.samples if s.content != "scene00"]
    expected = stats.spearmanr([scores[s.id] for s in kept], [s.label for s in kept]).statistic
    assert row.value == pytest.approx(expected, abs=1e-12)


def test_samples_with_several_damages_belong_to_no_type(rated: Rated, inputs: Make) -> None:
    dataset = rated(3)
    both = (Damage("blur", 1.0), Damage("jpeg", 1.0))
    dataset = replace(dataset, samples=tuple(replace(s, damages=both) for s in dataset.samples))
    rows = CORRELATION.evaluate(inputs(dataset, {SCORE: output(noisy(dataset))}))
    assert {row.subset for row in rows} == {"all"}


@pytest.mark.parametrize(
    ("operations", "changes", "expected"),
    [
        ({"score", "score_pair"}, {}, (SCORE,)),
        ({"score_pair", "features"}, {}, (PAIR,)),
        ({"score_pair"}, {"explicit_pairs": ()}, "the dataset has no references"),
        ({"features"}, {}, "gives features, not scores: use linear-probe"),
        ({"quality_map"}, {}, "gives no scores"),
        ({"score"}, {"label_kind": "none"}, "the dataset has no labels"),
    ],
)
def test_what_it_needs(
    rated: Rated, operations: set[str], changes: dict[str, object], expected: object
) -> None:
    needs = CORRELATION.needs(frozenset(operations), rated(3, **changes), 0)
    if isinstance(expected, str):
        assert isinstance(needs, Skip)
        assert expected in needs.reason
    else:
        assert needs == expected
