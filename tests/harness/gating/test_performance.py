"""The paired test of a row, against bootstraps and jackknives written out with SciPy."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.gating.pairs import Pair, Records, place_of
from harness.gating.performance import Unfit, Untestable, paired, performance
from harness.gating.reproduction import distance
from harness.gating.verdict import Verdict
from harness.protocols.intervals import draw_counts
from harness.records import Row
from harness.sample import Sample
from harness.sample_files import write_samples, write_scores
from harness.source import FileSource


def row(**changes: object) -> Row:
    values = {
        "str": "x", "str | None": None, "float | None": None, "int": 0, "tuple[str, ...]": (),
    }  # fmt: skip
    texts = {"options": "{}", "protocol_options": "{}", "split": "all", "subset": "all"}
    return Row(**{**{f.name: values[str(f.type)] for f in fields(Row)}, **texts, **changes})


@pytest.fixture
def pair(tmp_path):
    """``pair(old, new, contents, labels, metric)``: two rows with their files, in two folders."""

    def make(old, new, contents, labels, metric="srcc", values=None):
        ids = [f"s{i:03}" for i in range(len(old))]
        samples = [
            Sample(i, FileSource(tmp_path), str(c), float(label))
            for i, c, label in zip(ids, contents, labels, strict=True)
        ]
        rows = []
        values = values or [float(stats.spearmanr(x, labels).statistic) for x in (old, new)]
        for name, scores, value in zip(("old", "new"), (old, new), values, strict=True):
            stored = write_scores(tmp_path / name, dict(zip(ids, scores, strict=True)))
            found = row(metric=metric, value=value, n_expected=len(old), n_scored=len(old))
            known = write_samples(tmp_path / name, samples)
            rows.append(replace(found, scores=stored, samples=known))
        folders = [
            Records(tmp_path / name, {place_of(r): r})
            for name, r in zip(("old", "new"), rows, strict=True)
        ]
        return Pair(place_of(rows[0]), *rows), *folders

    return make


def scene(n_contents: int, each: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    contents = np.repeat(np.arange(n_contents), each)
    labels = rng.normal(size=n_contents * each) + rng.normal(size=n_contents)[contents]
    old = labels + rng.normal(size=len(labels))
    new = labels + 2 * rng.normal(size=len(labels))
    return old, new, contents, labels


@pytest.mark.parametrize(
    ("metric", "statistic"),
    [("srcc", stats.spearmanr), ("plcc", stats.pearsonr), ("krcc", stats.kendalltau)],
)
def test_the_difference_is_that_of_a_paired_bootstrap_over_contents(pair, metric, statistic):
    old, new, contents, labels = scene(25, 3)
    values = [float(statistic(x, labels).statistic) for x in (old, new)]
    found = paired(*pair(old, new, contents, labels, metric, values), 1)
    assert [found.before, found.after] == pytest.approx(values)
    assert found.value == pytest.approx(values[1] - values[0])
    draws = []
    # In the names' order, in which contents are drawn.
    order = np.argsort(np.array([str(i) for i in range(25)]), kind="stable")
    for counts in draw_counts(25, 0):
        times = np.empty(25, int)
        times[order] = counts
        at = np.repeat(np.arange(75), times[contents])
        a, b = (float(statistic(x[at], labels[at]).statistic) for x in (old, new))
        draws.append(b - a)
    low, high = np.quantile(draws, [0.025, 0.975])
    assert [found.low, found.high] == pytest.approx([low, high])
    rarer = min(np.sum(np.array(draws) >= 0), np.sum(np.array(draws) <= 0))
    assert found.p == pytest.approx(2 * (1 + rarer) / 1001)


def test_below_20_contents_it_is_the_t_interval_of_a_jackknife(pair):
    old, new, contents, labels = scene(8, 4)
    found = paired(*pair(old, new, contents, labels), 1)
    gaps = []
    for left in range(8):
        kept = contents != left
        a, b = (stats.spearmanr(x[kept], labels[kept]).statistic for x in (old, new))
        gaps.append(b - a)
    error = np.sqrt(7 / 8 * np.sum((gaps - np.mean(gaps)) ** 2))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(found.value) / error, 7))
    assert found.low == pytest.approx(found.value - stats.t.ppf(0.975, 7) * error)
    assert "jackknife" in found.method


def test_a_mean_over_contents_is_resampled_as_one(pair):
    rng = np.random.default_rng(1)
    contents = rng.integers(0, 30, 200)
    old, new = rng.uniform(size=(2, 200))
    values = [
        float(pd.Series(x).groupby(contents).mean().mean()) for x in (old, new)
    ]  # fmt: skip
    found = paired(*pair(old, new, contents, old, "auroc", values), 1)
    assert [found.before, found.after] == pytest.approx(values)
    assert found.low < found.value < found.high
    with pytest.raises(Unfit, match="auroc cannot be had"):
        paired(*pair(old, new, contents, old, "auroc", [0.9, values[1]]), 1)
    with pytest.raises(Untestable) as error:
        paired(*pair(old, new, contents, old, "auroc", [values[0], 0.9]), 1)
    assert not isinstance(error.value, Unfit)  # of the candidate alone: not to be left out


@pytest.mark.parametrize(("metric", "end"), [("auroc", 1), ("mae", -1)])
def test_the_better_end_is_that_of_the_metric(pair, metric, end):
    rng = np.random.default_rng(1)
    contents = np.repeat(np.arange(30), 4)
    old = rng.uniform(size=120)
    new = old + 0.1
    values = [float(x.reshape(30, 4).mean()) for x in (old, new)]
    found = paired(*pair(old, new, contents, old, metric, values), 1)
    assert found.value == pytest.approx(0.1)
    assert (found.better, found.gain[0]) == (end, pytest.approx(end * 0.1))


@pytest.mark.parametrize("metric", ["response", "nobody-knows"])
def test_without_a_better_end_there_is_no_verdict(pair, metric):
    old, new, contents, labels = scene(25, 3)
    with pytest.raises(Unfit, match="no end of it is known to be the better one"):
        paired(*pair(old, new, contents, labels, metric), 1)


def test_many_tests_get_as_many_resamples_as_holm_needs(pair):
    """The smallest p times their number stays below 0.05."""
    old, _, contents, labels = scene(40, 1)
    for n_tests in (1, 12, 13, 100):
        found = paired(*pair(old, -old, contents, labels), n_tests)
        assert found.p * n_tests < 0.05


def test_equal_scores_leave_nothing_to_test(pair):
    old, _, contents, labels = scene(25, 3)
    found = paired(*pair(old, old, contents, labels), 1)
    assert (found.value, found.low, found.high) == (0, 0, 0)
    assert np.isnan(found.p)


def test_models_that_are_what_they_were_take_no_power_from_the_test(pair, tmp_path):
    """Three of them do not count in Holm's correction of the one that changed."""
    changed = pair(*scene(25, 3))
    alone, _ = performance([(changed[0], 0.005)], *changed[1:], asked=True)
    old, _, contents, labels = scene(25, 3)
    same = pair(old, old, contents, labels)[0]
    found, _ = performance([(changed[0], 0.005), *[(same, 0.005)] * 3], *changed[1:], asked=True)
    assert found[0].p_holm == pytest.approx(alone[0].p_holm, abs=0.01)
    assert [(f.verdict, f.p_holm) for f in found[1:]] == [(Verdict.SAME, None)] * 3


def test_scores_on_another_scale_do_not_differ(pair):
    old, _, contents, labels = scene(25, 3)
    found = paired(*pair(old, 10 * old - 3, contents, labels), 1)
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_scores_of_more_samples_than_the_row_are_unfit(pair):
    found, old, new = pair(*scene(25, 3))
    part = replace(found, old=replace(found.old, n_scored=9), new=replace(found.new, n_scored=9))
    with pytest.raises(Unfit, match=r"^a number of pairs or parts"):
        paired(part, old, new, 1)


def test_constant_scores_have_no_correlation(pair):
    old, new, contents, labels = scene(25, 3)
    with pytest.raises(Untestable, match="scores do not vary"):
        paired(*pair(old, 0 * new, contents, labels, values=[0.5, 0.5]), 1)


def test_changed_contents_are_refused(pair):
    found, *folders = pair(*scene(25, 3))
    (file,) = (folders[1].folder / "samples").iterdir()
    file.write_bytes(b"no parquet")
    with pytest.raises(Untestable, match=r"the samples .* do not match their checksum"):
        paired(found, *folders, 1)


def test_a_number_that_is_not_that_of_the_scores_is_told(pair):
    """A median over splits is in the records, and the pooled predictions are what is tested."""
    found, *folders = pair(*scene(25, 3), values=[0.592, 0.601])
    for split, name in (("median of 10 splits (70/10/20)", "pooled"), ("all", "of the scores")):
        at = found.place._replace(split=split)
        (finding,), _ = performance([(replace(found, place=at), 0.0)], *folders, asked=True)
        assert finding.subject[3].endswith(f", {name}")
        assert finding.effect.before != pytest.approx(0.592, abs=1e-3)
        assert finding.why.endswith("; the records say 0.592 → 0.601")
    told, *folders = pair(*scene(25, 3))
    (finding,), _ = performance([(told, 0.0)], *folders, asked=True)
    assert finding.subject[3] == "srcc"
    assert "the records say" not in finding.why


# How far scores are apart -------------------------------------------------------------------


def test_the_distance_is_in_sds_of_the_baseline():
    rng = np.random.default_rng(0)
    old = dict(zip("abcdefgh", rng.normal(5, 3, 8).tolist(), strict=True))
    new = {**old, "c": old["c"] + 0.3, "d": old["d"] - 0.1}
    found = distance(old, new)
    assert found.largest == pytest.approx(0.3 / np.std(list(old.values())))
    assert found.sample == "c"


@pytest.mark.parametrize(
    ("old", "new", "largest"),
    [
        ({"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 2.0}, 0),
        ({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 1.0 + 1e-12}, np.inf),
        ({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 1.0}, 0),
        ({"a": np.nan, "b": 2.0, "c": 3.0}, {"a": np.nan, "b": 2.0, "c": 3.0}, 0),
        ({"a": np.nan, "b": 2.0, "c": 3.0}, {"a": 1.0, "b": 2.0, "c": 3.0}, np.inf),
        ({"a": np.nan}, {"a": np.nan}, 0),
        ({"a": 1.0, "b": np.inf}, {"a": 1.0, "b": np.inf}, 0),
        ({"a": 1.0, "b": np.inf}, {"a": 1.0, "b": -np.inf}, np.inf),
    ],
)
@pytest.mark.filterwarnings("error")
def test_the_distance_where_scores_are_odd(old, new, largest):
    assert distance(old, new).largest == largest


def test_other_samples_have_no_distance():
    assert distance({"a": 1.0, "b": 2.0}, {"a": 1.0}) == (
        "1 sample scored on one side alone: baseline has b"
    )
