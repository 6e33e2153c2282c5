"""Which files there are: each package lists its own under the entry-point group ``weights``."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..registry import BrokenPlugin, Entry, UnknownName, entries, unknown

_NAME = re.compile(r"\w[^/\\\0]*")  # of one folder or file


@dataclass(frozen=True)
class WeightsFile:
    """One file as its owners offer it.

    ``file`` is the name that they gave it, ``address`` the direct download, ``page`` what a
    person opens in a browser where that fails. ``size`` (bytes) and ``sha256`` are the
    owners', None where unknown. ``check`` raises ValueError in one line if a file is not what
    it should be. Raises ValueError if nothing tells the right file from a wrong one.
    """

    name: str
    model: str
    file: str
    summary: str
    license: str
    address: str
    page: str
    size: int | None = None
    sha256: str | None = None
    check: Callable[[Path], object] | None = None

    def __post_init__(self) -> None:
        if self.size is None and self.sha256 is None and self.check is None:
            raise ValueError(f"weights {self.name!r}: give a size, a sha256 or a check")


def table() -> dict[str, WeightsFile]:
    """All listed files by name; a package whose list cannot be used costs a warning.

    Raises BrokenPlugin if two files have one name, or one place.
    """
    found: dict[str, tuple[WeightsFile, str]] = {}
    for entry in entries("weights").values():
        try:
            files = _listed(entry)
        except BrokenPlugin as error:
            warnings.warn(str(error), stacklevel=2)
            continue
        for file in files:
            for first, origin in found.values():
                if file.name == first.name or (file.model, file.file) == (first.model, first.file):
                    raise BrokenPlugin(
                        f"both {origin} and {entry.origin} list weights {file.name!r}: "
                        "uninstall one"
                    )
            found[file.name] = file, entry.origin
    return {name: file for name, (file, _) in found.items()}


def _listed(entry: Entry) -> list[WeightsFile]:
    """What ``entry`` lists. Raises BrokenPlugin unless it is files with names of one word."""
    listed = entry.load()
    files = list(listed) if isinstance(listed, Iterable) else [listed]
    for file in files:
        plain = isinstance(file, WeightsFile) and all(
            _NAME.fullmatch(part) for part in (file.name, file.model, file.file)
        )
        if not plain:
            raise BrokenPlugin(f"{entry.name!r} of {entry.origin} lists what are no weights files")
    return files


def chosen(names: Iterable[str]) -> list[WeightsFile]:
    """The files called ``names``, each once; the name of a model stands for all its files.

    Raises UnknownName with the closest names.
    """
    known, found = table(), {}
    for name in names:
        files = [known[name]] if name in known else of_model(name)
        if not files:
            models = {file.model for file in known.values()}
            raise UnknownName(unknown("weights", name, {*known, *models}))
        found.update({file.name: file for file in files})
    return list(found.values())


def of_model(model: str) -> list[WeightsFile]:
    """The files of ``model``, in the order of the table."""
    return [file for file in table().values() if file.model == model]
