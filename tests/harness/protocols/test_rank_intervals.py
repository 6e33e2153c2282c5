"""Holm by hand and by its properties; rank intervals that cannot contradict the tests."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.protocols.rank_intervals import holm, rank_intervals

PS = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_holm_by_hand() -> None:
    # Sorted: 0.005 × 4, 0.01 × 3, 0.03 × 2, 0.04 × 1 raised to the one before.
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.6, 0.9])).tolist() == [1, 1]
    assert holm(np.array([])).tolist() == []


@given(PS)
def test_holm_rejects_what_the_step_down_procedure_rejects(p: list[float]) -> None:
    """At any level: go through the sorted p-values and stop at the first that is too large."""
    adjusted = holm(np.array(p))
    for level in (0.01, 0.05, 0.3):
        rejected = set()
        for step, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
            if p[i] * (len(p) - step) > level:
                break
            rejected.add(i)
        assert set(np.flatnonzero(adjusted <= level)) == rejected


@given(PS, st.randoms())
def test_holm_properties(p: list[float], random: Random) -> None:
    adjusted = holm(np.array(p))
    assert (adjusted >= np.array(p)).all()
    assert (adjusted <= 1).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()
    shuffled = list(range(len(p)))
    random.shuffle(shuffled)
    assert np.array_equal(holm(np.array(p)[shuffled]), adjusted[shuffled])


def test_tied_is_not_transitive() -> None:
    """A and B may be tied, and B and C, while A is better than C."""
    significant = np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], bool)
    found = rank_intervals(np.array([0.9, 0.8, 0.7]), significant)
    assert found.low.tolist() == [1, 1, 2]
    assert found.high.tolist() == [2, 3, 3]
    assert found.top.tolist() == [True, True, False]


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_every_model_has_its_own_place_within_its_interval(m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.permutation(m).astype(float)
    upper = np.triu(rng.random((m, m)) < 0.5, 1)
    found = rank_intervals(values, upper | upper.T)
    place = 1 + np.array([(values > value).sum() for value in values])
    assert (found.low >= 1).all()
    assert (found.high <= m).all()
    assert (found.low <= place).all()
    assert (place <= found.high).all()
    assert found.top[values.argmax()]
    assert found.top[found.low == 1].all()


@pytest.mark.parametrize("everything", [False, True])
def test_no_test_leaves_all_ranks_and_all_tests_leave_one(everything: bool) -> None:
    found = rank_intervals(np.array([3.0, 1.0, 2.0]), np.full((3, 3), everything))
    assert found.low.tolist() == ([1, 3, 2] if everything else [1, 1, 1])
    assert found.high.tolist() == ([1, 3, 2] if everything else [3, 3, 3])
    assert found.top.tolist() == ([True, False, False] if everything else [True] * 3)
