"""Whether a model has seen what it is measured on."""

from __future__ import annotations

from .model import ModelCard
from .sample import Dataset

_STRENGTH = {"content": 1, "images": 2, "pseudo": 2, "labels": 3}
_NAMES = ("none", "content", "images", "labels")


def contamination(card: ModelCard, dataset: Dataset) -> str:
    """The strongest of none, content, images, labels; "unknown" where nothing is declared."""
    if card.trained_on is None:
        return "unknown"
    seen = (
        # Pseudo-labels of a dataset are its labels where the dataset has no others.
        3 if t.role == "pseudo" and dataset.label_kind == "pseudo" else _STRENGTH[t.role]
        for t in card.trained_on
        if t.dataset.lower() == dataset.name.lower()
    )
    return _NAMES[max(seen, default=0)]
