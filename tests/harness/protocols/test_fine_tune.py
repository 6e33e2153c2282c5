"""``fine-tune``: the rows are those of SciPy on each split, and no part shares a content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from harness.protocols.base import Inputs, Measure, Need, Skip
from harness.protocols.fine_tune import FINE_TUNE, fine_tune
from harness.protocols.splits import content_splits, hold_out, official_split
from harness.sample import Dataset
from harness.store import Output

Rated = Callable[..., Dataset]
Make = Callable[..., Inputs]
FIT = frozenset({"fit"})


def answered(dataset: Dataset, needs: tuple[Need, ...], noise: float = 1.0) -> dict[Need, Output]:
    """Each fit scores its test part, and the references too, on a scale of its own."""
    label = {s.id: s.label for s in dataset.samples}
    found = {}
    for i, need in enumerate(needs):
        assert need.fit is not None
        rng = np.random.default_rng(i)
        ids = (*sorted(need.fit.test), "ref00")
        values = [2 * i + (label.get(name) or 0) + noise * rng.normal() for name in ids]
        found[need] = Output(ids, np.array(values), {})
    return found


def by_name(rows: list[Measure], subset: str = "all") -> dict[str, Measure]:
    return {row.metric: row for row in rows if row.subset == subset}


@pytest.mark.parametrize("splits", ["70/10/20", "80/20"])
def test_the_median_over_splits_is_that_of_scipy(rated: Rated, inputs: Make, splits: str) -> None:
    dataset = rated(25, 4)
    protocol = fine_tune(splits, 3)
    needs = protocol.needs(FIT, dataset, 5)
    assert isinstance(needs, tuple)
    contents = {s.id: s.content for s in dataset.samples}
    shares = (0.7, 0.1, 0.2) if splits == "70/10/20" else (0.8, 0.0, 0.2)
    label = {s.id: s.label for s in dataset.samples}
    outputs = answered(dataset, needs)
    srcc, blur = [], []
    for i, (need, split) in enumerate(
        zip(needs, content_splits(contents, 3, shares, 5), strict=True)
    ):
        assert need.fit is not None
        learned = need.fit.train, need.fit.validation
        assert need.fit.test == split.test
        assert need.fit.seed == int(hashlib.sha256(f"[5,{i}]".encode()).hexdigest()[:8], 16)
        assert sorted(learned[0] + learned[1]) == sorted(split.train + split.validation)
        if splits == "80/20":
            assert learned == hold_out(split.train, contents, 5, i)
        parts = [{contents[name] for name in part} for part in (*learned, split.test)]
        assert not parts[0] & parts[1]
        assert not (parts[0] | parts[1]) & parts[2]
        assert min(map(len, parts)) > 0
        output = outputs[need]
        for ids, values in ((split.test, srcc), ([n for n in split.test if n[-1] in "02"], blur)):
            y = [label[name] for name in ids]
            values.append(stats.spearmanr(output.at(ids), y).statistic)
    rows = protocol.evaluate(replace(inputs(dataset, outputs), seed=5))
    row = by_name(rows)
    assert row["srcc"].value == pytest.approx(np.median(srcc), abs=1e-12)
    assert row["srcc_mean"].value == pytest.approx(np.mean(srcc), abs=1e-12)
    assert row["srcc"].ci_low < row["srcc"].value < row["srcc"].ci_high
    assert by_name(rows, "type=blur")["srcc"].value == pytest.approx(np.median(blur), abs=1e-12)
    assert row["srcc"].ci_method.endswith("centered, fits held fixed")
    held_out = (
        ", an eighth of the training contents, at least one, for validation"
        if splits == "80/20"
        else ""
    )
    assert row["srcc"].split == f"median of 3 splits ({splits}){held_out}"
    assert row["srcc"].scores.keys() == {name for need in needs for name in need.fit.test}
    assert row["srcc"].n_expected == 100


def test_few_contents_are_tested_once_in_five_folds(rated: Rated, inputs: Make) -> None:
    dataset = rated(8, 4)
    needs = FINE_TUNE.needs(FIT, dataset, 0)
    assert isinstance(needs, tuple)
    assert len(needs) == 5
    tested = [name for need in needs for name in need.fit.test]
    assert sorted(tested) == sorted(s.id for s in dataset.samples)
    outputs = answered(dataset, needs)
    row = by_name(FINE_TUNE.evaluate(inputs(dataset, outputs)))["srcc"]
    scores = {name: float(o.at([name])[0]) for n, o in outputs.items() for name in n.fit.test}
    labels = [s.label for s in dataset.samples]
    expected = stats.spearmanr([scores[s.id] for s in dataset.samples], labels).statistic
    assert row.value == pytest.approx(expected, abs=1e-12)
    folds = "5 folds of contents, predictions pooled"
    assert row.split == f"{folds}, an eighth of the training contents, at least one, for validation"
    assert row.marks == ("few contents (8)",)
    assert row.scores == scores


def test_an_official_split_is_tested_on_its_test_part(rated: Rated, inputs: Make) -> None:
    dataset = rated(6, 4)
    part = {"scene00": "test", "scene01": "test"}
    samples = tuple(replace(s, split=part.get(s.content, "training")) for s in dataset.samples)
    dataset = replace(dataset, samples=samples)
    protocol = fine_tune("official")
    (need,) = protocol.needs(FIT, dataset, 0)
    split = official_split(samples)
    assert (need.fit.train, need.fit.validation, need.fit.test) == (
        *(split.train, split.validation),
        split.test,
    )
    row = by_name(protocol.evaluate(inputs(dataset, answered(dataset, (need,)))))["srcc"]
    assert (row.n_expected, row.n_scored) == (8, 8)
    assert row.split == "official"


def test_scores_that_are_lacking(rated: Rated, inputs: Make) -> None:
    dataset = rated(25, 4)
    protocol = fine_tune(n_splits=3)
    needs = protocol.needs(FIT, dataset, 0)
    outputs = answered(dataset, needs)
    first, second, third = needs
    why = dict.fromkeys(first.fit.test, "fit failed: X")
    outputs[first] = Output((), np.empty(0), why)
    gone = second.fit.test[0]
    keep = outputs[second].ids[1:]
    outputs[second] = Output(keep, outputs[second].at(keep), {gone: "broken"})
    row = by_name(protocol.evaluate(inputs(dataset, outputs)))["srcc"]
    assert row.value is not None
    assert "1 of 3 fits without a score: first fit failed: X" in row.reason
    elsewhere = set(outputs[second].ids) | set(third.fit.test)
    failed = {*first.fit.test, gone} - elsewhere
    assert row.n_failed == len(failed) > 0
    assert row.scores.keys() == elsewhere & {s.id for s in dataset.samples}
    none = {n: Output((), np.empty(0), dict.fromkeys(n.fit.test, "no")) for n in needs}
    rows = protocol.evaluate(inputs(dataset, none))
    assert {(r.value, r.n_scored) for r in rows} == {(None, 0)}
    assert all("3 of 3 fits without a score: first no" in r.reason for r in rows)


def test_what_it_needs_and_refuses(rated: Rated) -> None:
    assert FINE_TUNE.needs(frozenset({"features"}), rated(25), 0) == Skip("cannot be fitted")
    bare = replace(rated(25), label_kind="none")
    assert FINE_TUNE.needs(FIT, bare, 0) == Skip("the dataset has no labels")
    two = Skip("at least 3 contents are needed, 2 with labels are here")
    assert FINE_TUNE.needs(FIT, rated(2), 0) == two
    assert isinstance(FINE_TUNE.needs(FIT, rated(3), 0), tuple)
    a, b = (FINE_TUNE.needs(FIT, rated(25), seed) for seed in (0, 1))
    assert not set(a) & set(b)
    assert fine_tune("80/20", 2).options == {"splits": "80/20", "n_splits": 2}
