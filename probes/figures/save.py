"""A figure as files: SVG, PNG, and its caption as text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import fill

from harness.atomic import write_atomic
from harness.reports.style import Picture


def save(picture: Picture, folder: Path, more: Mapping[str, bytes] | None = None) -> list[Path]:
    """Write ``picture`` below ``folder``, with ``more`` (suffix → bytes) beside it; the paths.

    Equal figures give equal bytes.
    """
    caption = "\n".join((picture.title, "", fill(picture.caption, 100), ""))
    files = {"svg": picture.svg, "png": picture.png, "txt": caption.encode(), **(more or {})}
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{picture.name}.{suffix}" for suffix in files]
    for path, data in zip(paths, files.values(), strict=True):
        write_atomic(path, data)
    return paths
