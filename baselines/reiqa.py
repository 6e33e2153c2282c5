"""Re-IQA, from its two official checkpoints.

A. Saha, S. Mishra, A. C. Bovik: Re-IQA: Unsupervised Learning for Image Quality Assessment in
the Wild, CVPR 2023.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.model import ModelCard

from .checkpoint import REIQA
from .files import Wanted, complete
from .resnet50 import MAX_PIXELS, encoder, half, pixels
from .resnet50_models import Features, choose
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
    if weights is not None and len(branches) > 1 and not Path(weights).expanduser().is_dir():
        raise ValueError(
            f"reiqa: weights {weights}: both encoders need a folder with both files, or say "
            "variant=quality or variant=content"
        )
    card = replace(
        CARD,
        trained_on=tuple(seen for branch in branches for seen in _SEEN[branch]),
        trained_degradations=REIQA_TYPES if "quality" in branches else (),
        options={} if variant == "both" else {"variant": variant},
    )
    wanted = [Wanted("weights", f"reiqa-{branch}", weights) for branch in branches]
    card, paths = complete(card, *wanted)
    encoders = tuple(
        encoder(
            *(REIQA, path, about.sha256, branch, _views),
            normalized=branch == "content",  # so by design of the authors
            unit=False,
        ).on(device)
        for branch, path, about in zip(branches, paths, card.weights, strict=True)
    )
    return Features(encoders, card)


def _views(picture: Image.Image) -> tuple[torch.Tensor, torch.Tensor]:
    from PIL.Image import Resampling

    return pixels(picture)[None], pixels(half(picture, Resampling.BICUBIC))[None]
