"""``slide-iqa+content``: the perceptual encoder beside a frozen content ViT of timm."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from harness.model import UNKNOWN, Images, ModelCard, TrainedOn, Unavailable

from . import adapter

if TYPE_CHECKING:
    import torch

    from ..timm_encoder import TimmEncoder

# Of DINOv2, whose weights are free; those of DINOv3 have a license of their own.
CONTENT = "vit_small_patch14_dinov2.lvd142m"
CARD = replace(
    adapter.CARD,
    name="slide-iqa+content",
    summary="SLIDE-IQA (our implementation): its ViT beside a frozen ViT of content",
)


def load(
    *,
    weights: str | None = None,
    content: str = CONTENT,
    content_weights: str | None = None,
    device: str = "cpu",
) -> BothBranches:
    """SLIDE-IQA (ours) beside a frozen ViT of content: the features of both branches.

    No score, since a checkpoint's head reads the perceptual features alone.
    ``weights``: as in ``slide-iqa``. ``content``: a timm ViT by name; ``content_weights``: its
    weights in a file (default: those of timm's hub, from the local cache). Raises Unavailable,
    with the command that gets it, where either branch has no weights here, and ValueError as
    ``slide-iqa`` and ``timm:NAME`` do.
    """
    from .. import timm_backbone

    encoder, _, card = adapter.read(weights, CARD)
    try:
        beside = timm_backbone.load(content, weights=content_weights, device=device)
    except Unavailable as error:
        raise Unavailable(error.reason, error.command, card) from None
    card = _of_both(card, beside.card, {} if content == CONTENT else {"content": content})
    return BothBranches(adapter.Features(encoder, card, device), beside, card)


class BothBranches:
    """Two frozen encoders, of damage and of content."""

    def __init__(self, perceptual: adapter.Features, content: TimmEncoder, card: ModelCard) -> None:
        self.perceptual, self.content, self.card = perceptual, content, card

    def to(self, device: str) -> BothBranches:
        self.perceptual.to(device)
        self.content.to(device)
        return self

    def features(self, images: Images) -> torch.Tensor:
        """``float32 [N, 1, 6D + 4E]``: the perceptual features, then those of content.

        The latter are [class token ; mean of patch tokens] at full size and at half. Raises
        ValueError for an image whose half is smaller than a patch of content.
        """
        import torch

        from .reading import halved

        least = 2 * self.content.patch - 1
        for image in images:
            height, width = image.shape[1:]
            if min(height, width) < least:
                what = f"a {width}x{height} image is too small"
                raise ValueError(f"{what}: at least {least} pixels a side")
        halves = [halved(image[None].float())[0] for image in images]
        found = (self.content.features(scale) for scale in (images, halves))
        return torch.cat([self.perceptual.features(images), *found], 2)


def _of_both(card: ModelCard, content: ModelCard, options: dict[str, str]) -> ModelCard:
    seen = [
        (TrainedOn(UNKNOWN),) if each.trained_on is None else each.trained_on
        for each in (card, content)
    ]
    options = {**(card.options or {}), **options}
    if content.options:
        options["content_weights"] = content.options["weights"]
    return replace(
        card,
        license=f"{card.license}; {content.name}: {content.license}",
        weights=(*card.weights, *content.weights),
        trained_on=tuple(dict.fromkeys(chain(*seen))),
        max_pixels=min(card.max_pixels, content.max_pixels),
        options=options,
    )
