"""Datasets by name, or a user's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..sample import Dataset

TABLES = (".csv", ".parquet")
HUB = "hf:"


def load_dataset(name: str, /, root: str | Path | None = None, **options: Any) -> Dataset:
    """The dataset called ``name``, the one that a CSV or Parquet file lists, or "hf:NAME", one of
    the Hugging Face hub or a folder that its library has saved.

    ``root`` is the folder in which its images lie; ``options`` are the dataset's own. Raises
    UnknownName, or ValueError / FileNotFoundError with one line that says what to do.
    """
    from ..errors import message
    from ..registry import find
    from .folder import load_table

    if root is not None:
        options["root"] = Path(root)
    load: Callable[..., Dataset]
    if name.startswith(HUB):
        from .hub_table import load_hub

        load = partial(load_hub, name.removeprefix(HUB))
    elif Path(name).suffix.lower() in TABLES:
        load = partial(load_table, Path(name))
    else:
        load = find("datasets", name).load()
    try:
        return load(**options)
    except TypeError as error:  # most often an option that it does not have
        raise ValueError(f"dataset {name!r}: {message(error)}") from error
