"""What students start from: a published ViT of timm, or our own pretrained encoder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.model import ModelCard

from ..slide_iqa import adapter as slide_iqa

if TYPE_CHECKING:
    from ..slide_iqa.encoder import Encoder

TIMM, SLIDE = "timm-", "slide-iqa-tiny"


@dataclass(frozen=True)
class Start:
    """An encoder, of which students take copies, and the card of what it is before any fit."""

    encoder: Encoder
    card: ModelCard


def start(name: str, crop: int, weights: str | None = None, untrained: bool = False) -> Start:
    """``timm-NAME``, with the weights of timm's hub, or ``slide-iqa-tiny``, which the package has.

    ``weights`` is a file in their place: a state dict of that network, or a checkpoint of
    `iqa-eval pretrain slide-iqa`. ``crop`` is the side of the crops that it is to see; where it is
    ``untrained``, weights of timm's hub are drawn instead. Raises
    Unavailable where weights are not on this machine, ValueError for an unknown name, and for a
    file or network that does not fit.
    """
    if name.startswith(TIMM):
        return _of_timm(name.removeprefix(TIMM), crop, weights, untrained)
    if name != SLIDE:
        raise ValueError(f"no student starts from {name!r}; known: {SLIDE}, {TIMM}NAME of timm")
    encoder, _, card = slide_iqa.read(weights, slide_iqa.CARD)
    seen = tuple(t for t in card.trained_on or () if t.component == "encoder")
    return Start(encoder, replace(card, trained_on=None if card.trained_on is None else seen))


def _of_timm(name: str, crop: int, weights: str | None, untrained: bool) -> Start:
    from .. import timm_backbone
    from ..slide_iqa.encoder import Encoder
    from .student import backbone_of_timm

    timm_backbone.known(name, weights)
    encoder = Encoder(backbone_of_timm(name, crop), pretrained=weights is None and not untrained)
    if untrained:
        return Start(encoder, ModelCard(f"timm:{name}", "1", "NR", trained_on=()))
    if weights is None:
        found = timm_backbone.of_the_hub(encoder.vit)
    else:
        found = timm_backbone.read_into(encoder.vit, Path(weights))
    card = ModelCard(
        name=f"timm:{name}",
        version="1",
        mode="NR",
        license=found.license,
        weights=(found,),
        trained_on=None if weights else timm_backbone.trained_on(encoder.vit),
    )
    return Start(encoder, card)
