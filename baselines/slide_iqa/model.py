"""What pretraining trains: the perceptual encoder, its heads, and a momentum teacher if asked."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from baselines.pretraining.heads import ema_update, mlp

from .config import SlideConfig
from .encoder import Encoder, pooled


class Slide(nn.Module):
    """A student with projector and predictor beside a teacher with a projector (MoCo v3); or,
    without ``momentum``, one encoder and projector that make queries and keys alike (SimCLR).

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
        self.taught = config.momentum is not None
        if self.taught:
            self.predictor = mlp(out, hidden, out, 2)
            self.teacher_encoder = deepcopy(self.encoder).requires_grad_(False)
            self.teacher_projector = deepcopy(self.projector).requires_grad_(False)

    def encoded(self, images: Tensor) -> list[Tensor]:
        """What the student, and the teacher if there is one, make of the views, ``[B, 2D]``."""
        channels = self.encoder.channels(images)
        found = [pooled(self.encoder.tokens(channels))]
        if self.taught:
            with torch.no_grad():
                found.append(pooled(self.teacher_encoder.tokens(channels)))
        return found

    def heads(self, student: Tensor, teacher: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Queries and keys of a whole batch."""
        projected = self.projector(student)
        if teacher is None:
            return projected, projected
        with torch.no_grad():
            keys = self.teacher_projector(teacher)
        return self.predictor(projected), keys

    def update_teacher(self, momentum: float) -> None:
        ema_update(self.teacher_encoder, self.encoder, momentum)
        ema_update(self.teacher_projector, self.projector, momentum)
