"""Whether a model has seen what it is measured on."""

from __future__ import annotations

from .model import UNKNOWN, ModelCard
from .sample import Dataset

_STRENGTH = {"content": 1, "images": 2, "pseudo": 2, "labels": 3}
_NAMES = ("none", "content", "images", "labels")


def contamination(card: ModelCard, *datasets: Dataset, head: bool = True) -> str:
    """The strongest of none, content, images, labels; "unknown" where nothing is declared, or
    where images may be those of any dataset.

    ``datasets`` are all that a number rests on: the one at hand and those of fitted heads.
    ``head`` is whether it rests on the model's own head too: one from features alone does not.
    """
    if card.trained_on is None:
        return "unknown"
    trained_on = [t for t in card.trained_on if head or t.component != "head"]
    if trained_on and any(dataset.known_as is None for dataset in datasets):
        return "unknown"
    seen = [
        # Pseudo-labels of a dataset are its labels where the dataset has no others.
        3 if t.role == "pseudo" and dataset.label_kind == "pseudo" else _STRENGTH[t.role]
        for dataset in datasets
        for t in trained_on
        if plain(t.dataset) in map(plain, (dataset.name, *(dataset.known_as or ())))
    ]
    strongest = max(seen, default=0)
    if not strongest and any(t.dataset == UNKNOWN for t in trained_on):
        return "unknown"
    return _NAMES[strongest]


def plain(name: str) -> str:
    """KonIQ-10k and koniq10k are one dataset."""
    return "".join(filter(str.isalnum, name.lower()))
