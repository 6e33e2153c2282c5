"""CONTRIQUE, from its official checkpoint.

P. C. Madhusudana, N. Birkbeck, Y. Wang, B. Adsumilli, A. C. Bovik: Image Quality Assessment
using Contrastive Learning, IEEE Transactions on Image Processing, 2022.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from harness.model import Images, ModelCard

from .checkpoint import CONTRIQUE
from .files import Wanted, beside, complete
from .linear_heads import LinearHead, read_ridge
from .resnet50 import MAX_PIXELS, Encoder, encoder, half, picture, pixels
from .resnet50_models import Features, Movable, Score, choose, scaled
from .seen import KADIS, KADIS_TYPES, USERS, head_on

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
    options={},
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
    card = CARD
    wanted = [Wanted("weights", "contrique-encoder", weights)]
    if head is not None:
        dataset = HEADS[choose("contrique", "head", head, HEADS)]
        wanted.append(Wanted("head_weights", f"contrique-{head}", beside(weights, head_weights)))
        card = replace(
            card,
            mode="NR" if head == dataset else "FR",
            summary=f"{card.summary}, with the regressor released for {head}",
            trained_on=(*(card.trained_on or ()), *head_on(dataset)),
            options={"head": head},
        )
    elif head_weights is not None:
        raise ValueError("contrique: head_weights needs head=SET, which tells how to read a score")
    card, (path, *of_head) = complete(card, *wanted)
    sha256 = card.weights[0].sha256
    net = encoder(CONTRIQUE, path, sha256, "contrique", _views, normalized=False, unit=True)
    net = net.on(device)
    if head is None:
        return Features((net,), card)
    fitted = scaled(read_ridge(of_head[0]), -1.0 if dataset in _DMOS else 1.0)
    return PairScore(net, fitted, card) if card.mode == "FR" else Score(net, fitted, card)


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
