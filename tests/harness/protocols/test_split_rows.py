"""Rows over splits, and their interval, against SciPy on repeated samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import Ridge

from harness.protocols.intervals import draw_counts
from harness.protocols.outcomes import Usable, usable
from harness.protocols.split_rows import mean_scores, split_rows
from harness.protocols.splits import content_splits
from harness.sample import Dataset, Sample
from harness.source import FileSource
from harness.store import Output

Rated = Callable[..., Dataset]


def everything(dataset: Dataset) -> Usable:
    ids = tuple(s.id for s in dataset.samples)
    return usable(dataset.samples, Output(ids, np.zeros(len(ids)), {}))


def scores_of_splits(dataset: Dataset, n_splits: int) -> list[dict[str, float]]:
    """Scores of each split's test part: the labels, with noise and with the split's own offset."""
    rng = np.random.default_rng(1)
    label = {s.id: s.label for s in dataset.samples}
    splits = content_splits({s.id: s.content for s in dataset.samples}, n_splits)
    return [
        {i: float(label[i] + 3 * k + rng.normal()) for i in s.test} for k, s in enumerate(splits)
    ]


def test_a_draw_weighs_the_samples_of_every_test_part(rated: Rated) -> None:
    dataset = rated(50)
    found, tested = everything(dataset), scores_of_splits(dataset, 3)
    (row,) = split_rows(
        found, tested, 3, split="three", scores=mean_scores(tested), names=("srcc",), subset="some"
    )
    label = {s.id: s.label for s in dataset.samples}
    whole = [stats.spearmanr(list(t.values()), [label[i] for i in t])[0] for t in tested]
    assert row.value == pytest.approx(np.median(whole))
    content = {s.id: s.content for s in dataset.samples}
    names = sorted({content[name] for part in tested for name in part})
    assert len(names) < 50  # the others are in no test part
    medians = []
    for counts in draw_counts(len(names), 3):
        times = dict(zip(names, counts.tolist(), strict=True))
        each = []
        for scores in tested:
            drawn = [i for i in scores for _ in range(times[content[i]])]
            if len({label[i] for i in drawn}) > 1:
                pair = [scores[i] for i in drawn], [label[i] for i in drawn]
                each.append(stats.spearmanr(*pair)[0])
        medians.append(np.median(each))
    shifted = np.clip(medians + (row.value - np.median(medians)), -1, 1)
    assert (row.ci_low, row.ci_high) == pytest.approx(np.quantile(shifted, [0.025, 0.975]))
    assert row.ci_method == (
        f"percentile bootstrap over {len(names)} contents, B=1000, seed 3, centered, heads held "
        "fixed"
    )


def test_contents_that_no_test_part_has_count_for_nothing(rated: Rated) -> None:
    dataset = rated(40)
    content = {s.id: s.content for s in dataset.samples}
    tested = scores_of_splits(dataset, 2)
    seen = {content[name] for part in tested for name in part}
    assert 2 < len(seen) < 20
    alone = replace(dataset, samples=tuple(s for s in dataset.samples if s.content in seen))
    rows = [
        split_rows(everything(d), tested, 3, split="two", scores=mean_scores(tested))
        for d in (dataset, alone)
    ]
    for row, same in zip(*rows, strict=True):
        assert row.marks == (f"few contents ({len(seen)})",)
        assert (row.value, row.ci_low, row.ci_high) == (same.value, same.ci_low, same.ci_high)
        assert row.ci_method == same.ci_method
    assert f"jackknife t interval over {len(seen)} contents" in str(rows[0][-1].ci_method)


def test_the_mean_over_splits_is_what_is_stored(rated: Rated) -> None:
    assert mean_scores([{"b": 1.0, "a": 2.0}, {"b": 4.0}]) == {"a": 2.0, "b": 2.5}
    dataset = rated(25)
    tested = scores_of_splits(dataset, 3)
    rows = split_rows(everything(dataset), tested, 0, split="three", scores=mean_scores(tested))
    found = {row.metric: row for row in rows}
    scored = set().union(*tested)
    assert {len(row.scores or ()) for row in rows} == {len(scored)} == {found["srcc"].n_scored}
    assert found["srcc"].reason == f"{125 - len(scored)} in no test part"
    assert found["srcc"].n_failed == 0
    for row in rows:
        assert (row.ci_low is None) == row.metric.endswith("_split_sd")


def test_splits_without_a_value_are_counted_and_left_out(rated: Rated) -> None:
    dataset = rated(25)
    tested = scores_of_splits(dataset, 3)
    flat = [dict.fromkeys(tested[0], 1.0), *tested[1:]]
    two, three = (
        {
            row.metric: row
            for row in split_rows(everything(dataset), t, 0, split="", scores=mean_scores(t))
        }
        for t in (tested[1:], flat)
    )
    assert three["srcc"].value == two["srcc"].value
    assert three["srcc_mean"].value == two["srcc_mean"].value
    assert three["srcc"].reason.startswith("1 of 3 splits: first scores do not vary")
    none = split_rows(everything(dataset), [flat[0], flat[0]], 0, split="", scores=flat[0])
    assert {row.value for row in none} == {None}
    assert none[0].reason.startswith("2 of 2 splits: first scores do not vary")
    (only,) = split_rows(
        everything(dataset), [flat[0], flat[1]], 0, split="", scores=flat[1], names=("krcc",)
    )
    assert only.value is not None


@pytest.mark.slow
@pytest.mark.parametrize(("n_contents", "per_content"), [(25, 8), (200, 1)])
def test_the_interval_holds_the_expected_median(n_contents: int, per_content: int) -> None:
    """Over draws of the data, heads fitted anew: less often than 95 %, as its docstring says."""
    rng = np.random.default_rng(0)
    direction = rng.normal(size=15)
    base = [
        Sample(f"{c:03}-{i}", FileSource(__file__), f"{c:03}")  # type: ignore[arg-type]
        for c in range(n_contents)
        for i in range(per_content)
    ]
    splits = content_splits({s.id: s.content for s in base})
    number = {s.id: i for i, s in enumerate(base)}
    rows = []
    for _ in range(120):
        scene = np.repeat(rng.normal(size=(n_contents, 15)), per_content, axis=0)
        quality = rng.normal(size=len(base))
        x = np.outer(quality, direction) + 2 * scene + 2 * rng.normal(size=scene.shape)
        y = quality + 0.3 * rng.normal(size=len(base))
        samples = tuple(replace(s, label=float(v)) for s, v in zip(base, y, strict=True))
        tested = []
        for split in splits:
            train, test = ([number[i] for i in part] for part in (split.train, split.test))
            predicted = Ridge(10.0).fit(x[train], y[train]).predict(x[test])
            tested.append(dict(zip(split.test, predicted.tolist(), strict=True)))
        found = everything(Dataset("drawn", samples, label_kind="mos"))
        scores = mean_scores(tested)
        rows += split_rows(
            found, tested, len(rows), split="", scores=scores, names=("srcc",), subset="some"
        )
    expected = np.mean([row.value for row in rows])
    held = np.mean([row.ci_low <= expected <= row.ci_high for row in rows])
    assert 0.8 < held < 0.99
