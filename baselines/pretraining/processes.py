"""Several processes that train as one: what they exchange.

The loss is of the whole batch and alike in every process. The backward pass of a gather adds
up what all of them ask of a sample, which is the same: ``processes`` times the gradient. The
mean over processes takes that factor out again, and leaves that of the heads, which are alike
everywhere, as it is. So every process has the gradient of one that sees the whole batch.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ..loading import usable_device
from .recipe import Optimization

# Here, because every spawned process needs it before Fabric begins to speak.
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
warnings.filterwarnings("ignore", message=r"torch\.distributed\.nn\.functional\.all_gather")

if TYPE_CHECKING:
    from .recipe import Gather


def start_fabric(plan: Optimization, device: str, processes: int) -> Fabric:
    """Fabric for one machine. Raises ValueError for a device or a number that is not here.

    ``device`` is "auto" (cuda where there is one, else cpu) or as torch names it. Processes
    are spawned, since neither CUDA nor a pool of threads outlives a fork.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    found = usable_device(device)
    if found.type == "cuda":
        here = torch.cuda.device_count()
        if processes > here:
            raise ValueError(f"{processes} processes need as many GPUs; there are {here} here")
        if processes > 1 and ":" in device:
            raise ValueError(f"{processes} processes on {device}: name the device cuda")
    which = [found.index or 0] if found.type == "cuda" and processes == 1 else processes
    return Fabric(
        accelerator=found.type,
        devices=which,
        strategy="ddp_spawn" if processes > 1 else "auto",
        precision=plan.precision,
    )


def gathering(fabric: Fabric) -> Gather:
    """``[n, …]`` of every process → ``[n × processes, …]``, in their order, with gradient."""
    return partial(_gather, fabric) if fabric.world_size > 1 else lambda tensor: tensor


def _gather(fabric: Fabric, tensor: Tensor) -> Tensor:
    joined = fabric.all_gather(tensor, sync_grads=tensor.requires_grad)
    assert isinstance(joined, Tensor)
    return joined.flatten(0, 1)


def average_gradients(fabric: Fabric, parameters: Iterable[nn.Parameter]) -> None:
    """Replace the gradients by their means over processes.

    Fabric's DDP would do the same, but only for the forward pass of one module in which every
    parameter takes part; a recipe's loss is free to use parts, as often as it likes.
    """
    if fabric.world_size == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    joined = fabric.all_reduce(torch.cat([g.flatten() for g in gradients]), reduce_op="mean")
    assert isinstance(joined, Tensor)
    parts = joined.split([g.numel() for g in gradients])
    for gradient, mean in zip(gradients, parts, strict=True):
        gradient.copy_(mean.view_as(gradient))


def in_any(fabric: Fabric, flag: bool) -> bool:
    """Whether ``flag`` is set in any process."""
    if fabric.world_size == 1:
        return flag
    total = fabric.all_reduce(torch.tensor(float(flag), device=fabric.device), reduce_op="sum")
    return bool(total)
