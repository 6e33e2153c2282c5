"""States of trainings on a disk that is full."""

from __future__ import annotations

import errno
import os

import pytest
import torch

from baselines import saved_state
from harness import atomic


def test_a_full_disk_is_an_error_of_the_disk_and_leaves_the_state_before(tmp_path, monkeypatch):
    path = tmp_path / "state.pt"
    saved_state.write(path, {"run": {}, "weights": torch.ones(10)})

    def full(handle, mode):
        os.close(handle)
        return open("/dev/full", mode)

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "fdopen", full)
        with pytest.raises(OSError, match="No space left on device") as caught:
            saved_state.write(path, {"run": {}, "weights": torch.zeros(1 << 20)})
    assert caught.value.errno == errno.ENOSPC
    assert [each.name for each in tmp_path.iterdir()] == ["state.pt"]
    found = saved_state.read(path, {}, "")
    assert found is not None
    assert torch.equal(found["weights"], torch.ones(10))
