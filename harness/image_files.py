"""Which files are images, by their names: for what takes folders of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .walking import files_below

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".avif", ".bmp", ".ppm")


def names_below(folder: Path) -> list[str]:
    """The images in ``folder`` and its sub-folders, as sorted relative paths; no hidden ones.

    Raises FileNotFoundError where there is none, and OSError for a sub-folder that cannot be read.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder of images")
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in files_below(folder)
        if path.suffix.lower() in SUFFIXES and path.is_file()
    )
    if not names:
        raise FileNotFoundError(f"{folder}: no images in it ({', '.join(SUFFIXES)})")
    return names


def expanded(paths: Iterable[Path]) -> list[Path]:
    """``paths``, each folder replaced by the images below it."""
    return [
        found
        for path in paths
        for found in ([path / name for name in names_below(path)] if path.is_dir() else [path])
    ]
