"""``relational``: our relational IQA, from a checkpoint of ``iqa-eval pretrain relational-…``.

Khan et al., Pixel Perfect: Relational Image Quality Assessment with Spatially-Aware Distortions,
arXiv 2605.02863, 2026. This is our implementation of what it says, and the weights are our own.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.model import Images, ModelCard, Unavailable

if TYPE_CHECKING:
    import torch

    from .network import Maps
    from .score import Scorer

SHIPPED = Path(__file__).parent / "data" / "relational-tiny.safetensors"
_COMMAND = (
    "iqa-eval pretrain relational-maps --photos DIR --out OUT, then the option "
    "weights=OUT/checkpoint.safetensors"
)
CARD = ModelCard(
    name="relational",
    version="1",
    mode="FR",
    summary="Relational IQA (our implementation): maps of which damage one image has more of",
    license="Apache-2.0",
    paper="Khan et al., Pixel Perfect, arXiv 2605.02863, 2026",
    batch_invariant=True,  # pairs are read one at a time
)


def load(*, weights: str | None = None, device: str = "cpu") -> Mapped | Scored:
    """Relational IQA (ours): maps of differences, and a score where the checkpoint has one.

    ``weights``: a checkpoint of ours (default: the one in the package). Raises Unavailable where
    there is none, ValueError for one that cannot be read or does not fit.
    """
    path = SHIPPED if weights is None else Path(weights)
    if weights is None and not path.is_file():
        raise Unavailable("no checkpoint is in the package", _COMMAND, CARD)
    from .reading import read

    maps, scorer, card = read(path, CARD, given=weights is not None)
    if scorer is None:
        return Mapped(maps, card, device)
    return Scored(maps, card, device, scorer)


class Mapped:
    """The network of the maps."""

    def __init__(self, maps: Maps, card: ModelCard, device: str = "cpu") -> None:
        from .tiling import TILE

        exact = maps.radius is not None
        self.maps = maps.eval().requires_grad_(False)
        self.card = replace(
            card,
            coverage=f"the whole image, padded to multiples of {maps.multiple} pixels, in tiles of "
            f"{TILE} that overlap; tiling={'exact' if exact else 'approximate'}",
        )
        self.to(device)

    def to(self, device: str) -> Mapped:
        from ..loading import usable_device

        self.device = usable_device(device)
        self.maps.to(self.device)
        return self

    def distortion_map(self, images: Images, references: Images) -> list[torch.Tensor]:
        """``float32 [C, H/4, W/4]`` of each pair, sides rounded up; see ``card.map_channels``.

        Raises ValueError for an image and a reference of different sizes.
        """
        from .tiling import distortion_map

        pairs = _pairs(images, references)
        return [distortion_map(self.maps, *pair, self.device) for pair in pairs]


class Scored(Mapped):
    """The network of the maps, and that of the score."""

    def __init__(self, maps: Maps, card: ModelCard, device: str, scorer: Scorer) -> None:
        self.scorer = scorer.eval().requires_grad_(False)
        super().__init__(maps, card, device)

    def to(self, device: str) -> Scored:
        super().to(device)
        self.scorer.to(self.device)
        return self

    def score_pair(self, images: Images, references: Images) -> torch.Tensor:
        """``float64 [N]``: above 0 the image is better than its reference, 0 for equal ones.

        Scores can be compared within a content only. Raises ValueError as ``distortion_map``.
        """
        import torch

        from .tiling import pooled_pair

        scores = [
            self.scorer.score(pooled_pair(self.maps, *pair, self.device))
            for pair in _pairs(images, references)
        ]
        return torch.cat(scores).double().cpu()


def _pairs(images: Images, references: Images) -> list[tuple[torch.Tensor, torch.Tensor]]:
    if len(images) != len(references):
        raise ValueError(f"{len(images)} images beside {len(references)} references")
    for image, reference in zip(images, references, strict=True):
        if image.shape != reference.shape:
            (height, width), (rows, columns) = image.shape[1:], reference.shape[1:]
            raise ValueError(
                f"a {width}x{height} image beside a {columns}x{rows} reference: "
                "both must be of one size"
            )
    return list(zip(images, references, strict=True))
