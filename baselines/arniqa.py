"""ARNIQA, from its official checkpoint.

L. Agnolucci, L. Galteri, M. Bertini, A. Del Bimbo: ARNIQA: Learning Distortion Manifold for
Image Quality Assessment, WACV 2024.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from harness.model import ModelCard

from .checkpoint import ARNIQA
from .files import Wanted, beside, complete
from .linear_heads import read_torchscript
from .resnet50 import MAX_PIXELS, encoder, half, pixels
from .resnet50_models import Features, Score, choose, scaled
from .seen import ARNIQA_TYPES, IMAGENET, KADIS, head_on

if TYPE_CHECKING:
    import torch
    from PIL import Image

CROP = 224
SHORT_SIDE = 512  # to which the authors bring the photographs of SPAQ

# The official programs differ; the regressors were fitted on what the benchmark does.
VARIANTS = ("benchmark", "whole", "five-crop", "spaq")
# Sets of the released regressors, and the range of labels to which the authors scale.
HEADS = {
    "live": (1, 100),
    "csiq": (0, 1),
    "tid2013": (0, 9),
    "kadid10k": (1, 5),
    "flive": (1, 100),
    "spaq": (1, 100),
    "clive": (1, 100),
    "koniq10k": (1, 100),
}
_DMOS = ("live", "csiq")

_CROPS = "five 224-pixel crops (center, corners) of the image and of its half"
_COVERAGE = {
    "benchmark": _CROPS,
    "whole": "the whole image, at full and at half size",
    "five-crop": _CROPS,
    "spaq": f"{_CROPS}, brought to a short side of 512 first",
}

CARD = ModelCard(
    name="arniqa",
    version="1",
    mode="NR",
    summary="ARNIQA: ResNet-50 trained to tell distortions apart",
    license="Apache-2.0",
    paper="Agnolucci et al., ARNIQA: Learning Distortion Manifold for IQA, WACV 2024",
    trained_on=(*KADIS, *IMAGENET),  # it starts from ImageNet weights
    trained_degradations=ARNIQA_TYPES,
    batch_invariant=True,
)


def load(
    *,
    variant: str = "benchmark",
    head: str | None = None,
    weights: str | None = None,
    head_weights: str | None = None,
    device: str = "cpu",
) -> Features | Score:
    """ARNIQA: its encoder, or with head=SET the score of its released regressor.

    ``variant``: benchmark (five crops, half by bicubic: the code of the paper's tables), whole
    (the whole image, half by bilinear: the model of torch.hub), five-crop (five crops, half by
    bilinear: the program for one image), or spaq (benchmark, after a resize to a short side of
    512). ``head``: live, csiq, tid2013, kadid10k, flive, spaq, clive or koniq10k; scores are
    scaled to 0 … 1 of the set's range, not clipped, higher is better.
    ``weights``: the official checkpoint, or a folder with the official files; ``head_weights``:
    the regressor's file. Raises Unavailable where weights are absent, ValueError for a file
    that is damaged or of another model.
    """
    choose("arniqa", "variant", variant, VARIANTS)
    card = replace(
        CARD,
        coverage=_COVERAGE[variant],
        max_pixels=MAX_PIXELS if variant == "whole" else CARD.max_pixels,
        options={} if variant == "benchmark" else {"variant": variant},
    )
    wanted = [Wanted("weights", "arniqa-encoder", weights)]
    if head is not None:
        choose("arniqa", "head", head, HEADS)
        wanted.append(Wanted("head_weights", f"arniqa-{head}", beside(weights, head_weights)))
        card = replace(
            card,
            summary=f"{card.summary}, with the regressor released for {head}",
            trained_on=(*(card.trained_on or ()), *head_on(head)),
            options={**(card.options or {}), "head": head},
        )
    elif head_weights is not None:
        raise ValueError("arniqa: head_weights needs head=SET, which tells how to scale a score")
    card, (path, *of_head) = complete(card, *wanted)
    views = {"whole": _whole, "spaq": _resized}.get(variant, partial(_crops, variant=variant))
    sha256 = card.weights[0].sha256
    net = encoder(ARNIQA, path, sha256, variant, views, normalized=True, unit=True).on(device)
    if head is None:
        return Features((net,), card)
    low, high = HEADS[head]
    scale, shift = 1 / (high - low), -low / (high - low)
    if head in _DMOS:
        scale, shift = -scale, 1 - shift
    return Score(net, scaled(read_torchscript(of_head[0]), scale, shift), card)


def _whole(picture: Image.Image) -> tuple[torch.Tensor, torch.Tensor]:
    from PIL.Image import Resampling

    return pixels(picture)[None], pixels(half(picture, Resampling.BILINEAR))[None]


def _crops(picture: Image.Image, variant: str) -> tuple[torch.Tensor, torch.Tensor]:
    from PIL.Image import Resampling

    filter = Resampling.BILINEAR if variant == "five-crop" else Resampling.BICUBIC
    return five_crops(picture), five_crops(half(picture, filter))


def _resized(picture: Image.Image) -> tuple[torch.Tensor, torch.Tensor]:
    from PIL.Image import Resampling

    width, height = picture.size
    aspect = width / height  # in this order of rounding, as the authors have it
    tall, wide = (SHORT_SIDE, int(SHORT_SIDE / aspect)), (int(SHORT_SIDE * aspect), SHORT_SIDE)
    size = tall if width < height else wide
    if size[0] * size[1] > MAX_PIXELS:
        raise ValueError(f"a {width}x{height} image would become {size[0]}x{size[1]}")
    return _crops(picture.resize(size, Resampling.BICUBIC), "spaq")


def five_crops(picture: Image.Image) -> torch.Tensor:
    """``uint8 [5, 3, 224, 224]``: center, top left, bottom left, top right, bottom right.

    What lies outside the image is black.
    """
    import torch

    width, height = picture.size
    left, top = width - CROP, height - CROP
    origins = ((width // 2 - CROP // 2, height // 2 - CROP // 2), (0, 0), (0, top), (left, 0))
    boxes = [(x, y, x + CROP, y + CROP) for x, y in (*origins, (left, top))]
    return torch.stack([pixels(picture.crop(box)) for box in boxes])
