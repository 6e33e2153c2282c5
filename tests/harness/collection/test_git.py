"""Git leaves the bytes of records alone, whatever line ends someone likes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.collection import validate
from tests.harness.collection.test_collection import files, keep, row

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not here")


@pytest.mark.parametrize("crlf", ["true", "false", "input"])
def test_records_are_checked_out_as_they_were_written(tmp_path, crlf):
    there, here = tmp_path / "there", tmp_path / "here"
    keep(there / "results/records", row())
    (there / "costs.csv").write_bytes(b"a,b\r\n1,2\r\n")
    shutil.copy(ROOT / ".gitattributes", there)
    (there / "results/other.md").write_bytes(b"one\ntwo\n")
    name = ["-c", "user.name=x", "-c", "user.email=x", "-c", f"core.autocrlf={crlf}"]
    for command in (
        ["init", "-q", str(there)],
        ["-C", str(there), "add", "."],
        ["-C", str(there), "commit", "-q", "-m", "x"],
        ["clone", "-q", str(there), str(here)],
    ):
        subprocess.run(["git", *name, *command], check=True, capture_output=True)
    shutil.rmtree(there / ".git"), shutil.rmtree(here / ".git")
    assert files(here) == files(there)
    assert validate(here / "results/records") == []
