"""What a tar, tar.gz or zip file holds, member by member, with nothing of it believed.

Archives come from strangers. Names are checked as Windows and POSIX would read them, links are
resolved by their names alone, and a header may neither point backwards nor promise without end.
"""

from __future__ import annotations

import gzip
import posixpath
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any

from ..errors import message

PIECE = 1 << 20  # bytes read at once; no honest header is as long
_LINK_BYTES = 4096  # the longest target of a link
_LITTER = ("__MACOSX", ".DS_Store")


class ArchiveError(ValueError):
    """The archive is damaged, or holds what no archive of images should; one line."""


@dataclass(frozen=True)
class Member:
    """A file (with ``open``), a link to another member (``target``), or else a folder."""

    path: PurePosixPath  # relative, without ".."
    size: int = 0  # bytes, as the header has it
    open: Callable[[], IO[bytes]] | None = None
    target: PurePosixPath | None = None


def members(file: IO[bytes], limit: int, folder: Path) -> Iterator[Member]:
    """The members of the archive ``file`` in their order, each to be read before the next.

    ``folder`` is where they are going to lie. At most ``limit`` bytes of a tar file are
    unpacked. What operating systems leave behind ("__MACOSX", "._x") is passed over. Raises
    ArchiveError, and what the readers of the standard library raise on damaged files.
    """
    start = file.read(4)
    file.seek(0)
    if start.startswith(b"PK"):
        found = _zip(file)
    else:
        found = _tar(
            gzip.GzipFile(fileobj=file) if start.startswith(b"\x1f\x8b") else file, limit, folder
        )
    return (member for member in found if not _litter(member.path))


def _tar(file: Any, limit: int, folder: Path) -> Iterator[Member]:
    stream: Any = _Forward(file, limit)
    tar: Any
    with tarfile.open(fileobj=stream, mode="r:") as tar:
        while (info := tar.next()) is not None:
            tar.members.clear()  # else a million stay in memory
            path = _inside(info.name)
            if (
                info.size < 0
                or info.issparse()
                or not (info.isreg() or info.isdir() or info.issym() or info.islnk())
            ):
                raise ArchiveError(f"{info.name}: neither a file, a folder nor a link")
            target = None
            if info.issym():
                target = _linked(info.name, info.linkname)
            elif info.islnk():
                target = _pointed(info.name, info.linkname)
            try:
                tarfile.data_filter(info, str(folder))  # a second pair of eyes
            except tarfile.FilterError as error:
                raise ArchiveError(message(error)) from None
            if target is not None:
                yield Member(path, target=target)
            elif info.isdir():
                yield Member(path)
            else:
                yield Member(path, info.size, partial(_bytes, tar, info))
        # tarfile takes whatever is no header for the end.
        if stream.last.strip(b"\0") or len(stream.last) < tarfile.BLOCKSIZE:
            raise ArchiveError("it ends before its end: damaged, or not downloaded whole")
        while stream.read(PIECE):  # to the checksum of gzip
            pass


def _bytes(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    found = tar.extractfile(info)
    assert found is not None  # as of every regular file
    return found


class _Forward:
    """A file that is read forwards only, in pieces, and up to ``limit`` bytes."""

    def __init__(self, file: Any, limit: int) -> None:
        self.file, self.limit, self.last = file, limit, b""

    def tell(self) -> int:
        return self.file.tell()

    def seek(self, position: int) -> None:
        if position < self.tell():
            raise ArchiveError("a header points backwards")
        self._allow(position)
        self.file.seek(position)

    def read(self, size: int) -> bytes:
        if size > PIECE:
            raise ArchiveError(f"a header of {size} bytes")
        self._allow(self.tell())
        self.last = self.file.read(size)
        return self.last

    def _allow(self, position: int) -> None:
        if position > self.limit:
            raise ArchiveError(f"it unpacks to more than {self.limit:,} bytes")


def _zip(file: IO[bytes]) -> Iterator[Member]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            path, kind = _inside(info.filename), stat.S_IFMT(info.external_attr >> 16)
            if info.flag_bits & 1:
                raise ArchiveError(f"{info.filename}: encrypted")
            if info.is_dir():
                yield Member(path)
            elif kind == stat.S_IFLNK:
                if info.file_size > _LINK_BYTES:
                    raise ArchiveError(f"{info.filename}: a link of {info.file_size} bytes")
                yield Member(path, target=_linked(info.filename, archive.read(info).decode()))
            elif kind in (0, stat.S_IFREG):  # 0: made where files have no mode
                yield Member(path, info.file_size, partial(archive.open, info))
            else:
                raise ArchiveError(f"{info.filename}: neither a file, a folder nor a link")


def _inside(name: str) -> PurePosixPath:
    """``name`` as a relative path; ArchiveError if it could mean a place outside the folder."""
    path = PureWindowsPath(name)  # takes both kinds of slash
    if path.drive or path.root:
        raise ArchiveError(f"{name!r}: an absolute path")
    if ".." in path.parts:
        raise ArchiveError(f"{name!r}: a path that leaves the folder")
    if "\0" in name:
        raise ArchiveError(f"{name!r}: not a file name")
    return PurePosixPath(*path.parts)


def _linked(name: str, target: str) -> PurePosixPath:
    """Where the symbolic link ``name`` points to, below the folder."""
    whole = posixpath.join(posixpath.dirname(name), target.replace("\\", "/"))
    return _pointed(name, posixpath.normpath(whole))


def _pointed(name: str, target: str) -> PurePosixPath:
    """``target`` as a relative path; ArchiveError if the link ``name`` leads out of the folder."""
    try:
        return _inside(target)
    except ArchiveError as error:
        raise ArchiveError(f"{name!r}: a link to {message(error)}") from None


def _litter(path: PurePosixPath) -> bool:
    return path.name.startswith("._") or any(part in _LITTER for part in path.parts)
