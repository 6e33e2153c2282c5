"""What pages say of models and datasets beside numbers: titles, and the lines beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..card_command import NOT_STATED, card_facts
from ..collection.board import Board, Subject
from ..reports.groups import LABELS, Group
from .unscored import Unscored

About = Mapping[str, Any]
Facts = list[tuple[str, list[str]]]


def model_facts(subject: Subject) -> Facts:
    """What the card says, or, where none was kept, what the rows say."""
    if subject.card is None:
        return _facts_of_rows(subject)
    from pydantic import TypeAdapter

    from ..model import ModelCard

    card = TypeAdapter(ModelCard).validate_python(dict(subject.card))
    facts = {title.strip(): lines for title, lines in card_facts(card)}
    if not card.weights and any(row.value is not None for row in subject.rows):
        facts["weights"] = ["none"]
    facts["tolerance"] = [
        f"{value:g} SDs of the scores between runs on {device}"
        for device, value in sorted(card.tolerance.items())
    ]
    return [("version", [card.version]), *facts.items()]


def mode_of(subject: Subject) -> str:
    """NR, FR or PAIR; "" of a model that no protocol could run, whose rows do not say it."""
    return next((row.mode for row in subject.rows if row.mode), "")


def dataset_facts(board: Board, groups: Iterable[Group], lost: Unscored) -> list[Facts]:
    """What is known of each version of a dataset that was measured on, by its hashes.

    ``lost`` says which samples no model could score.
    """
    measured: dict[tuple[str, str], Group] = {}
    for group in groups:
        if group.entries:
            measured.setdefault((group.key.images_hash, group.key.labels_hash), group)
    return [
        [
            ("labels", [LABELS.get(group.key.label_kind, group.key.label_kind)]),
            *_sizes(board.dataset(group.entries[0].rows[0]) or {}),
            *_lost(lost.get((group.key.dataset, images), "")),
            ("images", [f"SHA-256 {images}"]),
            ("label values", [f"SHA-256 {labels}"]),
        ]
        for (images, labels), group in measured.items()
    ]


def _lost(told: str) -> Facts:
    return [("of these", [told])] if told else []


def _sizes(about: About) -> Facts:
    if not about:
        return []
    return [
        ("samples", [f"{about['n_samples']:,}"]),
        ("contents", [f"{about['n_contents']:,}"]),
        ("references", [f"{about['n_references']:,}"]),
        ("license", [about["license"] or NOT_STATED]),
        ("citation", [about["citation"] or NOT_STATED]),
        ("marks", [", ".join(about["marks"]) or "none"]),
    ]


def _facts_of_rows(subject: Subject) -> Facts:
    found = {
        "version": [row.model_version for row in subject.rows],
        "weights": [f"SHA-256 {w}" for row in subject.rows for w in row.weights.split("+") if w],
        "options": [f"{k}={v}" for k, v in json.loads(subject.rows[0].options).items()],
    }
    return [(title, list(dict.fromkeys(lines))) for title, lines in found.items() if any(lines)]
