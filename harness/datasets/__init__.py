"""Datasets by name, or a user's own table of images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..sample import Dataset

TABLES = (".csv", ".parquet")


def load_dataset(name: str, /, root: str | Path | None = None, **options: Any) -> Dataset:
    """The dataset called ``name``, or the one that a CSV or Parquet file lists.

    ``root`` is the folder in which its images lie; ``options`` are the dataset's own. Raises
    UnknownName, or ValueError / FileNotFoundError with one line that says what to do.
    """
    from ..errors import message
    from ..registry import find
    from .folder import load_table

    if root is not None:
        options["root"] = Path(root)
    listed = Path(name).suffix.lower() in TABLES
    load = partial(load_table, Path(name)) if listed else find("datasets", name).load()
    try:
        return load(**options)
    except TypeError as error:  # most often an option that it does not have
        raise ValueError(f"dataset {name!r}: {message(error)}") from error
