"""Replicates of many models: equal to those of one, p-values, resolution, enough resamples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.protocols import resampling
from harness.protocols.intervals import RESAMPLES, draw_counts
from harness.protocols.paired import (
    ALPHA,
    Replicates,
    n_resamples,
    plcc_each,
    replicates,
    srcc_each,
)


def field(
    n: int, n_contents: int, noises: tuple[float, ...], seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n)
    x = np.stack([y + noise * rng.normal(size=n) for noise in noises])
    return x, y, np.array([f"c{i % n_contents:04}" for i in range(n)])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 60), st.integers(1, 9), st.integers(1, 6))
def test_equal_to_the_resampling_of_one_model(
    seed: int, n: int, n_contents: int, levels: int
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, levels, (3, n)) + 0.1 * rng.integers(0, 2, (3, 1))  # ties, or constant
    x = np.vstack([x, rng.normal(size=n)])
    y = rng.integers(0, levels + 1, n).astype(float) + np.linspace(0, 1e-3, n)
    groups = rng.integers(0, n_contents, n)
    counts = rng.integers(0, 3, (40, n_contents)).astype(np.uint16)
    with np.errstate(all="ignore"):
        varying = [i for i in range(4) if np.ptp(x[i]) > 0]
        srcc, plcc = srcc_each(x, y, groups, counts), plcc_each(x[varying], y, groups, counts)
        for i in range(4):
            expected = resampling.srcc(x[i], y, groups, counts)
            np.testing.assert_allclose(srcc[i], expected, atol=1e-12)
        for i, row in zip(varying, plcc, strict=True):
            expected = resampling.plcc(x[i], y, groups, counts)
            np.testing.assert_allclose(row, expected, atol=1e-9)


def test_against_scipy_on_repeated_samples() -> None:
    x, y, contents = field(90, 25, (0.3, 0.8))
    found = replicates(x, y, contents, seed=4)
    counts = draw_counts(25, 4)
    groups = np.unique(contents, return_inverse=True)[1]
    for b in (0, 7, 999):
        drawn = np.repeat(np.arange(90), counts[b][groups])
        for i in range(2):
            srcc = stats.spearmanr(x[i][drawn], y[drawn]).statistic
            plcc = stats.pearsonr(x[i][drawn], y[drawn]).statistic
            assert found["srcc"].draws[i, b] == pytest.approx(srcc, abs=1e-12)
            assert found["plcc"].draws[i, b] == pytest.approx(plcc, abs=1e-12)
    assert found["srcc"].values[1] == pytest.approx(stats.spearmanr(x[1], y).statistic)


def test_p_and_interval_against_a_plain_bootstrap() -> None:
    """An independent bootstrap of the difference, by SciPy, with draws of its own."""
    x, y, contents = field(60, 60, (0.6, 0.9))
    found = replicates(x, y, contents, seed=0)["srcc"]

    def difference(a: np.ndarray, b: np.ndarray, labels: np.ndarray) -> float:
        return stats.spearmanr(a, labels).statistic - stats.spearmanr(b, labels).statistic

    theirs = stats.bootstrap(
        (x[0], x[1], y), difference, paired=True, vectorized=False, n_resamples=1500,
        method="percentile", rng=np.random.default_rng(1),
    )  # fmt: skip
    value, interval = found.difference(0, 1)
    assert value == pytest.approx(difference(x[0], x[1], y))
    ends = (theirs.confidence_interval.low, theirs.confidence_interval.high)
    assert (interval.low, interval.high) == pytest.approx(ends, abs=0.03)
    below = np.mean(theirs.bootstrap_distribution <= 0)
    assert found.p_value(0, 1) == pytest.approx(2 * min(below, 1 - below), abs=0.03)
    sd = theirs.bootstrap_distribution.std(ddof=1)
    expected = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * sd
    assert found.resolvable(0, 1) == pytest.approx(expected, rel=0.1)


def test_p_counts_the_rarer_sign_and_corrects_by_one() -> None:
    draws = np.vstack([np.r_[np.full(990, 0.5), np.full(9, -0.5)], np.zeros(999)])
    found = Replicates(np.array([0.5, 0.0]), draws, 30, 0)
    assert found.p_value(0, 1) == found.p_value(1, 0) == pytest.approx(2 * 10 / 1000)
    draws[0, :500] = np.nan  # too few resamples left
    assert np.isnan(found.p_value(0, 1))
    assert np.isnan(found.resolvable(0, 1))


def test_one_model_twice_does_not_differ() -> None:
    x, y, contents = field(50, 50, (0.5,))
    found = replicates(np.vstack([x, x]), y, contents, seed=0)["srcc"]
    assert found.p_value(0, 1) == 1
    value, interval = found.difference(0, 1)
    assert (value, interval.low, interval.high) == (0, 0, 0)


def test_few_contents_are_left_out_in_turn_and_give_no_p() -> None:
    x, y, contents = field(40, 10, (0.2, 0.9))
    found = replicates(x, y, contents, seed=0)["srcc"]
    for c in range(10):
        kept = contents != f"c{c:04}"
        assert found.draws[0, c] == pytest.approx(stats.spearmanr(x[0][kept], y[kept]).statistic)
    assert np.isnan(found.p_value(0, 1))
    assert np.isnan(found.resolvable(0, 1))
    assert found.difference(0, 1)[1].method == "jackknife t interval over 10 contents, paired"


@pytest.mark.parametrize("n_models", [2, 5, 10, 20, 50])
def test_there_are_enough_resamples_for_holm(n_models: int) -> None:
    smallest = 2 / (n_resamples(n_models) + 1)
    assert smallest * n_models * (n_models - 1) / 2 <= ALPHA / 2
    assert n_resamples(n_models) % RESAMPLES == 0


def test_more_models_keep_the_first_draws() -> None:
    x, y, contents = field(40, 20, (0.2, 0.3, 0.4, 0.5, 0.6, 0.7))
    two, six = (replicates(each, y, contents, 3)["srcc"].draws for each in (x[:2], x))
    assert (two.shape, six.shape) == ((2, 1000), (6, 2000))
    assert np.array_equal(six[:2, :1000], two)


@pytest.mark.slow
@pytest.mark.parametrize("n_contents", [20, 30, 80])
def test_equal_models_are_called_different_about_as_often_as_said(n_contents: int) -> None:
    """The percentile bootstrap is slightly liberal with few contents; more than 9 % is wrong."""
    rng = np.random.default_rng(n_contents)
    groups = np.repeat(np.arange(n_contents), 6)
    contents = np.array([f"c{g}" for g in groups])
    n_trials, wrong = 400, 0
    for trial in range(n_trials):
        y = rng.normal(size=len(groups)) + 0.5 * rng.normal(size=n_contents)[groups]
        noise = rng.normal(size=(2, len(groups))) + rng.normal(size=(2, n_contents))[:, groups]
        found = replicates(y + 0.5 * noise, y, contents, seed=trial)["srcc"]
        wrong += found.p_value(0, 1) <= ALPHA
    assert 0.02 <= wrong / n_trials <= 0.09


@pytest.mark.slow
def test_the_resolvable_difference_is_found_in_four_of_five() -> None:
    """Power by simulation: pairs of models whose true difference is what can be resolved."""
    rng = np.random.default_rng(0)
    contents = np.array([f"c{i:03}" for i in range(200)])

    def true_srcc(noise: float) -> float:
        y = np.random.default_rng(9).normal(size=400_000)
        x = y + noise * np.random.default_rng(10).normal(size=y.size)
        return float(stats.spearmanr(x, y).statistic)

    better, worse = true_srcc(0.60), true_srcc(0.82)
    found, resolvable = 0, []
    for trial in range(200):
        y = rng.normal(size=200)
        x = y + np.array([[0.60], [0.82]]) * rng.normal(size=(2, 200))
        each = replicates(x, y, contents, seed=trial)["srcc"]
        found += each.p_value(0, 1) <= ALPHA
        resolvable.append(each.resolvable(0, 1))
    power = stats.norm.cdf((better - worse) / (np.mean(resolvable) / 2.8016) - 1.96)
    assert found / 200 == pytest.approx(power, abs=0.1)
