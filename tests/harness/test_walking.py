"""A folder that cannot be read is named: nothing in it is passed over in silence."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.collection import add, merge, select, validate
from harness.gating.pairs import read
from harness.image_files import names_below
from harness.records import read_records
from harness.walking import files_at
from tests.harness.collection.test_collection import keep, row

NOBODY = 65534


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that any user can read."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@contextmanager
def barred(folder: Path) -> Iterator[None]:
    """``folder`` cannot be read, nor by root, who is another user meanwhile."""
    if not hasattr(os, "geteuid"):
        pytest.skip("folders cannot be barred here")
    root = os.geteuid() == 0
    folder.chmod(0)
    try:
        if root:
            os.seteuid(NOBODY)
        try:
            os.listdir(folder.parent)
        except PermissionError:
            pytest.skip("another user cannot read temporary folders here")
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.mark.parametrize("name", ["beta", "beta/tiny", "scores"])
def test_whatever_reads_records_names_a_folder_that_cannot_be_read(place, tmp_path, name):
    records = place / "records"
    keep(records, row())
    keep(records, row(model="beta"))
    asked = {
        "read": lambda: read_records(records),
        "validate": lambda: validate(records),
        "select": lambda: select(records),
        "add": lambda: add(records, tmp_path / "kept"),
        "merge": lambda: merge([records], tmp_path / "out"),
        "gate": lambda: read(records),
    }
    for ask in asked.values():  # what is loaded late is loaded now
        ask()
    for word, ask in asked.items():
        with barred(records / name), pytest.raises(PermissionError) as error:
            ask()
        assert error.value.filename == str(records / name), word


def test_a_folder_of_images_that_cannot_be_read_is_named_and_a_hidden_one_is_not(place):
    for name in ("a.png", "in/b.png", ".hidden/c.png"):
        (place / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(place / name)
    assert names_below(place) == ["a.png", "in/b.png"]
    with barred(place / "in"), pytest.raises(PermissionError) as error:
        names_below(place)
    assert error.value.filename == str(place / "in")
    with barred(place / ".hidden"):
        assert names_below(place) == ["a.png", "in/b.png"]


def test_files_of_one_depth_are_found_also_behind_links(tmp_path):
    for name in ("a/b/c.json", "a/b.json", "a/b/c/d.json", "elsewhere/x.json"):
        path = tmp_path / "in" / name if name[0] == "a" else tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "in/a/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in/a/around").symlink_to(tmp_path / "in")
    found = {path.relative_to(tmp_path / "in").as_posix() for path in files_at(tmp_path / "in", 3)}
    assert found == {"a/b/c.json", "a/linked/x.json"}
    assert list(files_at(tmp_path / "nowhere", 3)) == []
