"""What CONTRIQUE, Re-IQA and ARNIQA offer: features, or the score of a released regressor."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Self

from harness.file_hashes import file_sha256
from harness.model import Images, ModelCard, Weights
from harness.weights import local_file, table

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


def file_of(name: str, given: str | None) -> tuple[Path, Weights]:
    """The weights called ``name`` and what a card says of them.

    ``given`` is a file, a folder that holds it under its official name, or None for the one
    that was fetched. Raises Unavailable where none was, ValueError where ``given`` is not there.
    """
    known = table()[name]
    if given is None:
        path = local_file(name)
    else:
        path = Path(given).expanduser()
        path = path / known.file if path.is_dir() else path
        if not path.is_file():
            raise ValueError(f"weights {path}: no such file")
    sha256 = file_sha256(path)
    if known.sha256 not in (None, sha256):
        source, license = "a file other than the published one", "not stated"
    elif known.sha256 is None and given is not None:
        source, license = "a file that no published SHA-256 can be compared with", known.license
    else:
        source, license = known.page, known.license
    return path, Weights(known.file, sha256, source, license)


def head_file(name: str, folder: str | None, given: str | None) -> tuple[Path, Weights]:
    """The regressor called ``name``: ``given``, or in ``folder`` if that is one, or fetched."""
    if given is None and folder is not None and Path(folder).expanduser().is_dir():
        given = folder
    return file_of(name, given)


def choose(model: str, what: str, name: str, known: Iterable[str]) -> str:
    """``name`` if it is among ``known``; else ValueError with those that are."""
    if name not in known:
        raise ValueError(f"{model}: {what} {name!r} is not among {', '.join(known)}")
    return name
