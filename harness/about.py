"""What records lie beside: the cards of their models, and what is known of their datasets.

``cards/<model>.json`` is the model's card with the SHA-256 of its code as ``source``,
``datasets/<dataset>-<hashes>.json`` what the dataset says of itself. Rows do not depend on
either: pages tell people with them what a number is about.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .atomic import write_atomic
from .canonical import canonical_json, digest, slug
from .errors import first_fault, portable

if TYPE_CHECKING:
    from .job import Job
    from .model import ModelCard
    from .records import Row
    from .sample import Dataset

About = Mapping[str, Any]


@dataclass(frozen=True)
class DatasetFacts:
    """What a file says of a dataset; a field each for what ``dataset_content`` tells."""

    name: str
    label_kind: str
    license: str
    citation: str
    marks: tuple[str, ...]
    n_samples: int
    n_contents: int
    n_references: int
    images_hash: str
    labels_hash: str


def write_about(folder: Path, jobs: Iterable[Job]) -> None:
    """Write what the models and datasets of ``jobs`` say of themselves below ``folder``."""
    from .model import Model
    from .sample import Dataset

    found: dict[str, About] = {}
    for job in jobs:
        if isinstance(job.model, Model):
            card = card_content(job.model.card)
            found[card_path(job.model_slug)] = {**card, "source": source_of(job.model)}
        if isinstance(job.dataset, Dataset):
            d = job.dataset
            found[dataset_path(d.name, d.images_hash, d.labels_hash)] = dataset_content(d)
    for path, content in found.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / path, about_bytes(content))


def read_about(path: Path) -> About:
    """What such a file says. Raises ValueError, naming it, if no run wrote it as it is."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not readable: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not readable: it holds no JSON object")
    told = content.pop("digest", None)
    if told != digest(content):
        raise ValueError(f"{path} was edited after it was written: its digest does not fit")
    return content


def read_card(path: Path) -> About:
    """The card of that file, with every field of one. Raises ValueError, naming it, as above."""
    from .model import ModelCard

    return _checked(path, ModelCard)


def read_dataset(path: Path) -> About:
    """What that file says of a dataset. Raises ValueError, naming it, as above."""
    return _checked(path, DatasetFacts)


def _checked(path: Path, kind: type) -> About:
    from pydantic import TypeAdapter, ValidationError

    known = TypeAdapter[Any](kind)
    try:
        return dict(known.dump_python(known.validate_python(dict(read_about(path))), mode="json"))
    except ValidationError as error:
        raise ValueError(f"{path} is not readable: {first_fault(error)}") from error


def about_paths(row: Row) -> tuple[str, str]:
    """Where the card of the model of ``row`` lies, and what is known of its dataset."""
    return (
        card_path(slug(row.model, json.loads(row.options))),
        dataset_path(row.dataset, row.images_hash, row.labels_hash),
    )


def card_path(model_slug: str) -> str:
    """Where a card lies, relative to the folder of records."""
    return f"cards/{model_slug}.json"


def dataset_path(name: str, images_hash: str, labels_hash: str) -> str:
    """Where it is told of a dataset, relative to the folder of records."""
    return f"datasets/{slug(name)}-{digest([images_hash, labels_hash])[:8]}.json"


def card_content(card: ModelCard) -> About:
    """``card`` as JSON has it, by the names of its fields; of paths, the last part."""
    content = {**asdict(card), "options": portable(dict(card.options or {}))}
    return dict(json.loads(canonical_json(content)))


def source_of(model: object) -> str | None:
    """The SHA-256 of the file that holds the code of the model's class; None without one."""
    try:
        path = inspect.getsourcefile(type(model))
        return None if path is None else hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except (TypeError, OSError):  # built in, or made in a session
        return None


def dataset_content(dataset: Dataset) -> About:
    """Labels, sizes, license and hashes of ``dataset``."""
    return {
        "name": dataset.name,
        "label_kind": dataset.label_kind,
        "license": dataset.license,
        "citation": dataset.citation,
        "marks": list(dataset.marks),
        "n_samples": len(dataset.samples),
        "n_contents": len({sample.content for sample in dataset.samples}),
        "n_references": len(dataset.references),
        "images_hash": dataset.images_hash,
        "labels_hash": dataset.labels_hash,
    }


def about_bytes(content: About) -> bytes:
    """The one text of what is told, with its digest: sorted, a value a line."""
    told = {**content, "digest": digest(content)}
    return (json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
