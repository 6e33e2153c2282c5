"""How the learning rate runs, and on which parameters weight decay acts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .recipe import Optimization

if TYPE_CHECKING:
    from torch import nn


def learning_rate(step: int, plan: Optimization) -> float:
    """Of ``step`` (from 0): linear to lr × batch / 256 in the warm-up, then a cosine to 0."""
    peak = plan.lr * plan.batch / 256
    warm = round(plan.warmup * plan.steps)
    if step < warm:
        return peak * (step + 1) / warm
    return peak * (1 + math.cos(math.pi * (step - warm) / (plan.steps - warm))) / 2


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """What is trained, for AdamW: no decay of norms, biases, tokens and position embeddings.

    The gains of standardized convolutions decay, as weights do.
    """
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            free = parameter.ndim <= 1 or name.endswith(("_token", "_tokens", "pos_embed"))
            (plain if free else decayed).append(parameter)
    groups = ((decayed, weight_decay), (plain, 0.0))
    return [{"params": found, "weight_decay": decay} for found, decay in groups if found]
