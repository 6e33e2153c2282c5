"""The golden records to be changed, and gates of runs against them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.gating import gate
from tests.harness.gating.small import GOLDEN, made_on, records


@pytest.fixture
def against(copy, tmp_path):
    """``against(model, data, **settings)``: the gate of a run of these against the golden one.

    As if both were made on one kind of processor, which allows least.
    """

    def judge(model, data=None, **settings):
        candidate = records(tmp_path / "candidate", model, data)
        return gate(made_on(copy, "one kind"), made_on(candidate, "one kind"), **settings)

    return judge


@pytest.fixture
def copy(tmp_path):
    """The golden records, to be changed."""
    return Path(shutil.copytree(GOLDEN, tmp_path / "copy"))
