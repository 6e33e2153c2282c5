"""The student: a ViT, one transformer decoder layer that asks its tokens, and a linear regressor.

The shape of DEIQT (G. Qin et al., AAAI 2023), from which SHDIQA takes it. Its panel of queries are
learned vectors, each added to the class token; the score is the mean of what they find.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from ..slide_iqa.config import Backbone
from ..slide_iqa.encoder import Encoder
from ..timm_encoder import create, patch_side


class Student(nn.Module):
    """``float [B, 3, H, W]`` in [0, 1], sides multiples of ``patch`` → scores ``[B]``.

    ``encoder`` normalizes; it has ``dim`` = D channels. First weights of all that comes after it
    are drawn from torch's global generator.
    """

    def __init__(self, encoder: Encoder, queries: int = 6, ffn: int = 2048) -> None:
        super().__init__()
        self.encoder, self.dim, self.patch = encoder, encoder.dim, encoder.patch
        self.query_tokens = nn.Parameter(torch.empty(1, queries, self.dim))
        nn.init.trunc_normal_(self.query_tokens, std=0.02)
        self.decoder = nn.TransformerDecoderLayer(
            self.dim,
            encoder.vit.blocks[0].attn.num_heads,
            ffn,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.norm = nn.LayerNorm(self.dim)
        self.regressor = nn.Linear(self.dim, 1)
        self.config = {"backbone": asdict(encoder.config), "queries": queries, "ffn": ffn}

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Student:
        """One of the shape that another's ``config`` tells, with weights that are drawn."""
        encoder = Encoder(Backbone(**config["backbone"]), pretrained=False)
        return cls(encoder, config["queries"], config["ffn"])

    def forward(self, images: Tensor) -> Tensor:
        return self.scores(self.tokens(images))

    def tokens(self, images: Tensor) -> Tensor:
        """``[B, 1 + N, D]``: the class token, then the patches of the grid, row by row."""
        return self.encoder(images)

    def scores(self, tokens: Tensor) -> Tensor:
        """Of ``tokens``, ``[B]``."""
        found = self.norm(self.decoder(tokens[:, :1] + self.query_tokens, tokens))
        return self.regressor(found).squeeze(2).mean(1)


def backbone_of_timm(name: str, crop: int) -> Backbone:
    """What an ``Encoder`` needs to be the plain ViT called ``name`` in timm.

    Raises ValueError for a network that has no patches, and as ``create`` does.
    """
    with torch.device("meta"):
        vit = create(name, pretrained=False)
    if not isinstance(vit, VisionTransformer):
        raise ValueError(f"timm:{name} is no plain ViT with one class token before its patches")
    return replace(
        Backbone("patch", mscn=False, image_size=crop, patch=patch_side(vit), timm=name),
        width=vit.embed_dim,
        depth=len(vit.blocks),
        heads=vit.blocks[0].attn.num_heads,
    )
