"""Datasets by name, or a user's own table of images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..sample import Dataset

TABLES = (".csv", ".parquet")


def load_dataset(name: str, root: str | Path | None = None, **options: Any) -> Dataset:
    """The dataset called ``name``, or the one that a CSV or Parquet file lists.

    ``root`` is the folder in which its images lie; ``options`` are the dataset's own. Raises
    UnknownName, or ValueError / FileNotFoundError with one line that says what to do.
    """
    from ..registry import find
    from .folder import load_table

    if Path(name).suffix.lower() in TABLES:
        return load_table(Path(name), root=None if root is None else Path(root), **options)
    if root is not None:
        options["root"] = Path(root)
    try:
        return find("datasets", name).load()(**options)
    except TypeError as error:
        raise ValueError(f"dataset {name!r}: {error}") from error
