"""Splits: disjoint contents, everything used once, row order without meaning."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.protocols.splits import content_splits, leave_one_content_out

TABLES = st.dictionaries(
    st.text("abcdef0123456789", min_size=1, max_size=5),
    st.integers(0, 30).map(str),
    min_size=40,
    max_size=120,
).filter(lambda table: len(set(table.values())) >= 10)


@settings(max_examples=30)
@given(TABLES, st.integers(0, 9), st.sampled_from([(0.7, 0.1, 0.2), (0.8, 0.0, 0.2)]))
def test_contents_stay_apart(
    table: dict[str, str], seed: int, fractions: tuple[float, float, float]
) -> None:
    n_contents = len(set(table.values()))
    for split in content_splits(table, 3, fractions, seed):
        parts = (split.train, split.validation, split.test)
        assert sorted(id for part in parts for id in part) == sorted(table)
        contents = [{table[id] for id in part} for part in parts]
        assert sum(map(len, contents)) == n_contents
        for part, fraction in zip(contents, fractions, strict=True):
            assert abs(len(part) - fraction * n_contents) <= 1
            assert bool(part) == bool(fraction)


@settings(max_examples=30)
@given(TABLES, st.randoms(use_true_random=False))
def test_the_order_of_the_table_changes_nothing(
    table: dict[str, str], shuffle: random.Random
) -> None:
    rows = list(table.items())
    shuffle.shuffle(rows)
    assert content_splits(dict(rows), seed=1) == content_splits(table, seed=1)
    assert leave_one_content_out(dict(rows)) == leave_one_content_out(table)


def test_seeds_and_numbers_give_different_splits() -> None:
    table = {f"{c}-{i}": str(c) for c in range(29) for i in range(5)}
    splits = content_splits(table, 10, seed=0)
    assert len({split.test for split in splits}) == 10
    assert splits[0].test != content_splits(table, 1, seed=1)[0].test
    assert splits[3].name == "70/10/20 #4, seed 0"
    assert [len({table[i] for i in part}) for part in
            (splits[0].train, splits[0].validation, splits[0].test)] == [20, 3, 6]  # fmt: skip
    tests = [set(split.test) for split in content_splits(table, 300)]
    often = [sum(id in test for test in tests) for id in table]
    assert 30 < min(often) < max(often) < 95  # 6 of 29, 62 of 300 expected


def test_a_split_is_the_same_forever() -> None:
    table = {f"{c}-{i}": f"scene{c}" for c in range(10) for i in range(2)}
    (split,) = content_splits(table, 1, seed=0)
    assert {table[i] for i in split.test} == {"scene4", "scene7"}
    assert {table[i] for i in split.validation} == {"scene9"}


def test_leave_one_content_out() -> None:
    table = {"a1": "a", "a2": "a", "b1": "b", "c1": "c"}
    splits = leave_one_content_out(table)
    assert [split.test for split in splits] == [("a1", "a2"), ("b1",), ("c1",)]
    assert splits[0].train == ("b1", "c1")
    assert splits[0].name == "without a"


def test_what_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="2 contents are too few for a 70/10/20 split"):
        content_splits({"a": "a", "b": "b"})
    with pytest.raises(ValueError, match="add up to 1"):
        content_splits({"a": "a"}, fractions=(0.5, 0.1, 0.2))
