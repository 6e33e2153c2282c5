"""Heads of contrastive pretraining, and the momentum teacher (Chen et al., MoCo v3, ICCV 2021)."""

from __future__ import annotations

import math

import torch
from torch import nn


def mlp(width: int, hidden: int, out: int, layers: int, *, last_norm: bool = True) -> nn.Sequential:
    """``[B, width]`` → ``[B, out]``: linear layers, each but the last with batch norm and ReLU.

    The last one ends in a batch norm without scale and shift, if ``last_norm``. Batch norm
    makes the biases of the layers before it idle, so they have none. MoCo v3's projector has
    3 layers, its predictor 2. Raises ValueError for fewer than 1 layer.
    """
    if layers < 1:
        raise ValueError(f"an MLP of {layers} layers: it must have at least 1")
    widths = [width, *[hidden] * (layers - 1), out]
    parts: list[nn.Module] = []
    for i in range(layers - 1):
        parts += [nn.Linear(widths[i], widths[i + 1], bias=False)]
        parts += [nn.BatchNorm1d(widths[i + 1]), nn.ReLU(inplace=True)]
    parts += [nn.Linear(widths[-2], out, bias=not last_norm)]
    if last_norm:
        parts += [nn.BatchNorm1d(out, affine=False)]
    return nn.Sequential(*parts)


@torch.no_grad()
def ema_update(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """teacher ← momentum × teacher + (1 − momentum) × student, in place, for all parameters.

    Buffers stay the teacher's own: its batch norms see its own batches. Raises ValueError if
    the names of the parameters differ.
    """
    slow, fast = dict(teacher.named_parameters()), dict(student.named_parameters())
    if slow.keys() != fast.keys():
        odd = sorted(slow.keys() ^ fast.keys())[0]
        raise ValueError(f"teacher and student differ in their parameters: {odd}")
    torch._foreach_lerp_(
        list(slow.values()), [fast[name].detach() for name in slow], 1 - momentum
    )  # fmt: skip


def momentum(step: int, steps: int, start: float = 0.99) -> float:
    """Of the teacher after ``step`` (from 0): from ``start`` to 1, which the end would reach.

    1 − (1 − start)(1 + cos(π step / steps)) / 2 (Grill et al., BYOL, NeurIPS 2020).
    """
    return 1 - (1 - start) * (1 + math.cos(math.pi * step / steps)) / 2
