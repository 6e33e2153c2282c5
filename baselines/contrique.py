"""CONTRIQUE, from its official checkpoint.

P. C. Madhusudana, N. Birkbeck, Y. Wang, B. Adsumilli, A. C. Bovik: Image Quality Assessment
using Contrastive Learning, IEEE Transactions on Image Processing, 2022.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from harness.model import Images, ModelCard, TrainedOn

from .checkpoint import CONTRIQUE, resnet50_state
from .linear_heads import LinearHead, read_ridge
from .resnet50 import MAX_PIXELS, Encoder, encoder, half, picture, pixels
from .resnet50_models import Features, Movable, Score, choose, file_of, head_file, scaled
from .seen import KADIS, KADIS_TYPES, USERS

if TYPE_CHECKING:
    import torch
    from PIL import Image

# The released regressors, and the set that each was fitted on.
HEADS = {
    "live": "live",
    "csiq": "csiq",
    "clive": "clive",
    "koniq10k": "koniq10k",
    "live-fr": "live",
    "csiq-fr": "csiq",
}
_DMOS = ("live", "csiq")  # predicted as they are: lower is better

CARD = ModelCard(
    name="contrique",
    version="1",
    mode="NR",
    summary="CONTRIQUE: ResNet-50 trained by contrasting distortions, on the whole image",
    license="not stated",
    paper="Madhusudana et al., Image Quality Assessment using Contrastive Learning, TIP 2022",
    trained_on=(*KADIS, *USERS),
    trained_degradations=KADIS_TYPES,
    coverage="the whole image, at full and at half size",
    batch_invariant=True,
    max_pixels=MAX_PIXELS,
)


def load(
    *,
    head: str | None = None,
    weights: str | None = None,
    head_weights: str | None = None,
    device: str = "cpu",
) -> Features | Score | PairScore:
    """CONTRIQUE: its encoder, or with head=SET the score of its released regressor.

    ``head``: live, csiq, clive, koniq10k, or live-fr and csiq-fr, which compare an image with
    its reference. Scores are in the units of the set; those of DMOS sets are negated.
    ``weights``: the official checkpoint, or a folder with the official files; ``head_weights``:
    the regressor's file. Raises Unavailable where weights are absent, ValueError for a file
    that is damaged or of another model.
    """
    dataset = HEADS[choose("contrique", "head", head, HEADS)] if head else None
    path, about = file_of("contrique-encoder", weights)
    state = partial(resnet50_state, path, CONTRIQUE)
    net = encoder(about.sha256, state, "contrique", _views, normalized=False, unit=True).on(device)
    card = replace(CARD, weights=(about,), options={})
    if dataset is None:
        return Features((net,), card)
    path, of_head = head_file(f"contrique-{head}", weights, head_weights)
    fitted = scaled(read_ridge(path), -1.0 if dataset in _DMOS else 1.0)
    paired = head != dataset
    card = replace(
        card,
        mode="FR" if paired else "NR",
        summary=f"{card.summary}, with the regressor released for {head}",
        weights=(about, of_head),
        trained_on=(*(CARD.trained_on or ()), TrainedOn(dataset, "all", "labels", "head")),
        options={"head": head},
    )
    return PairScore(net, fitted, card) if paired else Score(net, fitted, card)


class PairScore(Movable):
    """The encoder with a released full-reference regressor."""

    def __init__(self, net: Encoder, head: LinearHead, card: ModelCard) -> None:
        super().__init__((net,), card)
        self.head = head

    def score_pair(self, images: Images, references: Images) -> torch.Tensor:
        """``float64 [N]``, higher is better: from |features − features of the reference|.

        Sizes may differ: then both are halved to half the size of the reference.
        """
        import torch

        (net,) = self.encoders
        pairs = zip(images, references, strict=True)
        return torch.cat([self.head(self._difference(net, *pair)) for pair in pairs])

    def _difference(
        self, net: Encoder, image: torch.Tensor, reference: torch.Tensor
    ) -> torch.Tensor:
        expected = net([reference])[0]
        if image.shape == reference.shape:
            return (expected - net([image])[0]).abs()
        height, width = reference.shape[1:]
        views = partial(_views, size=(width, height))
        return (expected - net.of(picture(image), views)).abs()


def _views(
    picture: Image.Image, size: tuple[int, int] | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    from PIL.Image import Resampling

    return pixels(picture)[None], pixels(half(picture, Resampling.BICUBIC, size))[None]
