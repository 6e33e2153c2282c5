"""Where a dataset lies below a folder that holds several."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .spec import Spec

DATA = Path("data")  # where ``iqa-eval data fetch`` puts datasets


def folder_names(spec: Spec) -> tuple[str, ...]:
    """Names that its folder may have: ours, what archives unpack to, and other names of the set."""
    hub = (spec.hub.folder,) if spec.hub else ()
    return tuple(dict.fromkeys((spec.name, *hub, *spec.wrappers, *spec.known_as)))


def fetched(spec: Spec) -> Path | None:
    """Its folder in ``DATA``, if there is one."""
    return find_place(folder_names(spec), DATA) if DATA.is_dir() else None


def find_place(names: Iterable[str], root: Path) -> Path | None:
    """The folder directly below ``root`` with the first of ``names`` that there is, or None.

    Case, spaces and punctuation do not matter. Raises FileNotFoundError where ``root`` is no
    folder, ValueError where two folders have the same of the names.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder; give the one that holds the datasets")
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    for name in names:
        found = [path for path in folders if _plain(path.name) == _plain(name)]
        if len(found) > 1:
            raise ValueError(
                f"{' and '.join(p.name for p in found)} in {root} could both be {name}"
            )
        if found:
            return found[0]
    return None


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))
