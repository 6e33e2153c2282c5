"""Datasets by name, or a user's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..sample import Dataset

TABLES = (".csv", ".parquet")
HUB = "hf:"
_OTHER_TABLES = (".xlsx", ".xls", ".ods", ".tsv", ".json", ".jsonl")


def load_dataset(name: str, /, root: str | Path | None = None, **options: Any) -> Dataset:
    """The dataset called ``name``, the one that a CSV or Parquet file lists, or "hf:NAME", one of
    the Hugging Face hub or a folder that its library has saved.

    ``root`` is the folder in which its images lie; ``options`` are the dataset's own. Raises
    UnknownName, or ValueError / FileNotFoundError with one line that says what to do.
    """
    from ..errors import call_failed, message
    from ..registry import UnknownName, find, option_names
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
        try:
            load = find("datasets", name).load()
        except UnknownName:
            if Path(name).exists() or Path(name).suffix.lower() in _OTHER_TABLES:
                raise ValueError(f"{name}: tables are {' or '.join(TABLES)}") from None
            raise
    if root is None and _needs_root(load):
        raise ValueError(
            f"dataset {name!r} needs the folder of its images: give root (--root FOLDER)"
        )
    try:
        dataset = load(**options)
    except TypeError as error:
        takes = option_names(load)
        raise ValueError(call_failed(f"dataset {name!r}", error, options, takes)) from error
    except OSError as error:
        if error.filename is None:  # its words say what to do
            raise
        raise type(error)(f"dataset {name!r}: {message(error)}") from error
    if root is not None and not Path(root).expanduser().exists():  # others' loaders may not look
        raise FileNotFoundError(
            f"dataset {name!r}: {root}: no such folder; give that of its images as root"
        )
    return dataset


def _needs_root(load: Callable[..., Dataset]) -> bool:
    try:
        root = inspect.signature(load).parameters.get("root")
    except (TypeError, ValueError):  # written in C
        return False
    return root is not None and root.default is root.empty
