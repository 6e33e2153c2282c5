"""What CONTRIQUE, Re-IQA and ARNIQA offer: features, or the score of a released regressor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from harness.model import Images, ModelCard

from .linear_heads import LinearHead

if TYPE_CHECKING:
    import torch

    from .resnet50 import Encoder


class Movable:
    """A model of one encoder or several, on any device."""

    def __init__(self, encoders: tuple[Encoder, ...], card: ModelCard) -> None:
        self.encoders, self.card = encoders, card

    def to(self, device: str) -> Self:
        self.encoders = tuple(encoder.on(device) for encoder in self.encoders)
        return self

    def forget(self) -> None:
        """Remember no image: what is asked next is computed anew."""
        for encoder in self.encoders:
            encoder.forget()


class Features(Movable):
    """The frozen encoder, or several, to be read by a regressor that the harness fits."""

    def features(self, images: Images) -> torch.Tensor:
        """``float32 [N, V, 4096]`` of V views; of several encoders one after another (D adds)."""
        import torch

        return torch.cat([encoder(images) for encoder in self.encoders], dim=2)


class Score(Movable):
    """The encoder with the released regressor ``head``."""

    def __init__(self, encoder: Encoder, head: LinearHead, card: ModelCard) -> None:
        super().__init__((encoder,), card)
        self.head = head

    def score(self, images: Images) -> torch.Tensor:
        """``float64 [N]``, higher is better: the mean over an image's views."""
        return self.head(self.encoders[0](images)).mean(dim=1)


def scaled(head: LinearHead, scale: float, shift: float = 0.0) -> LinearHead:
    """``head`` whose output is ``scale`` times what it was, plus ``shift``."""
    return LinearHead(head.weight * scale, head.bias * scale + shift)


def choose(model: str, what: str, name: str, known: Iterable[str]) -> str:
    """``name`` if it is among ``known``; else ValueError with those that are."""
    known = list(known)
    if name not in known:
        raise ValueError(f"{model}: {what} {name!r} is not among {', '.join(known)}")
    return name
