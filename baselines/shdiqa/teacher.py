"""The degradation teacher: a ViT that tells, block by block, which damage was done and how much."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blockwise import Plan
from .config import ShdiqaConfig
from .filtering import BlockTokens


class Teacher(nn.Module):
    """An encoder (images → tokens ``[B, 1 + P, D]``) with block tokens; frozen until it is taught.

    A type is told by the cosine of a block's token to a prototype of the type, at the temperature
    of the contrast: cosines are what the student is then compared by. A level is told linearly.
    """

    def __init__(self, encoder: nn.Module, dim: int, config: ShdiqaConfig) -> None:
        super().__init__()
        self.encoder = encoder
        self.blocks = BlockTokens(dim, config)
        self.prototypes = nn.Parameter(torch.randn(len(config.types), dim))
        self.levels = nn.Linear(dim, len(config.levels))
        self.config = config
        self.requires_grad_(False)

    def forward(self, images: Tensor, patches: Tensor) -> Tensor:
        """Block tokens ``[B, K, D]`` of images under the mask matrix ``bool [K, P]``."""
        return self.blocks(self.encoder(images), patches)

    def loss(self, tokens: Tensor, plan: Plan) -> tuple[Tensor, Tensor]:
        """Cross-entropy of types and levels of block tokens, and the share of types told right."""
        flat, device = tokens.flatten(0, 1), tokens.device
        types, levels = (t.flatten().to(device) for t in (plan.types, plan.levels))
        logits = F.normalize(flat) @ F.normalize(self.prototypes).mT / self.config.temperature
        of_levels = F.cross_entropy(self.levels(flat), levels)
        total = F.cross_entropy(logits, types) + self.config.teacher.level_weight * of_levels
        return total, (logits.argmax(1) == types).float().mean()
