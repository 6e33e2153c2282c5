"""What a measurement needs: the model, the dataset and the protocol, or what is missing of them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .datasets import load_dataset
from .datasets.places import find_place, folder_names
from .datasets.spec import Spec
from .errors import message, one_line
from .model import Model, Unavailable
from .protocols.base import Comparison, Protocol
from .registry import BrokenPlugin, UnknownName, find, load_model, load_protocol
from .sample import Dataset
from .suite import Named

What = Literal["images", "weights", "library", "implementation", "result"]


@dataclass(frozen=True)
class Missing:
    """What is missing, of which thing, why, and what to type to change that."""

    what: What
    about: str
    reason: str
    command: str | None = None


@dataclass(frozen=True)
class Sources:
    """Where datasets lie: each in a folder of its own below ``root``, or where ``data`` says.

    ``splits`` holds, for some datasets, a folder with split files.
    """

    root: Path | None = None
    data: Mapping[str, Path] = field(default_factory=dict)
    splits: Path | None = None

    def folder(self, name: str) -> Path | None:
        """The folder of the dataset called ``name``, or None. ValueError if that is not clear."""
        if name in self.data:
            return self.data[name]
        return None if self.root is None else find_place(_names(name), self.root)

    def split_files(self, name: str) -> Path | None:
        """The folder of its split files, itself or the folder ``splits`` in it, or None."""
        if self.splits is None:
            return None
        place = find_place(_names(name), self.splits)
        if place is None:
            return None
        return next((p for p in (place, place / "splits") if (p / "train.npy").is_file()), None)


def _names(name: str) -> tuple[str, ...]:
    try:
        loader = find("datasets", name).load()
    except (UnknownName, BrokenPlugin):  # which is said of the dataset itself
        return (name,)
    return folder_names(loader) if isinstance(loader, Spec) else (name,)


def model(named: Named) -> Model | Missing:
    """The model, or why there is none here."""
    name = named.name
    try:
        return load_model(name, **named.options)
    except UnknownName:
        reason = f"no model is registered as {name!r}"
        return Missing("implementation", name, reason, "iqa-eval list models")
    except Unavailable as error:
        what: What = "library" if isinstance(error.__context__, ModuleNotFoundError) else "weights"
        return Missing(what, name, error.reason, error.command)
    except (BrokenPlugin, ValueError, OSError) as error:
        return Missing("implementation", name, message(error))


def protocol(named: Named) -> Protocol | Missing:
    """The protocol, or why there is none here."""
    name = named.name
    try:
        found = load_protocol(name, **named.options)
    except UnknownName:
        reason = f"no protocol is registered as {name!r}"
        return Missing("implementation", name, reason, "iqa-eval list protocols")
    except (BrokenPlugin, ValueError, OSError) as error:
        return Missing("implementation", name, message(error))
    if isinstance(found, Comparison):
        return Missing("implementation", name, f"{name} compares models and measures no single one")
    return found


def dataset(name: str, sources: Sources) -> Dataset | Missing:
    """The dataset called ``name``, or why it cannot be read."""
    try:
        loader = find("datasets", name).load()
    except UnknownName:
        reason = f"no dataset is registered as {name!r}"
        return Missing("implementation", name, reason, "iqa-eval list datasets")
    except BrokenPlugin as error:
        return Missing("implementation", name, message(error))
    folder = None
    try:
        folder = sources.folder(name)
        if folder is None and isinstance(loader, Spec):
            return Missing("images", name, _nowhere(loader, sources), _to_get(loader, sources))
        return load_dataset(name, folder)
    except (ValueError, OSError) as error:
        return Missing("images", name, message(error), _to_check(loader, folder))
    except Exception as error:  # a loader of others may raise anything
        return Missing("images", name, one_line(error))


def _to_check(loader: object, folder: Path | None) -> str | None:
    if folder is None or not isinstance(loader, Spec):
        return None
    return f"iqa-eval data verify {loader.name} --root {shlex.quote(str(folder))}"


def _nowhere(spec: Spec, sources: Sources) -> str:
    if sources.root is None:
        return f"no folder given for {spec.name}"
    return f"no folder for it in {sources.root} (named {', '.join(folder_names(spec))})"


def _to_get(spec: Spec, sources: Sources) -> str:
    if spec.hub is None:
        return f"get it from {spec.homepage}, then give --data {spec.name}=FOLDER"
    return f"iqa-eval data fetch {spec.name} --to {shlex.quote(str(sources.root or 'data'))}"
