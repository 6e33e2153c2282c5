"""Intervals: the plain t interval of a mean, coverage, honesty about what was dropped."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.protocols import resampling
from harness.protocols.intervals import (
    FEW_CONTENTS,
    RESAMPLES,
    content_interval,
    draw_counts,
    few_contents,
    mean_interval,
)


def test_few_contents_give_the_plain_t_interval_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=8)
    found = mean_interval(values, seed=0)
    expected = stats.t.interval(0.95, 7, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected)
    assert found.method == "jackknife t interval over 8 contents"


def test_jackknife_leaves_out_one_content_at_a_time() -> None:
    rng = np.random.default_rng(1)
    x, y, groups = rng.normal(size=40), rng.normal(size=40), np.arange(40) % 5
    value = stats.spearmanr(x, y).statistic
    found = content_interval(value, lambda c: resampling.srcc(x, y, groups, c), 5, 0, (-1, 1))
    left = np.array([stats.spearmanr(x[groups != g], y[groups != g]).statistic for g in range(5)])
    error = np.sqrt(4 / 5 * np.sum((left - left.mean()) ** 2))
    margin = stats.t.ppf(0.975, 4) * error
    assert found.low == pytest.approx(max(-1, value - margin))
    assert found.high == pytest.approx(min(1, value + margin))


def test_clipped_to_the_range_of_the_metric() -> None:
    values = np.array([0.2, 0.99, 1.0])
    mean = lambda counts: counts @ values / counts.sum(axis=1)  # noqa: E731
    assert content_interval(values.mean(), mean, 3, 0, (-1, 1)).high == 1.0


def test_bootstrap_is_over_contents_and_seeded() -> None:
    values = np.random.default_rng(2).normal(size=81)
    found = mean_interval(values, seed=5)
    assert found.method == "percentile bootstrap over 81 contents, B=1000, seed 5"
    assert found == mean_interval(values, seed=5)
    assert found != mean_interval(values, seed=6)
    rng = np.random.default_rng(5)
    means = [values[rng.integers(0, 81, 81)].mean() for _ in range(RESAMPLES)]
    assert (found.low, found.high) == pytest.approx(np.quantile(means, [0.025, 0.975]))
    assert draw_counts(81, 5).sum(axis=1).tolist() == [81] * RESAMPLES


def test_samples_of_one_content_are_not_independent() -> None:
    """Repeating each content's sample must not narrow the interval."""
    rng = np.random.default_rng(3)
    y = rng.normal(size=40)
    x = y + rng.normal(size=40)

    def interval(times: int) -> tuple[float | None, float | None]:
        a, b, groups = np.tile(x, times), np.tile(y, times), np.tile(np.arange(40), times)
        found = content_interval(0.5, lambda c: resampling.plcc(a, b, groups, c), 40, 0)
        return found.low, found.high

    assert interval(6) == pytest.approx(interval(1))


@pytest.mark.parametrize("n_contents", [8, 40])
def test_covers_the_truth_about_as_often_as_it_says(n_contents: int) -> None:
    rng = np.random.default_rng(4)
    inside = 0
    for trial in range(100):
        found = mean_interval(rng.normal(size=n_contents), seed=trial)
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= 0 <= found.high
    assert 88 <= inside <= 99  # 95 expected, the standard deviation is 2


def test_degenerate_resamples_are_dropped_and_counted() -> None:
    def replicate(counts: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(counts)) < 3, np.nan, counts[:, 0])

    found = content_interval(1, replicate, 30, 0, note="a note")
    assert found.method.endswith("B=1000, seed 0, 3 degenerate dropped, a note")
    nothing = content_interval(1, lambda counts: np.full(len(counts), np.nan), 30, 0)
    assert nothing.low is None
    assert nothing.method == "no interval: too few resamples have a value"


def test_one_content_has_no_interval() -> None:
    found = mean_interval(np.array([1.0]), 0)
    assert (found.low, found.high, found.method) == (None, None, "no interval: one content")


def test_a_jackknife_without_spread_is_no_interval() -> None:
    x, y, groups = np.arange(4.0), -np.arange(4.0), np.arange(4)
    for resampled in (resampling.srcc, resampling.plcc):  # the latter equal up to rounding
        found = content_interval(-1.0, lambda c, f=resampled: f(x, y, groups, c), 4, 0, (-1, 1))
        assert (found.low, found.high) == (None, None)
        assert found.method == (
            "no interval: the value is the same whichever of 4 contents is left out"
        )
    assert mean_interval(np.zeros(8), 0).low is None
    many = mean_interval(np.ones(FEW_CONTENTS), 0)
    assert (many.low, many.high) == (1.0, 1.0)


def test_the_mark() -> None:
    assert few_contents(8) == ("few contents (8)",)
    assert few_contents(FEW_CONTENTS) == few_contents(0) == ()
