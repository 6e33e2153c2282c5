"""Unpacking archives from strangers: everything or nothing, and only into the folder."""

from __future__ import annotations

import errno
import gzip
import io
import os
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.datasets import archives as reading
from harness.datasets import unpack as unpacking
from harness.datasets.archives import ArchiveError
from harness.datasets.unpack import unpack

CONTENT = {"SET/scores.csv": b"a,1\n", "SET/images/I1.bmp": bytes(range(256)) * 40}


def info(name: str, **fields: object) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(found, field, value)
    return found


def tar(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for member, data in members:
            if member.isreg():
                member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def tgz(path: Path, content: dict[str, bytes] = CONTENT) -> Path:
    return tar(path, *((info(name), data) for name, data in content.items()), mode="w:gz")


def zipped(path: Path, content: dict[str, bytes] = CONTENT) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def plain(path: Path, content: dict[str, bytes] = CONTENT) -> Path:
    return tar(path, *((info(name), data) for name, data in content.items()))


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def refused(tmp_path: Path, archive: Path) -> str:
    """The one line of a refusal that leaves nothing behind but the archive."""
    before = set(tmp_path.rglob("*"))
    with pytest.raises(ArchiveError) as error:
        unpack(archive, tmp_path / "set")
    assert set(tmp_path.rglob("*")) == before
    assert "\n" not in str(error.value)
    return str(error.value)


# What is unpacked ------------------------------------------------------------------------


@pytest.mark.parametrize("make", [tgz, zipped, plain])
def test_a_folder_at_the_top_becomes_the_folder(tmp_path, make):
    archive = make(tmp_path / "any-name")
    assert unpack(archive, tmp_path / "set") == 2
    assert files(tmp_path / "set") == {
        "scores.csv": b"a,1\n",
        "images/I1.bmp": CONTENT["SET/images/I1.bmp"],
    }
    assert sorted(os.listdir(tmp_path)) == ["any-name", "set"]


@pytest.mark.parametrize("make", [tgz, zipped])
def test_several_things_at_the_top_stay_side_by_side(tmp_path, make):
    content = {"./Images/a b.png": b"x", "./list.txt": b"", "./Data/é.mat": b"y"}
    assert unpack(make(tmp_path / "x", content), tmp_path / "set") == 3
    expected = {"Images/a b.png": b"x", "list.txt": b"", "Data/é.mat": b"y"}
    assert files(tmp_path / "set") == expected


@pytest.mark.parametrize("make", [tgz, zipped])
def test_litter_of_operating_systems_is_left_out(tmp_path, make):
    litter = {"__MACOSX/SET/._a": b"-", "SET/._a": b"-", "SET/.DS_Store": b"-"}
    assert unpack(make(tmp_path / "x", {**litter, "SET/a": b"+"}), tmp_path / "set") == 1
    assert files(tmp_path / "set") == {"a": b"+"}


def test_permissions_are_ordinary(tmp_path):
    archive = tar(
        tmp_path / "x.tar",
        (info("SET", type=tarfile.DIRTYPE, mode=0), b""),
        (info("SET/a", mode=0o6777, uid=4242), b"a"),
        (info("SET/b", mode=0), b"b"),
    )
    unpack(archive, tmp_path / "set")
    (tmp_path / "mine").write_bytes(b"")
    ordinary = stat.S_IMODE((tmp_path / "mine").stat().st_mode)
    for name in ("a", "b"):
        status = (tmp_path / "set" / name).stat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (ordinary, os.getuid())


def test_links_to_files_of_the_archive_become_copies(tmp_path):
    archive = tar(
        tmp_path / "x.tar",
        (info("S/before.png", type=tarfile.SYMTYPE, linkname="sub/a.png"), b""),
        (info("S/sub/a.png"), b"pixels"),
        (info("S/other/up.png", type=tarfile.SYMTYPE, linkname="../sub/a.png"), b""),
        (info("S/hard.png", type=tarfile.LNKTYPE, linkname="S/sub/a.png"), b""),
    )
    assert unpack(archive, tmp_path / "set") == 4
    names = ("before.png", "sub/a.png", "other/up.png", "hard.png")
    assert files(tmp_path / "set") == dict.fromkeys(names, b"pixels")
    assert not any((tmp_path / "set" / name).is_symlink() for name in names)


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    unpack(tgz(tmp_path / "x.tgz"), tmp_path / "set")
    before = files(tmp_path)
    with pytest.raises(FileExistsError, match="is there already: nothing was unpacked"):
        unpack(tmp_path / "x.tgz", tmp_path / "set")
    assert files(tmp_path) == before


def test_the_remains_of_a_kill_are_removed(tmp_path):
    remains = tmp_path / ".set.unpacking"
    remains.mkdir()
    (remains / "half").write_bytes(b"")
    unpack(tgz(tmp_path / "x.tgz"), tmp_path / "set")
    assert "half" not in files(tmp_path / "set")
    assert not remains.exists()


# What is refused -------------------------------------------------------------------------

OUTSIDE = {
    "/etc/x": "an absolute path",
    "//server/share/x": "an absolute path",
    "C:\\x": "an absolute path",
    "C:x": "an absolute path",
    "../x": "leaves the folder",
    "a/../../x": "leaves the folder",
    "a/../x": "leaves the folder",
    "..\\x": "leaves the folder",
    "..": "leaves the folder",
}


@pytest.mark.parametrize(("name", "why"), OUTSIDE.items())
@pytest.mark.parametrize("make", [tgz, zipped, plain])
def test_paths_out_of_the_folder(tmp_path, make, name, why):
    inner = tmp_path / "inner"  # so that "../x" would be seen
    inner.mkdir()
    archive = make(inner / "x", {"good": b"", name: b"bad"})
    with pytest.raises(ArchiveError, match=why):
        unpack(archive, inner / "set")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [archive]
    assert sorted(os.listdir(inner)) == ["x"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("target", ["../../etc/passwd", "/etc/passwd", "../secret", "C:\\x"])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_links_out_of_the_folder(tmp_path, kind, target, mode):
    (tmp_path / "secret").write_text("secret")
    archive = tar(tmp_path / "x.tar", (info("link", type=kind, linkname=target), b""), mode=mode)
    line = refused(tmp_path, archive)
    why = "leaves the folder" if target.startswith("..") else "an absolute path"
    assert "x.tar: refused: 'link': a link to" in line
    assert why in line


def test_links_to_folders_and_to_links_and_to_nothing(tmp_path):
    folder = (info("d/file"), b"")
    for target in ("d", "other", "nothing", "."):
        archive = tar(
            tmp_path / "x.tar",
            folder,
            (info("link", type=tarfile.SYMTYPE, linkname=target), b""),
            (info("other", type=tarfile.SYMTYPE, linkname="link"), b""),
        )
        assert "a link to what is no file of the archive" in refused(tmp_path, archive)


def test_nothing_is_written_through_a_link(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    archive = tar(
        tmp_path / "x.tar",
        (info("d", type=tarfile.SYMTYPE, linkname=str(outside)), b""),
        (info("d/file"), b"bad"),
    )
    refused(tmp_path, archive)
    inner = tar(
        tmp_path / "x.tar",
        (info("e/file"), b""),
        (info("d", type=tarfile.SYMTYPE, linkname="e"), b""),
        (info("d/file"), b"bad"),
    )
    assert "lies in a file" in refused(tmp_path, inner)


def test_a_zip_with_symbolic_links(tmp_path):
    def make(target: str) -> Path:
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr("SET/a.png", b"pixels")
            link = zipfile.ZipInfo("SET/b.png")
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, target)
        return tmp_path / "x.zip"

    for target in ("../../secret", "/etc/passwd", "x" * 5000):
        assert "refused: " in refused(tmp_path, make(target))
    assert unpack(make("a.png"), tmp_path / "set") == 2
    assert files(tmp_path / "set") == {"a.png": b"pixels", "b.png": b"pixels"}


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"S"])
def test_devices_pipes_and_sparse_files(tmp_path, kind):
    archive = tar(tmp_path / "x.tar", (info("device", type=kind), b""))
    assert "neither a file, a folder nor a link" in refused(tmp_path, archive)


def test_devices_in_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        device = zipfile.ZipInfo("device")
        device.external_attr = (stat.S_IFCHR | 0o666) << 16
        archive.writestr(device, b"")
    assert "neither a file" in refused(tmp_path, tmp_path / "x.zip")


@pytest.mark.parametrize("names", [("a", "a"), ("a/I.bmp", "a/i.BMP"), ("é", "e\u0301")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_are_one_on_some_systems(tmp_path, names):
    archive = tar(tmp_path / "x.tar", *((info(name), b"") for name in names))
    assert "two members of that name" in refused(tmp_path, archive)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as other:
        for name in names:
            other.writestr(name, b"")
    assert "two members of that name" in refused(tmp_path, tmp_path / "x.zip")


def test_a_name_that_is_file_and_folder(tmp_path):
    assert "lies in a file" in refused(tmp_path, plain(tmp_path / "x", {"a": b"", "A/b": b""}))
    assert "of that name" in refused(tmp_path, plain(tmp_path / "x", {"a/b": b"", "A": b""}))


# Bombs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [tgz, zipped])
def test_a_bomb_is_refused_before_it_is_written(tmp_path, make, monkeypatch):
    monkeypatch.setattr(unpacking, "FLOOR", 1_000_000)
    archive = make(tmp_path / "x", {"zeros": bytes(5_000_000)})
    assert archive.stat().st_size * unpacking.MOST_RATIO < 1_000_000
    written = []
    monkeypatch.setattr(unpacking, "_write", lambda member, path: written.append(path))
    assert "unpacks to more than 1,000,000 bytes" in refused(tmp_path, archive)
    assert written == []


def test_an_archive_of_images_may_be_large(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "FLOOR", 1_000)
    noise = random.Random(0).randbytes(300_000)
    assert unpack(tgz(tmp_path / "x", {"a": noise, "b": noise}), tmp_path / "set") == 2


def test_many_small_files_count_together(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "FLOOR", 1_000_000)
    content = {f"{i}": bytes(100_000) for i in range(11)}
    assert "more than 1,000,000 bytes" in refused(tmp_path, zipped(tmp_path / "x", content))


def test_links_count_as_what_they_copy(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "FLOOR", 1_000_000)
    links = (info(f"l{i}", type=tarfile.LNKTYPE, linkname="a") for i in range(200))
    archive = tar(
        tmp_path / "x", (info("a"), bytes(10_000)), *((link, b"") for link in links), mode="w:gz"
    )
    assert "more than 1,000,000 bytes" in refused(tmp_path, archive)


def test_too_many_members(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "MOST_MEMBERS", 10)
    content = {f"{i}": b"" for i in range(11)}
    assert "more than 10 members" in refused(tmp_path, tgz(tmp_path / "x", content))
    del content["0"]
    assert unpack(tgz(tmp_path / "x", content), tmp_path / "set") == 10


def test_headers_that_promise_gigabytes(tmp_path):
    size = 200 << 30
    for kind in (tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):
        header = info("x", type=kind, size=size).tobuf(tarfile.GNU_FORMAT)
        (tmp_path / "x.tar.gz").write_bytes(gzip.compress(header + bytes(10_000)))
        refused(tmp_path, tmp_path / "x.tar.gz")


def test_a_header_that_points_backwards(tmp_path):
    """A negative size would have tarfile read the same header for ever."""
    for kind in (tarfile.REGTYPE, tarfile.XHDTYPE, b"Z"):
        header = info("x", type=kind, size=-1024).tobuf(tarfile.GNU_FORMAT)
        (tmp_path / "x.tar").write_bytes(header + header + bytes(10_240))
        refused(tmp_path, tmp_path / "x.tar")


def test_headers_without_end(tmp_path):
    header = info("x", type=tarfile.XHDTYPE, size=0).tobuf(tarfile.PAX_FORMAT)
    (tmp_path / "x.tar").write_bytes(header * 5_000 + bytes(10_240))
    refused(tmp_path, tmp_path / "x.tar")


# Damage ----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [tgz, zipped, plain])
@pytest.mark.parametrize("part", [0.1, 0.3, 0.5, 0.9])
def test_a_truncated_archive(tmp_path, make, part):
    noise = random.Random(0).randbytes(30_000)
    archive = make(tmp_path / "x", {"a": noise, "b": noise[:777], "c": noise})
    data = archive.read_bytes().rstrip(b"\0")
    archive.write_bytes(data[: int(part * len(data))])
    refused(tmp_path, archive)


def test_a_tar_file_that_ends_between_two_members(tmp_path):
    archive = plain(tmp_path / "x.tar", {"a": bytes(1024), "b": bytes(1024)})
    archive.write_bytes(archive.read_bytes()[: 512 + 1024])
    assert "it ends before its end" in refused(tmp_path, archive)


def test_a_tar_file_with_a_broken_header_inside(tmp_path):
    archive = plain(tmp_path / "x.tar", {"a": bytes(1024), "b": bytes(1024)})
    data = bytearray(archive.read_bytes())
    data[512 + 1024 + 5] ^= 1
    archive.write_bytes(data)
    assert "it ends before its end" in refused(tmp_path, archive)


@pytest.mark.parametrize("make", [tgz, zipped])
def test_changed_bytes_are_noticed(tmp_path, make):
    noise = random.Random(0).randbytes(30_000)
    archive = make(tmp_path / "x", {"a": noise})
    data = bytearray(archive.read_bytes())
    data[15_000] ^= 0x10
    archive.write_bytes(data)
    refused(tmp_path, archive)


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"<html>not found</html>", b"\x1f\x8b", bytes(20_000)]
)
def test_what_is_no_archive(tmp_path, data):
    (tmp_path / "x.tgz").write_bytes(data)
    refused(tmp_path, tmp_path / "x.tgz")


def test_an_encrypted_zip(tmp_path):
    archive = zipped(tmp_path / "x.zip", {"a": b"a"})
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    archive.write_bytes(data)
    assert "encrypted" in refused(tmp_path, archive)


@pytest.mark.parametrize("make", [tgz, zipped, plain])
def test_any_damage_gives_all_or_nothing(tmp_path, make):
    """Bytes changed at random: the unpacked files are whole, or there are none.

    A plain tar has no checksum of its files, and a zip none of its list of them.
    """
    content = {**CONTENT, "SET/link/é": b"x" * 300}
    archive = make(tmp_path / "x", content)
    data, draw = archive.read_bytes(), random.Random(1)
    for i in range(60):
        bad = bytearray(data)
        for _ in range(draw.randint(1, 4)):
            bad[draw.randrange(len(bad))] = draw.randrange(256)
        archive.write_bytes(bad)
        folder = tmp_path / f"set{i}"
        why = ""
        try:
            unpack(archive, folder)
        except (ArchiveError, OSError) as error:
            why = str(error)
        assert "\n" not in why
        assert folder.exists() == (why == "")
        if folder.exists():
            found = files(folder)
            assert make is zipped or len(found) == 3
            assert make is plain or set(found.values()) <= set(content.values())
        assert not (tmp_path / f".{folder.name}.unpacking").exists()


# The disk --------------------------------------------------------------------------------


def _full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("make", [tgz, zipped])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, make, monkeypatch):
    archive = make(tmp_path / "x")
    monkeypatch.setattr(unpacking, "_write", _full)
    with pytest.raises(OSError, match=r"set: the disk is full; nothing was left there$"):
        unpack(archive, tmp_path / "set")
    assert os.listdir(tmp_path) == ["x"]


def test_too_little_room_is_said_before_anything_is_written(tmp_path, monkeypatch):
    usage: Callable[..., object] = lambda _: unpacking.shutil._ntuple_diskusage(10**9, 10**9, 100)  # noqa: E731
    monkeypatch.setattr(unpacking.shutil, "disk_usage", usage)
    with pytest.raises(OSError, match="GB free"):
        unpack(tgz(tmp_path / "x"), tmp_path / "set")
    assert os.listdir(tmp_path) == ["x"]


def test_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    archive = tgz(tmp_path / "x")
    monkeypatch.setattr(unpacking, "_write", stop)
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, tmp_path / "set")
    assert os.listdir(tmp_path) == ["x"]


def test_a_member_longer_than_its_header_says_is_cut_by_none(tmp_path):
    """A zip whose header understates a size fails its checksum instead of being cut."""
    archive = zipped(tmp_path / "x.zip", {"a": bytes(1_000)})
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.index(signature) + offset
        assert int.from_bytes(data[start : start + 4], "little") == 1_000
        data[start : start + 4] = (100).to_bytes(4, "little")
    archive.write_bytes(data)
    refused(tmp_path, archive)


def test_memory_does_not_grow_with_the_members(tmp_path):
    archive = plain(tmp_path / "x", {f"{i}": b"" for i in range(300)})
    with archive.open("rb") as file:
        held = set()
        for member in reading.members(file, 1 << 30, tmp_path):
            assert member.open is not None
            held.add(len(member.open.args[0].members))
    assert max(held) == 0
