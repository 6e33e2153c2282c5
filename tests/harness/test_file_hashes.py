"""Hashes of files: remembered only as long as the file is the one that was read."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from harness import file_hashes
from harness.file_hashes import file_sha256, remembering


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read."""
    names: list[str] = []
    real = hashlib.file_digest

    def counted(file, name):
        names.append(Path(file.name).name)
        return real(file, name)

    monkeypatch.setattr(file_hashes.hashlib, "file_digest", counted)
    monkeypatch.setattr(file_hashes, "SETTLED", 0.0)
    return names


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(b"pixels")
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_is_read_once(file, tmp_path, reads):
    for _ in range(3):
        with remembering(tmp_path / "cache"):
            assert file_sha256(file) == file_sha256(file) == digest(file)
    assert reads == ["a.png"]


def test_without_a_memory_it_is_read_each_time(file, reads):
    assert file_sha256(file) == file_sha256(file) == digest(file)
    assert reads == ["a.png", "a.png"]


def test_a_change_is_seen_even_with_the_old_size_and_time(file, tmp_path, reads):
    before = file.stat()
    with remembering(tmp_path / "cache"):
        file_sha256(file)
    file.write_bytes(b"PIXELS")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with remembering(tmp_path / "cache"):
        assert file_sha256(file) == digest(file)
    other = tmp_path / "b.png"
    other.write_bytes(b"others")
    os.replace(other, file)
    with remembering(tmp_path / "cache"):
        assert file_sha256(file) == digest(file)
    assert len(reads) == 3


def test_a_file_that_has_just_changed_is_not_remembered(file, tmp_path, reads, monkeypatch):
    monkeypatch.setattr(file_hashes, "SETTLED", 60.0)
    for _ in range(2):
        with remembering(tmp_path / "cache"):
            file_sha256(file)
    assert len(reads) == 2
    old = time.time() + 3600
    monkeypatch.setattr(file_hashes.time, "time", lambda: old)
    for _ in range(2):
        with remembering(tmp_path / "cache"):
            file_sha256(file)
    assert len(reads) == 3


def test_a_damaged_or_unwritable_memory_costs_only_its_benefit(file, tmp_path, reads):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "file-hashes.sqlite").write_bytes(b"no database" * 100)
    for _ in range(2):
        with remembering(tmp_path / "cache"):
            assert file_sha256(file) == digest(file)
    assert len(reads) == 1
    (tmp_path / "taken").write_bytes(b"")
    with remembering(tmp_path / "taken"):
        assert file_sha256(file) == digest(file)


def test_a_missing_file_is_an_error(tmp_path):
    with remembering(tmp_path / "cache"), pytest.raises(FileNotFoundError):
        file_sha256(tmp_path / "none.png")
