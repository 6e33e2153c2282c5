"""Files below a folder, without silence about folders that cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below ``folder``, but for hidden ones and what lies behind links to folders.

    Raises OSError, which names it, for a folder that cannot be read.
    """
    for where, folders, names in os.walk(folder, onerror=_fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(where, name) for name in names if not name.startswith("."))


def files_at(folder: Path, depth: int) -> Iterator[Path]:
    """The files that lie ``depth`` names below ``folder``, also behind links; none without it.

    Raises OSError, which names it, for a folder on the way that cannot be read.
    """
    if not folder.is_dir():
        return
    for where, folders, names in os.walk(folder, onerror=_fail, followlinks=True):
        above = len(Path(where).relative_to(folder).parts) + 1
        if above == depth:
            yield from (Path(where, name) for name in names)
            folders.clear()


def _fail(error: OSError) -> None:
    raise error
