"""Unpack an archive from a stranger: whole or not at all, and never outside its folder."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from ..errors import message
from .archives import PIECE, ArchiveError, Member, members

# Beyond these an archive is no set of images but a bomb. Photographs hardly compress: bitmaps
# to a half, scores to a tenth.
MOST_MEMBERS = 1_000_000
MOST_RATIO, FLOOR = 20, 1 << 30  # unpacked bytes per byte of the archive; always allowed

_DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError),
    # Hostile headers: nested without end, compressed in ways unknown, named in no encoding.
    *(RecursionError, NotImplementedError, ValueError, OverflowError, struct.error),
)


def unpack(archive: Path, folder: Path) -> int:
    """Unpack a tar, tar.gz or zip file into the new folder ``folder``; the number of files.

    A single folder at the top of the archive becomes ``folder`` itself. Everything is written
    to a temporary sibling first, which takes the name at the end: a kill leaves nothing half
    done under ``folder``, and the next call removes what it left. Files get ordinary
    permissions; a link to a file of the archive becomes a copy of it.

    Raises FileExistsError if ``folder`` is there; ArchiveError for a damaged archive, for
    absolute paths, paths or links that leave the folder, devices, two members of one name
    (in any case of letters), more than a million members or 20 times the archive's bytes (1 GiB
    is always allowed); OSError where it cannot be written, a full disk among the reasons.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} is there already: nothing was unpacked")
    size = archive.stat().st_size
    # The least that it takes: an archive of photographs unpacks to about its own size.
    if (free := shutil.disk_usage(folder.parent).free) < size:
        raise OSError(
            f"{folder.parent} has {free / 1e9:.1f} GB free, {archive} needs {size / 1e9:.1f}"
        )
    temporary = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        count = _unpack(archive, temporary, max(FLOOR, MOST_RATIO * size))
        top = list(temporary.iterdir())
        only = top[0] if len(top) == 1 and top[0].is_dir() else temporary
        os.rename(only, folder)
    except ArchiveError as error:
        raise ArchiveError(f"{archive}: refused: {message(error)}") from None
    except _DAMAGED as error:
        why = message(error) or type(error).__name__
        raise ArchiveError(f"{archive}: not a whole tar, tar.gz or zip file: {why}") from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "the disk is full" if full else message(error)
        raise OSError(f"cannot unpack to {folder}: {why}; nothing was left there") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return count


def _unpack(archive: Path, folder: Path, limit: int) -> int:
    links: list[Member] = []
    files: dict[PurePosixPath, int] = {}
    total, names = 0, _Names()
    bar = tqdm(
        total=archive.stat().st_size, unit="B", unit_scale=True, desc=f"unpacking {archive.name}"
    )
    with archive.open("rb") as file, bar:
        for count, member in enumerate(members(file, limit, folder), start=1):
            if count > MOST_MEMBERS:
                raise ArchiveError(f"it has more than {MOST_MEMBERS:,} members")
            names.add(member)
            total += member.size
            if total > limit:
                raise ArchiveError(f"it unpacks to more than {limit:,} bytes")
            path = folder / member.path
            if member.open is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(member, path)
                files[member.path] = member.size
            elif member.target is not None:
                links.append(member)
            else:
                path.mkdir(parents=True, exist_ok=True)
            bar.update(max(0, file.tell() - bar.n))
        for link in links:  # at last, since what they point to may come after them
            if link.target not in files:
                raise ArchiveError(f"'{link.path}': a link to what is no file of the archive")
            total += files[link.target]
            if total > limit:
                raise ArchiveError(f"it unpacks to more than {limit:,} bytes")
            (folder / link.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / link.target, folder / link.path)
    if not files:
        raise ArchiveError("it holds no files")
    return len(files) + len(links)


def _write(member: Member, path: Path) -> None:
    assert member.open is not None
    written = 0
    with member.open() as source, path.open("xb") as target:
        while chunk := source.read(min(PIECE, member.size - written)):
            target.write(chunk)
            written += len(chunk)
    if written < member.size:
        raise ArchiveError(f"'{member.path}' ends early")


class _Names:
    """Refuses names that are one file on systems which ignore case or the form of Unicode."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.folders: set[str] = set()

    def add(self, member: Member) -> None:
        key, *parents = (_key(path) for path in (member.path, *member.path.parents))
        folder = member.open is None and member.target is None
        if key in self.files or (not folder and key in self.folders):
            raise ArchiveError(f"'{member.path}': two members of that name")
        if not self.files.isdisjoint(parents):
            raise ArchiveError(f"'{member.path}': lies in a file")
        self.folders.update(parents)
        (self.folders if folder else self.files).add(key)


def _key(path: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", str(path)).casefold()
