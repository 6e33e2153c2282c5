"""Finding files in a folder as its owners published it, whatever the case of the names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_NOT_WRAPPERS = ("__macosx",)
_MOST_WRAPPERS = 2  # an archive with one folder, unpacked into a folder of the same name


class Folder:
    """A folder in which relative paths are matched case-insensitively.

    What is not in ``root`` itself is looked for in its wrapper: a folder of one of the names
    ``wrappers``, or the only folder in ``root``. Each folder is scanned once, when it is first
    needed. Raises FileNotFoundError where ``root`` is no folder.
    """

    def __init__(self, root: Path | str, wrappers: Iterable[str] = ()) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            why = "no such folder"
            if self.root.is_symlink() and not self.root.exists():
                why = "a link that leads nowhere"
            raise FileNotFoundError(f"{self.root}: {why}; give the dataset's folder")
        self._listed: dict[Path, dict[str, str]] = {}
        self._folders: dict[str, tuple[Path, ...]] = {}
        self.bases = self._bases({name.lower() for name in wrappers})

    def find(self, *candidates: str) -> Path:
        """The first of these relative paths that exists.

        Raises FileNotFoundError with one line: what was looked for, and where.
        """
        for candidate in candidates:
            if (path := self._path(candidate)) is not None:
                return path
        wanted, where = " or ".join(candidates), " and ".join(str(base) for base in self.bases)
        raise FileNotFoundError(f"no {wanted} (looked in {where})")

    def at(self, relative: str) -> Path:
        """The file's true path, or ``root / relative`` as written where it is absent."""
        return self._path(relative) or self.root / relative

    def first(self, *candidates: str) -> str:
        """The first of these relative paths that exists; the first of all where none does."""
        return next((each for each in candidates if self.has(each)), candidates[0])

    def has(self, relative: str) -> bool:
        """Whether there is a file or folder of that path."""
        return self._path(relative) is not None

    def names(self, folder: str = "") -> tuple[str, ...]:
        """What lies directly in a folder: true names, sorted; empty where it is absent."""
        found = {name for path in self._within(folder) for name in self._scan(path).values()}
        return tuple(sorted(found))

    def _path(self, relative: str) -> Path | None:
        folder, _, name = relative.rstrip("/").rpartition("/")
        for path in self._within(folder):
            listed = self._scan(path)
            true = listed.get(name) or listed.get(name.lower())
            if true is not None:
                return path / true
        return None

    def _within(self, folder: str) -> tuple[Path, ...]:
        """The true paths of a relative folder, one for each base that has it."""
        if folder not in self._folders:
            found = []
            for path in self.bases:
                for part in filter(None, folder.split("/")):
                    listed = self._scan(path)
                    true = listed.get(part) or listed.get(part.lower())
                    if true is None:
                        break
                    path = path / true
                else:
                    found.append(path)
            self._folders[folder] = tuple(found)
        return self._folders[folder]

    def _scan(self, path: Path) -> dict[str, str]:
        """True names by themselves and by their lower case; empty for what is no folder."""
        if path not in self._listed:
            try:
                with os.scandir(path) as entries:
                    names = sorted(entry.name for entry in entries)
            except NotADirectoryError:
                names = []
            except OSError as error:
                raise OSError(f"{path}: {error.strerror}: this folder cannot be read") from error
            by_lower = {name.lower(): name for name in reversed(names)}
            self._listed[path] = by_lower | {name: name for name in names}
        return self._listed[path]

    def _bases(self, wrappers: set[str]) -> tuple[Path, ...]:
        bases = [self.root]
        for _ in range(_MOST_WRAPPERS):
            with os.scandir(bases[-1]) as entries:
                # os.path: a link to itself is no folder, and no error.
                folders = sorted(e.name for e in entries if os.path.isdir(e) and _visible(e.name))
            inner = [name for name in folders if name.lower() in wrappers] or folders
            if len(inner) != 1:
                break
            bases.append(bases[-1] / inner[0])
        return tuple(bases)


def _visible(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in _NOT_WRAPPERS
