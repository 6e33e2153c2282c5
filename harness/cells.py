"""A cell: one model, one dataset, one operation: the unit of expensive work, and its key."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache, cached_property
from importlib import metadata

from .canonical import canonical_json, digest, slug
from .model import ModelCard
from .reducers import REDUCERS
from .sample import Dataset

SCHEMA = 1

# Libraries whose version changes values whatever the model is.
LIBRARIES = ("torch", "torchvision", "timm", "pillow", "numpy")


@dataclass(frozen=True)
class Cell:
    """Every field is part of the key; batch size and worker count, which change nothing, are not.

    ``options`` is canonical JSON; ``fit`` the key of a fit or None; ``reducer`` names the
    statistics kept of a map; ``decoding`` names the decode policy; ``libraries`` holds exact
    versions.
    """

    model: str
    version: str
    weights: str
    options: str
    fit: str | None
    dataset: str
    images_hash: str
    operation: str
    reducer: str | None
    decoding: str
    precision: str
    device: str
    max_pixels: int
    libraries: tuple[tuple[str, str], ...]
    schema: int = SCHEMA

    @cached_property
    def key(self) -> str:
        """SHA-256 of the canonical JSON of every field."""
        return digest(asdict(self))

    @property
    def folder(self) -> str:
        """Where it lies in a store, relative to the root: readable, unique, safe."""
        what = self.operation if self.reducer is None else f"{self.operation}-{self.reducer}"
        return f"{slug(self.model)}/{slug(self.dataset)}/{slug(what)}-{self.key[:20]}"


def make_cell(
    card: ModelCard,
    dataset: Dataset,
    operation: str,
    *,
    reducer: str | None = None,
    decoding: str,
    device: str = "cpu",
    fit: str | None = None,
) -> Cell:
    """The cell of ``card`` and ``dataset`` for ``operation`` in this environment."""
    return Cell(
        model=card.name,
        version=card.version,
        weights=card.weights_hash,
        options=canonical_json(dict(card.options or {})),
        fit=fit,
        dataset=dataset.name,
        images_hash=dataset.images_hash,
        operation=operation,
        reducer=reducer,
        decoding=decoding,
        precision=card.precision,
        device=device,
        max_pixels=card.max_pixels,
        libraries=_versions(card, dataset, more=REDUCERS[reducer].requires if reducer else ()),
    )


def fit_key(card: ModelCard, train: Dataset, validation: Dataset, config: object, seed: int) -> str:
    """Key of a fitted model: the model, what it was fitted on (in order), how, and the seed.

    ``config`` is a value of JSON; the schedule, the device kind, all that decides the outcome.
    """
    return digest(
        {
            "model": [card.name, card.version, card.weights_hash, dict(card.options or {})],
            "precision": card.precision,
            "libraries": _versions(card, train, validation),
            "train": [s.id for s in train.samples],
            "validation": [s.id for s in validation.samples],
            "images": [train.images_hash, validation.images_hash],
            "labels": [train.labels_hash, validation.labels_hash],
            "config": config,
            "seed": seed,
        }
    )


def _versions(
    card: ModelCard, *datasets: Dataset, more: tuple[str, ...] = ()
) -> tuple[tuple[str, str], ...]:
    of_datasets = (name for dataset in datasets for name in dataset.requires)
    names = {*LIBRARIES, *card.requires, *of_datasets, *more}
    return tuple((name, library_version(name)) for name in sorted(names))


@cache
def library_version(name: str) -> str:
    """Exact installed version of a distribution, or "absent"."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"
