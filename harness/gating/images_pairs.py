"""Folders of pictures side by side: what belongs together, by relative names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..image_files import names_below
from ..sample import Dataset, Sample
from ..source import FileSource

DATASET = "gate-images"  # the name of every folder in the store: the bytes tell them apart
REFERENCE = "/"  # before the id of a reference: no relative name begins so


@dataclass(frozen=True)
class Folder:
    """The pictures below ``root``, by sorted relative names."""

    root: Path
    names: tuple[str, ...]


@dataclass(frozen=True)
class Partners:
    """``of``: a name → that of its partner; ``lacking``: a name → why it has none."""

    of: Mapping[str, str]
    lacking: Mapping[str, str]


def read_folder(root: Path) -> Folder:
    """Raises FileNotFoundError where there are no pictures, ValueError for a name of no text."""
    names = names_below(root)
    for name in names:
        if not name.isascii() and name != name.encode("utf-8", "replace").decode():
            raise ValueError(f"{root}: {name!a}: the name of a file is no UTF-8; rename it")
    return Folder(root, tuple(names))


def partners(folder: Folder, other: Folder, *, what: str, shared: bool = False) -> Partners:
    """For each picture of ``folder`` the one of ``other`` that has its name.

    Where none has, it is the one that differs in the suffix alone (``a.jpg`` beside ``a.png``),
    if there is just one; unless ``shared``, just one on either side. ``what`` names the others.
    """
    mine, theirs = _by_stem(folder.names), _by_stem(other.names)
    same = set(folder.names) & set(other.names)
    found, lacking = {}, {}
    for name in folder.names:
        stem = _stem(name)
        open_ = theirs.get(stem, [])
        if not shared:
            open_ = [each for each in open_ if each not in same]
        rivals = [each for each in mine[stem] if each not in same]
        if name in same:
            found[name] = name
        elif len(open_) == 1 and (shared or len(rivals) == 1):
            found[name] = open_[0]
        elif open_:
            lacking[name] = f"which {what} it belongs to is open: {', '.join(open_)}"
        else:
            lacking[name] = f"no {what} has its name"
    return Partners(found, lacking)


def dataset_of(folder: Folder, references: tuple[Folder, Partners] | None = None) -> Dataset:
    """The pictures as samples; with ``references`` each beside its own, where it has one."""
    if references is None:
        return Dataset(DATASET, tuple(_sample(folder.root, name, name) for name in folder.names))
    pristine, found = references
    samples = [
        _sample(folder.root, name, name, reference=found.of.get(name)) for name in folder.names
    ]
    needed = sorted(set(found.of.values()))
    return Dataset(
        DATASET,
        tuple(samples),
        tuple(_sample(pristine.root, name, REFERENCE + name) for name in needed),
    )


def _sample(root: Path, name: str, image: str, reference: str | None = None) -> Sample:
    known = None if reference is None else REFERENCE + reference
    return Sample(image, FileSource(root / name), content=known or image, reference=known)


def _by_stem(names: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        found[_stem(name)].append(name)
    return found


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))
