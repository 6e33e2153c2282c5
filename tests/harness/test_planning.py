"""A plan covers what lacks, once, in pieces that keep every worker busy to the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cells import make_cell
from harness.extract import Task
from harness.images import DecodePolicy
from harness.planning import SHARD_SAMPLES, Plan, _shards, plan
from harness.sample import Dataset, Pair, Sample
from harness.source import FileSource
from harness.store import Store
from tests.conftest import Difference, Sharpness

NOWHERE = FileSource(Path("nowhere.png"))


def dataset(n: int, per_reference: int = 10) -> Dataset:
    samples = tuple(
        Sample(f"s{i}", NOWHERE, "c", reference=f"r{i // per_reference}") for i in range(n)
    )
    references = tuple(
        Sample(name, NOWHERE, "c") for name in dict.fromkeys(s.reference for s in samples) if name
    )
    return Dataset("planned", samples, references)


def tasks(data: Dataset) -> list[Task]:
    return [
        Task(make_cell(Sharpness().card, data, "score", decoding="d"), Sharpness()),
        Task(make_cell(Difference().card, data, "score_pair", decoding="d"), Difference()),
    ]


def planned(data: Dataset, store: Path, **settings: int) -> Plan:
    return plan(data, tasks(data), DecodePolicy(), store, **settings)


@given(
    n=st.integers(0, 300), per_reference=st.integers(1, 400), workers=st.integers(1, 9)
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_every_result_is_planned_once(tmp_path_factory, n, per_reference, workers):
    data = dataset(n, per_reference)
    found = planned(data, tmp_path_factory.getbasetemp() / "empty", workers=workers)
    for position, ids in enumerate(([i.id for i in data.images], [p.id for p in data.pairs])):
        planned_ids = Counter(i for work in found.passes for i in work.lacking[position])
        assert planned_ids == Counter(ids)
    assert found.lacking == found.total == len(data.images) + len(data.pairs)
    for work in found.passes:
        decoded = [image.id for image in work.images]
        assert len(set(decoded)) == len(decoded)
        needed = set(work.lacking[0]) | {m for p in work.pairs for m in (p.test, p.reference)}
        assert set(decoded) == needed
        assert {pair.id for pair in work.pairs} == work.lacking[1]


def test_a_reference_comes_just_before_what_is_compared_with_it(tmp_path):
    data = dataset(40)
    shuffled = replace(data, samples=tuple(np.random.default_rng(0).permutation(data.samples)))
    (work,) = planned(shuffled, tmp_path).passes
    place = {image.id: i for i, image in enumerate(work.images)}
    assert all(0 < place[p.test] - place[p.reference] <= 10 for p in work.pairs)


def test_what_the_store_holds_is_not_planned(tmp_path):
    data = dataset(100)
    score, pairs = tasks(data)
    cell = Store(tmp_path).cell(score.cell)
    cell.write_part([i.id for i in data.images[:100]], np.zeros(100), {"r3": "cut"})
    found = planned(data, tmp_path)
    assert set().union(*(work.lacking[0] for work in found.passes)) == {
        f"r{i}" for i in range(10) if i != 3
    }
    assert (found.lacking, found.total) == (109, 210)
    assert planned(data, tmp_path, retry_failed=True).lacking == 110

    Store(tmp_path).cell(pairs.cell).write_part([p.id for p in data.pairs], np.zeros(100), {})
    (work,) = planned(data, tmp_path).passes
    assert [image.id for image in work.images] == [f"r{i}" for i in range(10) if i != 3]

    cell.write_part([f"r{i}" for i in range(10)], np.zeros(10), {})
    assert planned(data, tmp_path) == Plan((), 0, 210)


def test_ids_in_the_store_that_the_dataset_does_not_have_do_not_count(tmp_path):
    data = dataset(5)
    Store(tmp_path).cell(tasks(data)[0].cell).write_part(["x"], np.zeros(1), {})
    assert planned(data, tmp_path).lacking == 6 + 5


def test_the_same_image_twice_in_pairs_is_decoded_once(tmp_path):
    data = dataset(3)
    pairs = (Pair("a", "s0", "s1", "c"), Pair("b", "s1", "s0", "c"), Pair("c", "s0", "s0", "c"))
    data = replace(data, explicit_pairs=pairs)
    found = plan(data, tasks(data)[1:], DecodePolicy(), tmp_path)
    assert [[image.id for image in work.images] for work in found.passes] == [["s1", "s0"]]


@given(n=st.integers(0, 5000), workers=st.integers(1, 64), largest=st.sampled_from([64, 1024]))
@settings(deadline=None)
def test_shards_are_whole_bounded_and_finish_together(n, workers, largest):
    order = [str(i) for i in range(n)]
    sizes = [len(shard) for shard in _shards(order, workers, largest)]
    assert [name for shard in _shards(order, workers, largest) for name in shard] == order
    assert all(1 <= size <= largest for size in sizes)
    if workers == 1:
        assert len(sizes) == -(-n // largest)
        return
    # Whoever is free takes the next shard: the last to finish is at most a small shard late.
    load = [0] * workers
    for size in sizes:
        load[load.index(min(load))] += size
    assert max(load) <= n / workers + 1


def test_parts_shrink_with_the_number_of_writers(tmp_path):
    assert {work.share for work in planned(dataset(300), tmp_path, workers=4).passes} == {4}
    assert {work.share for work in planned(dataset(1), tmp_path, workers=4).passes} == {2}
    assert {work.share for work in planned(dataset(300), tmp_path).passes} == {1}


@pytest.mark.parametrize("decoders", [0, 4])
def test_shards_are_larger_where_processes_decode_ahead(tmp_path, decoders):
    found = planned(dataset(300), tmp_path, decoders=decoders)
    assert len(found.passes) == (1 if decoders else -(-330 // SHARD_SAMPLES))
    assert {work.decoders for work in found.passes} == {decoders}
