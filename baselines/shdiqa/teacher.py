"""The degradation teacher: a ViT that tells, block by block, which damage was done and how much."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..finetuning.objective import Crops, Tick
from ..pretraining.schedule import parameter_groups
from .blockwise import Plan, damaged, draw
from .config import ShdiqaConfig
from .filtering import BlockTokens
from .partitions import Blocks


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


def teach(
    teacher: Teacher,
    crops: Crops,
    blocks: Blocks,
    generator: torch.Generator,
    tick: Tick,
) -> None:
    """Train ``teacher`` on damage of undamaged crops, and freeze it; no label is read.

    ``crops(n)`` gives ``float32 [n, 3, S, S]`` in [0, 1], on the teacher's device, as ``blocks``
    are; ``generator``, on the CPU, draws the damage; ``tick(n)`` tells that n crops more were used.
    """
    config = teacher.config
    plan = config.teacher
    teacher.requires_grad_(True).train()
    groups = parameter_groups(teacher, plan.weight_decay)
    optimizer = torch.optim.AdamW(groups, lr=plan.lr)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, plan.share)
    for _ in range(plan.steps):
        damage = draw(plan.batch, config, generator)
        images = damaged(crops(plan.batch), damage, blocks.pixels, config)
        loss, _ = teacher.loss(teacher(images, blocks.patches), damage)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        tick(plan.batch)
    teacher.zero_grad(set_to_none=True)
    teacher.requires_grad_(False)
