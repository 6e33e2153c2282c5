"""Records are the same wherever they were made: no folder of a machine is in them."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from harness import run
from harness.records import load_record
from harness.sample import Dataset
from tests.conftest import Sharpness


class Lost(Sharpness):
    """Needs a file of its own, which cannot be read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(options={})
        self.folder = folder

    def score(self, images: Any) -> Any:
        raise OSError(errno.EIO, "Input/output error", str(self.folder / "state.json"))


@pytest.mark.parametrize("folder", ["/home/me/cache/fits/a", "/home/me/My Cache/fits/a"])
def test_reasons_of_single_samples_name_no_folder(tiny: Dataset, tmp_path: Path, folder: str):
    settings = {"cache": tmp_path / "cache", "workers": 1, "progress": False}
    run([Lost(Path(folder))], [tiny], ["correlation"], out=tmp_path / "out", **settings)
    (path,) = (tmp_path / "out" / "records").glob("*/*/*.json")
    reasons = {why for found in load_record(path).failures.values() for why in found.values()}
    assert len(reasons) == 1
    assert "…/state.json" in reasons.pop()
    assert "/home" not in path.read_text("utf-8")
