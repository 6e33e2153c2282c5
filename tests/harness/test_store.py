"""The store keeps what was committed, whole, whatever happens to the process or to the file."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from harness import store
from harness.atomic import write_atomic
from harness.store import CellFiles, Store, StoreError
from tests.harness.conftest import CELL


@pytest.fixture
def files(tmp_path: Path) -> CellFiles:
    return Store(tmp_path / "cells").cell(CELL)


def write(files: CellFiles, start: int, stop: int, **failures: str) -> None:
    names = [f"image{i:03d}" for i in range(start, stop)]
    files.write_part(names, np.arange(start, stop, dtype=np.float64), failures)


def found(files: CellFiles) -> dict[str, float]:
    output = files.read()
    return dict(zip(output.ids, output.values.tolist(), strict=True))


def test_what_was_written_is_read_sorted_by_id(files):
    write(files, 5, 8, broken="no such file")
    write(files, 0, 5)
    output = files.read()
    assert output.ids == tuple(f"image{i:03d}" for i in range(8))
    assert output.values.tolist() == list(range(8))
    assert output.values.dtype == np.float64
    assert output.failures == {"broken": "no such file"}
    assert files.done() == {*output.ids, "broken"}
    assert files.done(retry_failed=True) == set(output.ids)
    assert output.at(["image003", "image001"]).tolist() == [3, 1]
    with pytest.raises(KeyError):
        output.at(["broken"])


def test_nothing_written_is_nothing_read(files):
    output = files.read()
    assert (output.ids, len(output.values), output.failures) == ((), 0, {})
    assert files.done() == frozenset()


def test_features_keep_their_bits_shape_and_type(files):
    values = np.random.default_rng(0).standard_normal((3, 5, 7)).astype(np.float32)
    values[0, 0, :3] = np.nan, np.inf, -0.0
    files.write_part(["a", "b", "c"], values, {})
    output = files.read()
    assert output.values.dtype == np.float32
    assert output.values.tobytes() == values.tobytes()


@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.floats(), max_size=5), max_size=5),
    st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3),
)
@settings(max_examples=30, deadline=None)
def test_any_text_is_an_id_and_any_float_a_value(tmp_path_factory, parts, failures):
    files = Store(tmp_path_factory.mktemp("cells")).cell(CELL)
    expected: dict[str, float] = {}
    for part in parts:
        files.write_part(list(part), np.array(list(part.values()), np.float64), {})
        expected |= part
    files.write_part([], None, failures)
    output = files.read()
    assert list(output.ids) == sorted(expected)
    np.testing.assert_array_equal(output.values, [expected[i] for i in output.ids])
    assert output.failures == {k: v for k, v in failures.items() if k not in expected}


def test_a_result_counts_more_than_a_failure(files):
    files.write_part(["a"], np.ones(1), {"b": "out of memory"})
    files.write_part(["b"], np.ones(1), {"a": "out of memory"})
    assert files.read().ids == ("a", "b")
    assert files.read().failures == {}


def test_rows_of_another_shape_are_failures(files):
    files.write_part(["b", "c"], np.zeros((2, 1, 4), np.float32), {})
    files.write_part(["a", "d"], np.zeros((2, 1, 3), np.float32), {})
    output = files.read()
    assert output.ids == ("a", "d")
    assert output.values.shape == (2, 1, 3)
    assert output.failures["c"] == "shape [1, 4], where a has [1, 3]"


def features(start: int, stop: int) -> tuple[list[str], np.ndarray]:
    names = [f"image{i:03d}" for i in range(start, stop)]
    return names, np.arange(start, stop, dtype=np.float32).repeat(6).reshape(-1, 2, 3)


def test_a_large_cell_is_merged_and_mapped_and_reads_as_a_small_one(files, monkeypatch):
    for start, stop in ((40, 60), (0, 20), (20, 41)):  # one id twice
        files.write_part(*features(start, stop), {"bad": "why"}, {"image003": "alpha dropped"})
    small = files.read()
    assert not isinstance(small.values, np.memmap)
    monkeypatch.setattr(store, "MAPPED", 100)
    large = files.read()
    assert isinstance(large.values, np.memmap)
    assert not large.values.flags.writeable
    assert large.values.tobytes() == small.values.tobytes() == features(0, 60)[1].tobytes()
    assert replace(large, values=0) == replace(small, values=0)
    assert len(list(files.folder.glob("*.safetensors"))) == 1
    assert files.done() == {*small.ids, "bad"}
    names, values = safetensors_of(files)
    assert names == list(small.ids)
    np.testing.assert_array_equal(values, small.values)
    files.write_part(*features(60, 61), {})  # more may come later
    assert files.read().ids == (*small.ids, "image060")
    assert len(list(files.folder.glob("*.safetensors"))) == 1


def safetensors_of(files: CellFiles) -> tuple[list[str], np.ndarray]:
    """What the library that defines the format reads."""
    (path,) = files.folder.glob("*.safetensors")
    with safe_open(path, "numpy") as file:
        return json.loads(file.metadata()["ids"]), file.get_tensor("values")


def test_a_large_cell_on_a_full_disk_is_read_all_the_same(files, monkeypatch):
    files.write_part(*features(0, 20), {})
    files.write_part(*features(20, 30), {})
    monkeypatch.setattr(store, "MAPPED", 100)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="the disk is full.*read into memory"):
        output = files.read()
    assert output.values.tobytes() == features(0, 30)[1].tobytes()
    assert len(list(files.folder.glob("*.safetensors"))) == 2


def test_a_merge_that_was_killed_before_the_small_parts_were_removed(files, monkeypatch):
    files.write_part(*features(0, 20), {})
    files.write_part(*features(20, 30), {})
    monkeypatch.setattr(store, "MAPPED", 100)
    with monkeypatch.context() as context:
        context.setattr(store.Path, "unlink", lambda *_, **__: None)
        context.setattr(files, "read", lambda: None)
        CellFiles.read(files)
    assert len(list(files.folder.glob("*.safetensors"))) == 3
    assert files.read().values.tobytes() == features(0, 30)[1].tobytes()
    assert len(list(files.folder.glob("*.safetensors"))) == 1


def test_cells_do_not_mix(tmp_path):
    root = Store(tmp_path)
    write(root.cell(CELL), 0, 3)
    other = root.cell(replace(CELL, images_hash="1"))
    assert other.done() == frozenset()
    write(other, 7, 8)
    assert found(root.cell(CELL)) == {"image000": 0, "image001": 1, "image002": 2}


def test_a_part_says_what_it_is_of(files):
    write(files, 0, 1)
    assert '"model":"m"' in (files.folder / "cell.json").read_text()


# Crashes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_process_killed_before_the_rename_leaves_no_part(files, step):
    write(files, 0, 3)

    def killed() -> None:
        setattr(os, step, lambda *_: os._exit(9))
        write(files, 3, 6)

    child = multiprocessing.get_context("fork").Process(target=killed)
    child.start()
    child.join(20)
    assert child.exitcode == 9
    assert list(files.folder.glob(".*.tmp"))  # what a kill leaves behind is never read
    assert sorted(found(files).values()) == [0, 1, 2]
    write(files, 3, 6)
    assert sorted(found(files).values()) == [0, 1, 2, 3, 4, 5]


def test_an_interrupted_write_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomic(path, b"before")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, b"after")
    assert path.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:20],
        lambda data: b"",
        lambda data: data[:-4] + bytes([data[-4] ^ 1]) + data[-3:],
        lambda data: data + b"\0",
    ],
    ids=["cut", "short", "empty", "one bit", "longer"],
)
def test_a_damaged_part_is_set_aside_and_computed_again(files, damage):
    write(files, 0, 3)
    write(files, 3, 6)
    path = sorted(files.folder.glob("*.safetensors"))[0]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match="damaged, computed again"):
        assert files.done() == {"image003", "image004", "image005"}
    assert path.with_suffix(".damaged").exists()
    write(files, 0, 3)
    assert sorted(found(files).values()) == [0, 1, 2, 3, 4, 5]


def test_a_part_that_another_process_has_just_set_aside_is_no_error(files, monkeypatch):
    write(files, 0, 3)
    gone = files.folder / "000007-0123456789abcdef.safetensors"
    real = files._files
    listings = iter([[*real(), gone]])
    monkeypatch.setattr(files, "_files", lambda: next(listings, real()))
    assert sorted(found(files).values()) == [0, 1, 2]


# Several writers -------------------------------------------------------------------------


def _writer(root: Path, start: int) -> None:
    files = Store(root).cell(CELL)
    for i in range(start, start + 40):
        write(files, i, i + 1)


def test_writers_side_by_side_lose_nothing(tmp_path):
    context = multiprocessing.get_context("fork")
    # The second and third write the same ids: they must count once.
    writers = [context.Process(target=_writer, args=(tmp_path, start)) for start in (0, 40, 40)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert list(found(Store(tmp_path).cell(CELL)).values()) == list(range(80))


def test_what_killed_writers_left_is_removed_after_a_day(files):
    write(files, 0, 2)
    old, young = (files.folder / name for name in (".old.tmp", ".young.tmp"))
    for path, age in ((old, 25), (young, 23)):
        path.touch()
        os.utime(path, (0, time.time() - 3600 * age))
    write(files, 2, 4)
    assert not old.exists()
    assert young.exists()
    assert len(found(files)) == 4


def test_writers_that_choose_the_same_number_do_not_overwrite(files, monkeypatch):
    monkeypatch.setattr(CellFiles, "_next_number", lambda self: 0)
    write(files, 0, 3)
    write(files, 3, 6)
    assert list(found(files).values()) == [0, 1, 2, 3, 4, 5]


# Disks and folders -----------------------------------------------------------------------


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_line_and_costs_nothing_that_was_finished(
    files, monkeypatch, step, code
):
    write(files, 0, 3)

    def full(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(StoreError, match="the disk is full; what was finished is kept") as e:
            write(files, 3, 6)
    assert "\n" not in str(e.value)
    assert not list(files.folder.glob(".*.tmp"))
    assert sorted(found(files).values()) == [0, 1, 2]
    write(files, 3, 6)
    assert len(found(files)) == 6


def test_a_file_where_the_folder_should_be_is_one_line(tmp_path):
    (tmp_path / "cells").write_text("")
    with pytest.raises(StoreError, match=r"cannot write to .*cells.*: (File exists|Not a dir)"):
        write(Store(tmp_path / "cells").cell(CELL), 0, 1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_someone_else_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        write(Store(tmp_path / "cells").cell(CELL), 0, 1)
