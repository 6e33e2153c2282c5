"""The perceptual branch: a ViT of timm that reads RGB and, if asked, normalized luminance."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from timm.data import resolve_model_data_config
from timm.layers import HybridEmbed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from ..loading import only_what_is_here
from ..mscn import CHANNELS, GAIN, mscn_channels
from ..standardized import convolution
from ..timm_encoder import create

if TYPE_CHECKING:
    from .config import Backbone

# A stem of four convolutions halves the sides four times.
_CONV_STRIDE = 16


class Encoder(nn.Module):
    """``float [B, 3, H, W]`` in [0, 1], sides multiples of ``patch`` → tokens ``[B, 1 + N, D]``.

    The class token comes first, then N = H/patch · W/patch patch tokens, row by row. Images of
    another size than ``image_size`` are read with resampled position embeddings.

    ``pretrained`` asks for the published weights of a ViT of timm; else, as where there are none,
    weights are drawn. Raises Unavailable where they are not on this machine, ValueError for a
    stem that does not go with the rest, and for a network that is no such ViT.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: Backbone, *, pretrained: bool = True) -> None:
        super().__init__()
        self.config, self.mscn, self.patch = config, config.mscn, config.patch
        self.vit = _of_timm(config, pretrained) if config.timm else _from_scratch(config)
        self.dim = self.vit.num_features
        # Of ImageNet, or whatever the published weights were trained with.
        normalization = resolve_model_data_config(self.vit)
        for name in ("mean", "std"):
            values = torch.tensor(normalization[name]).view(1, 3, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.tokens(self.channels(images))

    def channels(self, images: Tensor) -> Tensor:
        """What the ViT reads: normalized RGB and, if asked, MSCN, ``[B, 3 or 7, H, W]``."""
        channels = (images - self.mean) / self.std
        if self.mscn:
            channels = torch.cat([channels, GAIN * mscn_channels(images)], 1)
        # Convolutions on a CPU are twice as fast so.
        return channels.contiguous(memory_format=torch.channels_last)

    def tokens(self, channels: Tensor) -> Tensor:
        return self.vit.forward_features(channels)


def pooled(tokens: Tensor) -> Tensor:
    """[class token ; mean of the patch tokens] of ``[B, 1 + N, D]``: ``[B, 2D]``."""
    return torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], 1)


def _from_scratch(config: Backbone) -> VisionTransformer:
    channels = 3 + CHANNELS * config.mscn
    shape = partial(
        VisionTransformer,
        img_size=config.image_size,
        in_chans=channels,
        embed_dim=config.width,
        depth=config.depth,
        num_heads=config.heads,
        num_classes=0,
        dynamic_img_size=True,
    )
    if config.stem == "patch":
        return shape(patch_size=config.patch)
    if config.patch != _CONV_STRIDE:
        raise ValueError(f"a convolutional stem has patches of 16 pixels, not {config.patch}")
    stem = _stem(channels, config.width)
    return shape(patch_size=1, embed_layer=partial(HybridEmbed, backbone=stem, proj=False))


def _stem(channels: int, width: int) -> nn.Sequential:
    """Four convolutions of stride 2 (Xiao et al., Early Convolutions, NeurIPS 2021)."""
    widths = (channels, width // 4, width // 2, width, width)
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [convolution(before, after, stride=2), nn.GELU()]
    return nn.Sequential(*layers[:-1])


def _of_timm(config: Backbone, pretrained: bool) -> VisionTransformer:
    """The ViT that ``config`` names: plain RGB and its own patches."""
    model = f"timm:{config.timm}"
    if config.mscn or config.stem != "patch":
        raise ValueError(f"{model} has a stem of its own: stem must be patch, and mscn off")
    command = f"python -c \"import timm; timm.create_model('{config.timm}', pretrained=True)\""
    with only_what_is_here(model, command):
        vit = create(str(config.timm), pretrained=pretrained)
    if not isinstance(vit, VisionTransformer) or vit.cls_token is None or vit.num_reg_tokens:
        raise ValueError(f"{model} is no plain ViT with one class token before its patches")
    if (side := max(vit.patch_embed.patch_size)) != config.patch:
        raise ValueError(f"{model} has patches of {side} pixels, not {config.patch}")
    return vit
