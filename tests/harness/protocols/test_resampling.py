"""Replicates from counts against SciPy on samples that are really repeated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.protocols import resampling

REFERENCES = {
    resampling.srcc: lambda x, y: stats.spearmanr(x, y).statistic,
    resampling.plcc: lambda x, y: stats.pearsonr(x, y).statistic,
    resampling.krcc: lambda x, y: stats.kendalltau(x, y).statistic,
    resampling.rmse: lambda x, y: np.sqrt(np.mean((x - y) ** 2)),
}


def compare(function, x, y, groups, counts, tolerance=1e-12) -> None:  # type: ignore[no-untyped-def]
    found = function(x, y, groups, counts)
    assert found.shape == (len(counts),)
    for value, count in zip(found, counts, strict=True):
        drawn = np.repeat(np.arange(len(x)), count[groups])
        a, b = x[drawn], y[drawn]
        if len(a) == 0 or (function is not resampling.rmse and min(np.ptp(a), np.ptp(b)) == 0):
            assert np.isnan(value)
        else:
            assert value == pytest.approx(REFERENCES[function](a, b), abs=tolerance)


@pytest.mark.parametrize("function", REFERENCES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("n", "n_groups"), [(300, 300), (300, 21), (129, 7)])
def test_equal_to_scipy(function, ties: bool, n: int, n_groups: int) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(n + n_groups)
    y = rng.normal(size=n)
    x = y + rng.normal(size=n)
    if ties:
        x, y = (3 * x).round(), (2 * y).round()
    groups = rng.permutation(np.arange(n) % n_groups)
    counts = np.stack(
        [np.bincount(rng.integers(0, n_groups, n_groups), minlength=n_groups) for _ in range(70)]
    ).astype(np.uint16)
    compare(function, x, y, groups, counts)


@given(st.data())
def test_small_cases_with_many_ties_and_empty_resamples(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 9))
    values = st.lists(st.integers(0, 3), min_size=n, max_size=n).filter(lambda v: len(set(v)) > 1)
    x, y = (np.array(data.draw(values), float) for _ in range(2))
    groups = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    row = st.lists(st.integers(0, 3), min_size=3, max_size=3)
    counts = np.array(data.draw(st.lists(row, min_size=1, max_size=4)))
    for function in REFERENCES:
        compare(function, x, y, groups, counts)


def test_far_from_zero_plcc_keeps_its_digits() -> None:
    rng = np.random.default_rng(3)
    x, y = 1e6 + rng.normal(size=100), rng.normal(size=100)
    counts = rng.integers(0, 3, (5, 100))
    compare(resampling.plcc, x, y, np.arange(100), counts, tolerance=1e-9)
