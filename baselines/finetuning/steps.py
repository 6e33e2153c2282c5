"""What a step of any training here is: by AdamW, with its numbers kept for a curve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ..pretraining.schedule import parameter_groups

Numbers = Mapping[str, Tensor]


class Diverged(ValueError):
    """A training whose numbers are not finite any more."""


def adamw(module: nn.Module, weight_decay: float) -> torch.optim.AdamW:
    """Of the parameters that require a gradient; the rate comes with each step."""
    return torch.optim.AdamW(parameter_groups(module, weight_decay))


def step(optimizer: torch.optim.Optimizer, lr: float, loss: Tensor, numbers: Numbers) -> Numbers:
    """Go down the gradient of ``loss``; what the curve is to know of the step, scalars."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"loss": loss.detach(), **{name: found.detach() for name, found in numbers.items()}}


def means(rows: Sequence[Numbers], where: str, rate: str = "lr") -> dict[str, float]:
    """Over the steps of ``rows``. Raises Diverged, in one line, if one is not finite.

    ``rate`` is the option that the steps have their learning rate from.
    """
    found = {name: float(torch.stack([row[name] for row in rows]).mean()) for name in rows[0]}
    for name, value in found.items():
        if not math.isfinite(value):
            raise Diverged(f"{name} is {value} in {where}: try a lower {rate}")
    return found
