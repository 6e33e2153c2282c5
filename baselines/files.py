"""The files of weights that a model is made of, as its card and its options tell of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from harness.file_hashes import file_sha256
from harness.model import UNKNOWN, ModelCard, TrainedOn, Unavailable, Weights
from harness.weights import WeightsFile, local_files, table


@dataclass(frozen=True)
class Wanted:
    """The weights called ``name``, which the user's ``option`` may give: as a file, or a folder
    that holds it under its official name. ``given`` is None for those that were fetched."""

    option: str
    name: str
    given: str | None


def complete(card: ModelCard, *wanted: Wanted) -> tuple[ModelCard, list[Path]]:
    """``card`` with its weights, in this order, and where they lie.

    A file that cannot be known to be the published one is named in the options, by its hash;
    of one that is known not to be, nobody knows what it was trained on besides. Raises
    Unavailable with the command that fetches all that are lacking, and the card; ValueError
    where what is given is not there, or is another file.
    """
    try:
        fetched = local_files([each.name for each in wanted if each.given is None])
    except Unavailable as error:
        raise Unavailable(error.reason, error.command, card) from None
    known, options = table(), dict(card.options or {})
    paths, weights, trained_on = [], [], card.trained_on or ()
    for each in wanted:
        file = known[each.name]
        path = fetched[each.name] if each.given is None else _there(file, each.given)
        sha256 = file_sha256(path)
        _refuse_another(path, sha256, file)
        about = Weights(file.file, sha256, file.page, file.license)
        if file.sha256 not in (None, sha256):
            about = Weights(file.file, sha256, "a file other than the published one", "not stated")
            trained_on = (*trained_on, TrainedOn(UNKNOWN))
        elif file.sha256 is None:
            about = replace(about, source=f"{file.page}, as far as its name tells")
        if each.given is not None and file.sha256 != sha256:
            before = f"{options[each.option]}+" if each.option in options else ""
            options[each.option] = before + sha256[:16]
        paths.append(path)
        weights.append(about)
    card = replace(card, weights=tuple(weights), trained_on=trained_on, options=options)
    return card, paths


def beside(folder: str | None, given: str | None) -> str | None:
    """Where a regressor is to be found: as ``given``, or in ``folder`` if that is one."""
    if given is None and folder is not None and Path(folder).expanduser().is_dir():
        return folder
    return given


def _there(file: WeightsFile, given: str) -> Path:
    try:
        path = Path(given).expanduser()
        path = path / file.file if path.is_dir() else path
        if path.is_file():
            return path
    except (OSError, RuntimeError, TypeError) as error:  # too long a name, no such user, no text
        raise ValueError(f"weights {given!r}: {error}") from None
    raise ValueError(f"weights {path}: no such file")


def _refuse_another(path: Path, sha256: str, file: WeightsFile) -> None:
    """Files of one model may differ in their values alone: their names and hashes tell."""
    for other in table().values():
        if other is not file and (other.sha256 == sha256 or other.file == path.name):
            raise ValueError(f"weights {path}: these are {other.name}, not {file.name}")
