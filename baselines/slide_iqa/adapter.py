"""``slide-iqa``: our SLIDE-IQA, from a checkpoint of ``iqa-eval pretrain slide-iqa``.

S. Durbha et al., Spatially Localized Image Degradation Embeddings for Image Quality Assessment,
arXiv 2606.29162, 2026. Its authors have released no code and no weights: this is our
implementation of what they say, and the weights are our own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.model import Images, ModelCard, Unavailable

if TYPE_CHECKING:
    import torch

    from .encoder import Encoder
    from .reading import Linear, Tokens

SHIPPED = Path(__file__).parent / "data" / "slide-iqa-tiny.safetensors"
_COMMAND = (
    "iqa-eval pretrain slide-iqa --photos DIR --out OUT, then the option "
    "weights=OUT/checkpoint.safetensors"
)
CARD = ModelCard(
    name="slide-iqa",
    version="2",
    mode="NR",
    summary="SLIDE-IQA (our implementation): a ViT trained to tell localized damage apart",
    license="Apache-2.0",
    paper="Durbha et al., SLIDE-IQA, arXiv 2606.29162, 2026",
    coverage="the whole image, at full and at half size, padded to whole patches",
    batch_invariant=True,  # images are read one at a time
    max_pixels=16_384 * 16**2,  # attention compares every patch with every other
)


class Pretrained(NamedTuple):
    """What a checkpoint holds, and the card that tells of it."""

    encoder: Encoder
    head: Linear | None
    card: ModelCard


def load(*, weights: str | None = None, device: str = "cpu") -> Features | Scores:
    """SLIDE-IQA (ours): its perceptual encoder, and a score where the checkpoint has a head.

    ``weights``: a checkpoint of ours (default: the one in the package). Raises Unavailable where
    there is none, ValueError for one that cannot be read or does not fit.
    """
    encoder, head, card = read(weights, CARD)
    if head is None:
        return Features(encoder, card, device)
    return Scores(encoder, card, device, head)


def read(weights: str | None, card: ModelCard) -> Pretrained:
    """The checkpoint at ``weights`` (None: the one in the package), with ``card`` completed.

    It holds the tensors of an encoder and, it may be, head.weight ``[6D]`` and head.bias.
    Raises as ``load`` does.
    """
    path = SHIPPED if weights is None else Path(weights)
    if weights is None and not path.is_file():
        raise Unavailable("no checkpoint is in the package", _COMMAND, card)
    import torch

    from baselines.pretraining import checkpoint
    from baselines.pretraining.card import told_by

    from ..state_dict import in_one_line
    from .config import Backbone
    from .encoder import Encoder
    from .recipe import NAME

    tensors, kept = checkpoint.read(path)
    if (recipe := kept.get("recipe")) != NAME:
        raise ValueError(f"checkpoint {path}: of the recipe {recipe!r}, not {NAME}")
    try:
        slide = kept["config"]
        given = {name: tensors.pop(name) for name in _HEAD if name in tensors}
        with torch.random.fork_rng(devices=[]):  # its first weights are drawn, and replaced
            encoder = Encoder(Backbone(**slide["backbone"]), pretrained=False)
        encoder.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
        head = _linear(given, 6 * encoder.dim)
        told = replace(
            told_by(path, kept, card, given=weights is not None),
            trained_degradations=tuple(slide["types"]),
            trained_masks=tuple(slide["shapes"]),
        )
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise ValueError(f"checkpoint {path}: does not fit: {in_one_line(error)}") from None
    return Pretrained(encoder, head, told)


class Features:
    """The frozen encoder."""

    def __init__(self, encoder: Encoder, card: ModelCard, device: str = "cpu") -> None:
        self.encoder = encoder.eval().requires_grad_(False)
        self.card = card
        self.to(device)

    def to(self, device: str) -> Features:
        from ..loading import usable_device

        self.device = usable_device(device)
        self.encoder.to(self.device)
        return self

    def features(self, images: Images) -> torch.Tensor:
        """``float32 [N, 1, 6D]``: class token, mean and standard deviation of the patch tokens.

        First all of them at full size, then at half. Raises ValueError for an image that is no
        larger than a patch.
        """
        import torch

        from .reading import features

        return torch.stack([features(self._tokens(image)) for image in images])[:, None]

    def _tokens(self, image: torch.Tensor) -> Tokens:
        from .reading import two_scales

        return two_scales(self.encoder, image, self.device)


class Scores(Features):
    """The encoder with the linear head of its checkpoint."""

    def __init__(self, encoder: Encoder, card: ModelCard, device: str, head: Linear) -> None:
        super().__init__(encoder, card, device)
        self.head = head

    def score(self, images: Images) -> torch.Tensor:
        """``float64 [N]``, higher is better."""
        import torch

        from .reading import score

        # One by one: a product with a matrix of several rows may round otherwise.
        return torch.stack([score(self._tokens(image), self.head) for image in images])

    def quality_map(self, images: Images) -> list[torch.Tensor]:
        """``float32 [h, w]`` of each image: one value a patch, higher is better."""
        from .reading import quality_map

        return [quality_map(self._tokens(image), self.head) for image in images]


_HEAD = ("head.weight", "head.bias")


def _linear(tensors: Mapping[str, torch.Tensor], width: int) -> Linear | None:
    from .reading import Linear

    if not tensors:
        return None
    weight, bias = (tensors[name].double().flatten() for name in _HEAD)
    if (len(weight), len(bias)) != (width, 1):
        raise ValueError(f"a head of {len(weight)} weights, for {width} features")
    return Linear(weight, float(bias))
