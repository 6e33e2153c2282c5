"""Which damage, in which shapes of masks, a model has met in training, as far as that is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.model import UNKNOWN, ModelCard
from harness.protocols.base import word
from harness.sample import Sample

_HELD_OUT = "held out"


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


def held_out(subset: str, known: Trained) -> tuple[str, ...]:
    """The mark of a row of a type or shape that was not trained on, while others were."""
    cell = dict(part.split("=", 1) for part in subset.split() if "=" in part)
    for name, names in (("type", known.types), ("shape", known.shapes)):
        if names and cell.get(name, "") not in {"", *map(word, names)}:
            return (_HELD_OUT,)
    return ()
