"""Parts are committed in time: 64 samples or 5 s, shared by all that write side by side."""

from __future__ import annotations

import pytest
import torch

from harness import parts
from harness.parts import Parts
from harness.store import Store
from tests.harness.conftest import CELL


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [100.0]
    monkeypatch.setattr(parts.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def files(tmp_path):
    return Store(tmp_path).cell(CELL)


def add(buffer: Parts, name: str, width: int = 2) -> None:
    buffer.add(name, torch.zeros(1, width))


@pytest.mark.parametrize(("share", "size"), [(1, 64), (2, 32), (3, 21), (100, 1)])
def test_a_part_is_as_many_samples_as_a_kill_may_cost(files, clock, share, size):
    buffer = Parts(files, share)
    for i in range(2 * size):
        assert len(files.done()) == i // size * size
        add(buffer, f"{i:03d}")
    assert len(files.done()) == 2 * size
    assert len(list(files.folder.glob("*.safetensors"))) == 2


@pytest.mark.parametrize(("share", "seconds"), [(1, 5.0), (2, 2.5)])
def test_a_part_is_as_many_seconds_as_a_kill_may_cost(files, clock, share, seconds):
    buffer = Parts(files, share)
    add(buffer, "first")
    clock[0] += seconds - 0.01
    add(buffer, "second")
    assert not files.done()
    clock[0] += 0.01
    add(buffer, "third")
    assert files.done() == {"first", "second", "third"}
    clock[0] += 100  # the time runs from the first result of a part
    add(buffer, "fourth")
    assert len(files.done()) == 3


def test_failures_count_like_results(files, clock):
    buffer = Parts(files)
    for i in range(32):
        buffer.add(f"failed{i}", "no such file")
        add(buffer, f"fine{i}")
    assert len(files.done()) == 64
    assert len(files.done(retry_failed=True)) == 32
    assert set(files.read().failures.values()) == {"no such file"}


def test_shapes_do_not_meet_in_one_part(files, clock):
    buffer = Parts(files)
    for i in range(6):
        add(buffer, str(i), width=2 + i % 2)
    buffer.commit()
    assert len(list(files.folder.glob("*.safetensors"))) == 2
    assert files.read().ids == ("0", "2", "4")
    buffer.commit()
    assert len(list(files.folder.glob("*.safetensors"))) == 2
