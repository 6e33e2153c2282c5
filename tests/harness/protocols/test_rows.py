"""Rows that are read when they are asked for, and what protocols make of outputs with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.protocols import rows as rows_module
from harness.protocols.outcomes import finite, usable
from harness.protocols.rows import Rows, chunks, vary
from harness.protocols.threads import Threads, strips
from harness.sample import Dataset
from harness.store import Output

VALUES = np.arange(60, dtype=np.float32).reshape(10, 2, 3)
INDEX = np.array([7, 2, 2, 9])


@pytest.mark.parametrize(
    "asked",
    [slice(1, 3), slice(None), np.array([3, 0, 0]), np.array([True, False, False, True]), [1]],
)
def test_indexed_like_an_array(asked: object) -> None:
    rows, array = Rows(VALUES, INDEX), VALUES[INDEX]
    np.testing.assert_array_equal(rows[asked], array[asked])  # type: ignore[index]
    assert (rows.shape, rows.ndim, rows.dtype, len(rows)) == ((4, 2, 3), 3, np.float32, 4)
    np.testing.assert_array_equal(rows[asked, 0], array[asked][:, 0])


def test_rows_of_rows_and_all_of_them() -> None:
    rows = Rows(Rows(VALUES, INDEX), np.array([True, False, True, True]))
    np.testing.assert_array_equal(np.asarray(rows), VALUES[[7, 2, 9]])
    np.testing.assert_array_equal(np.asarray(rows, np.float64), VALUES[[7, 2, 9]])
    with pytest.raises(ValueError, match="new array"):
        np.asarray(rows, copy=False)


def test_chunks_cover_all_rows_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "_CHUNK", 3 * VALUES[0].nbytes)
    found = [VALUES[part] for part in chunks(Rows(VALUES, np.arange(10)))]
    assert [len(part) for part in found] == [3, 3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(found), VALUES)
    one = np.ones((10, 2, 3), np.float32)
    assert not vary(one)
    one[9, 1, 2] = 2
    assert vary(one)


def test_features_stay_in_their_file(
    rated: Callable[..., Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = rated(4)
    ids = tuple(sorted((s.id for s in dataset.samples), reverse=True))
    values = np.random.default_rng(0).normal(size=(len(ids), 2, 3)).astype(np.float32)
    values[5, 1, 2] = np.inf
    np.save(tmp_path / "values.npy", values)
    output = Output(ids, np.load(tmp_path / "values.npy", mmap_mode="r"), {})
    monkeypatch.setattr(rows_module, "_CHUNK", 2 * values[0].nbytes)
    found = usable(dataset.samples, finite(output, "features are"))
    assert isinstance(found.values, Rows)
    assert found.remark == f"1 failed: first {ids[5]}: features are not finite"
    expected = np.stack([values[ids.index(s.id)] for s in found.samples])
    np.testing.assert_array_equal(found.values[:], expected)
    assert len(found.samples) == len(ids) - 1


def test_no_result_at_all_has_no_values(rated: Callable[..., Dataset]) -> None:
    dataset = rated(3)
    everything = Output(tuple(s.id for s in dataset.samples), np.full((15, 1, 2), np.nan), {})
    found = usable(dataset.samples, finite(everything, "features are"))
    assert (found.samples, len(found.values), found.n_failed) == ((), 0, 15)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_threads_do_every_item_and_raise(count: int) -> None:
    done = np.zeros(50, int)

    def mark(i: int) -> None:
        done[i] += 1
        if i == 33:
            raise ValueError("thirty-three")

    threads = Threads(count)
    threads.each(mark, range(33))
    assert done.tolist() == [1] * 33 + [0] * 17
    with pytest.raises(ValueError, match="thirty-three"):
        threads.each(mark, [33, 34])


def test_strips_are_cut_at_multiples() -> None:
    assert list(strips(3, 11, 4)) == [slice(3, 4), slice(4, 8), slice(8, 11)]
    assert list(strips(0, 8, 4)) == [slice(0, 4), slice(4, 8)]
    assert list(strips(5, 5, 4)) == []
