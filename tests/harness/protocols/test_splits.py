"""Splits: disjoint contents, everything used once, row order without meaning."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.protocols.splits import (
    content_splits,
    official_split,
    shared_contents,
    splits_of,
)
from harness.sample import Dataset

Rated = Callable[..., Dataset]

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


def test_what_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="2 contents are too few for a 70/10/20 split"):
        content_splits({"a": "a", "b": "b"})
    with pytest.raises(ValueError, match="add up to 1"):
        content_splits({"a": "a"}, fractions=(0.5, 0.1, 0.2))


def owned(dataset: Dataset, part: Callable[[int], str | None]) -> Dataset:
    """``dataset`` with an official part for each of its contents, by number."""
    parts = {c: part(i) for i, c in enumerate(sorted({s.content for s in dataset.samples}))}
    return replace(
        dataset, samples=tuple(replace(s, split=parts[s.content]) for s in dataset.samples)
    )


def test_the_owners_parts(rated: Rated) -> None:
    words = ("training", "training", "validation", "test", None)
    dataset = owned(rated(10), lambda i: words[i % 5])
    (split,) = splits_of(dataset, "official")
    assert split == official_split(dataset.samples[::-1], seed=7)
    assert split.name == "official"
    assert {name[:3] for name in split.train} == {"c00", "c01", "c05", "c06"}
    assert {name[:3] for name in split.validation} == {"c02", "c07"}
    assert {name[:3] for name in split.test} == {"c03", "c08"}
    lost = replace(dataset.samples[0], label=None)
    split = official_split((lost, *dataset.samples[1:]))
    assert lost.id not in split.train


def test_validation_is_an_eighth_of_training_contents_where_owners_name_none(rated: Rated) -> None:
    dataset = owned(rated(30), lambda i: "test" if i % 5 == 0 else "training")
    splits = [official_split(dataset.samples, seed) for seed in (0, 0, 1)]
    assert splits[0] == splits[1]
    assert splits[0].validation != splits[2].validation
    assert splits[0].name == "official, an eighth of training for validation, seed 0"
    train, validation = ({i[:3] for i in part} for part in (splits[0].train, splits[0].validation))
    assert not train & validation
    assert (len(train), len(validation)) == (21, 3)
    assert splits[0].test == splits[2].test


def test_official_parts_that_are_none(rated: Rated) -> None:
    with pytest.raises(ValueError, match="the owners give no split"):
        splits_of(rated(5), "official")
    with pytest.raises(ValueError, match="'c00-0' is in part 'train'; parts are training"):
        splits_of(owned(rated(5), lambda i: "train"), "official")
    with pytest.raises(ValueError, match="one content leaves none for validation"):
        splits_of(owned(rated(2), lambda i: ("training", "test")[i]), "official")


def test_contents_that_parts_share(rated: Rated) -> None:
    dataset = rated(6)
    samples = tuple(
        replace(s, split="test" if i % 5 == 0 and i > 10 else "training")
        for i, s in enumerate(dataset.samples)
    )
    split = official_split(samples)
    contents = {s.id: s.content for s in samples}
    assert shared_contents(split, contents) == ["scene03", "scene04", "scene05"]
    assert not any(shared_contents(each, contents) for each in splits_of(dataset, "70/10/20"))


def test_random_splits_are_of_the_labeled_samples(rated: Rated) -> None:
    dataset = rated(20)
    splits = splits_of(dataset, "80/20", seed=3, n_splits=4)
    contents = {s.id: s.content for s in dataset.samples}
    assert splits == content_splits(contents, 4, (0.8, 0.0, 0.2), seed=3)
    assert {(len(s.train), len(s.validation), len(s.test)) for s in splits} == {(80, 0, 20)}
    silent = replace(dataset, samples=tuple(replace(s, label=None) for s in dataset.samples[:5]))
    with pytest.raises(ValueError, match="0 contents are too few"):
        splits_of(silent, "70/10/20")


@pytest.mark.parametrize("how", ["70/10/20", "80/20", "official"])
def test_a_missing_sample_leaves_the_splits_of_the_others(rated: Rated, how: str) -> None:
    dataset = owned(rated(20), lambda i: "test" if i % 4 == 0 else "training")
    gone = dataset.samples[33].id
    fewer = replace(dataset, samples=tuple(s for s in dataset.samples if s.id != gone))
    for whole, part in zip(splits_of(dataset, how), splits_of(fewer, how), strict=True):
        for name in ("train", "validation", "test"):
            assert getattr(part, name) == tuple(i for i in getattr(whole, name) if i != gone)


def test_a_missing_content_moves_at_most_one_other_across_each_border() -> None:
    table = {f"img{i:03}": f"img{i:03}" for i in range(200)}
    fewer = {i: c for i, c in table.items() if i != "img077"}
    for whole, part in zip(content_splits(table), content_splits(fewer), strict=True):
        assert len(set(part.test) - set(whole.test)) <= 1
        assert len(set(part.train) - set(whole.train)) <= 1
