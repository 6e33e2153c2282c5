"""Re-IQA, from its two official checkpoints.

A. Saha, S. Mishra, A. C. Bovik: Re-IQA: Unsupervised Learning for Image Quality Assessment in
the Wild, CVPR 2023.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.model import ModelCard
from harness.weights import table

from .checkpoint import REIQA, resnet50_state
from .resnet50 import MAX_PIXELS, encoder, half, pixels
from .resnet50_models import Features, choose, file_of
from .seen import IMAGENET, KADIS, REIQA_TYPES, USERS

if TYPE_CHECKING:
    import torch
    from PIL import Image

# The encoders of each variant, in the order of their features.
VARIANTS = {"both": ("quality", "content"), "quality": ("quality",), "content": ("content",)}
_SEEN = {"quality": (*KADIS, *USERS), "content": IMAGENET}

CARD = ModelCard(
    name="reiqa",
    version="1",
    mode="NR",
    summary="Re-IQA: ResNet-50s for quality and for content, on the whole image",
    license="MIT",
    paper="Saha et al., Re-IQA: Unsupervised Learning for IQA in the Wild, CVPR 2023",
    coverage="the whole image, at full and at half size",
    batch_invariant=True,
    max_pixels=MAX_PIXELS,
)


def load(*, variant: str = "both", weights: str | None = None, device: str = "cpu") -> Features:
    """Re-IQA: its encoders of quality and of content, or one of them.

    ``variant``: quality (D = 4096), content (4096), or both (8192, in this order).

    ``weights``: the official file of the one encoder, or a folder with the official files.
    Raises Unavailable where weights are absent, ValueError for a file that is damaged or of
    another model.
    """
    branches = VARIANTS[choose("reiqa", "variant", variant, VARIANTS)]
    if weights is not None:
        _refuse_the_other(branches, Path(weights))
    found = [file_of(f"reiqa-{branch}", weights) for branch in branches]
    encoders = tuple(
        encoder(
            about.sha256,
            partial(resnet50_state, path, REIQA),
            f"reiqa-{branch}",
            _views,
            normalized=branch == "content",  # so by design of the authors
            unit=False,
        ).on(device)
        for branch, (path, about) in zip(branches, found, strict=True)
    )
    card = replace(
        CARD,
        weights=tuple(about for _, about in found),
        trained_on=tuple(seen for branch in branches for seen in _SEEN[branch]),
        trained_degradations=REIQA_TYPES if "quality" in branches else (),
        options={} if variant == "both" else {"variant": variant},
    )
    return Features(encoders, card)


def _refuse_the_other(branches: tuple[str, ...], path: Path) -> None:
    """The two files differ in their values alone; only their names tell them apart."""
    if len(branches) > 1 and not path.is_dir():
        raise ValueError(
            f"reiqa: weights {path}: both variants need a folder with both files, or say "
            "variant=quality or variant=content"
        )
    for branch in _SEEN.keys() - branches:
        if path.name == table()[f"reiqa-{branch}"].file:
            raise ValueError(f"reiqa: weights {path} are those of the variant {branch}")


def _views(picture: Image.Image) -> tuple[torch.Tensor, torch.Tensor]:
    from PIL.Image import Resampling

    return pixels(picture)[None], pixels(half(picture, Resampling.BICUBIC))[None]
