"""What pretraining trains: the perceptual encoder, its heads, and their momentum teacher."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from baselines.pretraining.heads import ema_update, mlp

from .config import SlideConfig
from .encoder import Encoder, pooled


class Slide(nn.Module):
    """A student with projector and predictor beside a teacher with a projector (MoCo v3).

    Encoders take views ``float [B, 3, S, S]`` in [0, 1] to ``[B, 2D]``; heads take these, of a
    whole batch, to queries and keys ``[B, embedding]``. The teacher has no gradients.
    Raises Unavailable where published weights are asked for and are not on this machine,
    ValueError for patches that are frozen as they were drawn, and as ``Encoder`` does.
    """

    def __init__(self, config: SlideConfig) -> None:
        super().__init__()
        if config.freeze_patches and config.backbone.timm is None:
            raise ValueError("freeze_patches keeps published weights; this backbone has none")
        self.encoder = Encoder(config.backbone)
        if config.freeze_patches:
            self.encoder.vit.patch_embed.requires_grad_(False)
        hidden, out = config.projector_hidden, config.embedding
        self.projector = mlp(2 * self.encoder.dim, hidden, out, 3)
        self.predictor = mlp(out, hidden, out, 2)
        self.teacher_encoder = deepcopy(self.encoder).requires_grad_(False)
        self.teacher_projector = deepcopy(self.projector).requires_grad_(False)

    def encoded(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What student and teacher make of the views, ``[B, 2D]`` each."""
        channels = self.encoder.channels(images)
        with torch.no_grad():
            taught = pooled(self.teacher_encoder.tokens(channels))
        return pooled(self.encoder.tokens(channels)), taught

    def heads(self, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
        """Queries and keys of a whole batch."""
        with torch.no_grad():
            keys = self.teacher_projector(teacher)
        return self.predictor(self.projector(student)), keys

    def update_teacher(self, momentum: float) -> None:
        ema_update(self.teacher_encoder, self.encoder, momentum)
        ema_update(self.teacher_projector, self.projector, momentum)
