"""Which damage, in which shapes of masks, a model has met in training, as far as that is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.model import UNKNOWN, ModelCard
from harness.protocols.base import word
from harness.sample import Sample

_MARK = "held out"


@dataclass(frozen=True)
class Trained:
    """The types of damage and the shapes of masks that were trained on; None: not known."""

    types: frozenset[str] | None
    shapes: frozenset[str] | None


def trained(card: ModelCard, head: Iterable[Sample] | None = None) -> Trained:
    """What ``card`` states, and of types what the samples show that a ``head`` was fitted on.

    Nothing is known where the card says nothing, or that there may be more than it names; nor of
    types where no sample of the head tells its damage.
    """
    if card.trained_on is None or any(t.dataset == UNKNOWN for t in card.trained_on):
        return Trained(None, None)
    shapes = frozenset(card.trained_masks)
    if head is None:
        return Trained(frozenset(card.trained_degradations), shapes)
    types = frozenset(damage.type for sample in head for damage in sample.damages)
    return Trained(types.union(card.trained_degradations) if types else None, shapes)


def seen(names: set[str], known: frozenset[str] | None) -> str:
    """ "yes" if all of ``names`` are ``known``, else "no"; "" where nothing is there to tell."""
    if known is None or not names:
        return ""
    return "yes" if names <= known else "no"


def kind(names: set[str]) -> str:
    """ "trainable" if all of ``names`` are types that relational maps may be trained on, "held-out"
    if all are held out of all training; "" for a mixture and for types whose sign is drawn.

    The same for every model, so that models are compared on the same images.
    """
    from .degradations import BANK, HELD_OUT  # which import torch

    if not names:
        return ""
    if names <= set(HELD_OUT):
        return "held-out"
    known = all(name in BANK and not BANK[name].signed for name in names)
    return "trainable" if known and names.isdisjoint(HELD_OUT) else ""


def held_out(subset: str, known: Trained) -> tuple[str, ...]:
    """The mark of a row of a type or shape that was not trained on, while others were."""
    cell = dict(part.split("=", 1) for part in subset.split() if "=" in part)
    for name, names in (("type", known.types), ("shape", known.shapes)):
        if names and cell.get(name, "") not in {"", *map(word, names)}:
            return (_MARK,)
    return ()
