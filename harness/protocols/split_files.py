"""Split files of the ARNIQA authors: ``train.npy``, ``val.npy`` and ``test.npy`` in a folder.

Whole numbers, one row a split (or one dimension: a single split), padded with -1 at the end:
indices from 0 into the rows of the list of scores that the authors read. Here they become
sample ids. Another order of that list gives other splits without any error, so the order is
the dataset's to state, and is never guessed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..datasets.spec import Spec
from ..registry import entries
from ..sample import Dataset
from .splits import Split

_FILES = ("train.npy", "val.npy", "test.npy")


def import_npy(
    folder: Path | str, order: Sequence[str], keep_padding: bool = False
) -> tuple[Split, ...]:
    """The splits in ``folder``; ``order`` holds the sample ids in the rows of the authors' list.

    With ``keep_padding`` a -1 is the last row, as it is to the authors' evaluation: its id then
    repeats, within parts and across them. Raises FileNotFoundError for an absent file, and
    ValueError where the files do not hold splits of a list of this length.
    """
    folder = Path(folder)
    if len(set(order)) < len(order):
        raise ValueError(f"{folder}: the list names {Counter(order).most_common(1)[0][0]!r} twice")
    tables = [_read(folder / file) for file in _FILES]
    if len({len(table) for table in tables}) > 1:
        rows = ", ".join(f"{len(t)} in {f}" for t, f in zip(tables, _FILES, strict=True))
        raise ValueError(f"{folder}: the files differ in the number of splits: {rows}")
    length = 1 + max((int(table.max()) for table in tables if table.size), default=-1)
    if length != len(order):
        raise ValueError(
            f"{folder}: made for a list of {length} rows, and this one has {len(order)}: not the "
            "list that the authors used, or images of it are missing"
        )
    return tuple(
        _split(folder, i + 1, order, parts, keep_padding)
        for i, parts in enumerate(zip(*tables, strict=True))
    )


def row_order(dataset: Dataset) -> tuple[str, ...]:
    """The ids of all that the owners of ``dataset`` list, in the row order that split files count
    in, as its loader states; not all need be samples.

    Raises ValueError where it states none.
    """
    entry = entries("datasets").get(dataset.name)
    spec = entry.load() if entry else None
    if not isinstance(spec, Spec) or spec.split_order is None:
        raise ValueError(
            f"{dataset.name}: no known row order, and split files hold row numbers; "
            "use random or official splits"
        )
    ids = [s.id for s in dataset.samples] if dataset.listed is None else dataset.listed
    return tuple(spec.split_order(ids))


def fingerprint(folder: Path | str) -> str:
    """What the files in ``folder`` are known by: 12 digits of a SHA-256 over their bytes."""
    found = hashlib.sha256()
    for file in _FILES:
        found.update(hashlib.sha256(_bytes(Path(folder) / file)).digest())
    return found.hexdigest()[:12]


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such split file; expected {', '.join(_FILES)}")
    return path.read_bytes()


def _read(path: Path) -> np.ndarray:
    """The indices in ``path``, ``int64 [n_splits, n]``."""
    _bytes(path)
    try:
        found = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"{path}: not a readable .npy file: {error}") from error
    if found.dtype.kind not in "iu" or found.ndim not in (1, 2):
        raise ValueError(f"{path}: {found.dtype} {found.shape}, expected whole numbers, 1-D or 2-D")
    if found.size and found.min() < -1:
        raise ValueError(f"{path}: holds the row {found.min()}; rows count from 0, padding is -1")
    return np.atleast_2d(found).astype(np.int64)


def _split(
    folder: Path, number: int, order: Sequence[str], parts: Sequence[np.ndarray], keep_padding: bool
) -> Split:
    rows = np.concatenate([part[part >= 0] for part in parts])
    found, times = np.unique(rows, return_counts=True)
    if (times > 1).any():
        row = int(found[times > 1][0])
        files = [file for file, part in zip(_FILES, parts, strict=True) if row in part]
        raise ValueError(
            f"{folder}: split {number} has row {row} ({order[row]}) twice, in {' and '.join(files)}"
        )
    ids = (
        sorted(order[row] for row in part.tolist() if row >= 0 or keep_padding) for part in parts
    )
    return Split(f"{folder.name} #{number}", *(tuple(part) for part in ids))
