"""Which files are images, by their names: for what takes folders of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".avif", ".bmp", ".ppm")


def names_below(folder: Path) -> list[str]:
    """The images in ``folder`` and its sub-folders, as sorted relative paths; no hidden ones.

    Raises FileNotFoundError where there is none.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder of images")
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    names = sorted(
        path.as_posix()
        for path in paths
        if path.suffix.lower() in SUFFIXES and not any(p.startswith(".") for p in path.parts)
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
