"""What a model's operation computes: its parameters, and its multiply-accumulates (MACs).

Two conventions are in use, and differ by a few percent for transformers:

- *by modules*, as in most published tables: the products of convolution and linear layers,
  and the four projections of ``nn.MultiheadAttention``, wherever they are called as modules;
- *in full*: every matrix product and convolution that torch runs, those between queries, keys
  and values of attention among them.

Neither counts biases, normalization, activations, pooling, resizing, or arithmetic outside
torch. One MAC is two floating-point operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from types import MethodType, ModuleType
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Counts:
    """Of one model at one size of image; the same on every machine. MACs are those of one call."""

    parameters: int
    macs_modules: int
    macs_full: int


def count(model: Any, call: Callable[[], object]) -> Counts:
    """Run ``call``, an operation of ``model``, once under both counters.

    Parameters are those of every ``nn.Module`` that is reachable from the attributes of
    ``model``, used in the operation or not, each once. A network that is made when it is first
    needed must have been made before.
    """
    found = list(modules_of(model))
    sizes = {id(p): p.numel() for module in found for p in module.parameters(recurse=False)}
    with (
        _plain_attention(),
        _counted(found) as by_modules,
        FlopCounterMode(display=False) as full,
    ):
        call()
    return Counts(sum(sizes.values()), sum(by_modules), full.get_total_flops() // 2)


def modules_of(model: Any) -> Iterator[nn.Module]:
    """Every ``nn.Module`` that attributes and containers of ``model`` lead to, each once.

    Those that a module keeps in a plain list, hidden from its parameters, are among them.
    """
    seen: set[int] = set()
    waiting = [model]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type | ModuleType | torch.Tensor):
            continue
        seen.add(id(thing))
        if isinstance(thing, nn.Module):
            yield thing
            waiting += thing.children()
        if isinstance(thing, dict):
            waiting += thing.values()
        elif isinstance(thing, list | tuple | set | frozenset):
            waiting += thing
        elif isinstance(thing, MethodType):
            waiting.append(thing.__self__)
        elif isinstance(thing, partial):
            waiting += (thing.func, thing.args, thing.keywords)
        else:
            waiting += getattr(thing, "__dict__", {}).values()


@contextmanager
def _counted(modules: list[nn.Module]) -> Iterator[list[int]]:
    """The MACs of each call of a linear or convolution layer inside, as a list that grows."""
    found: list[int] = []

    def hook(module: nn.Module, inputs: Any, named: dict[str, Any], output: Any) -> None:
        found.append(_macs(module, inputs, named, output))

    with ExitStack() as stack:
        for module in modules:
            if isinstance(module, nn.Linear | _ConvNd | nn.MultiheadAttention):
                handle = module.register_forward_hook(hook, with_kwargs=True)
                stack.callback(handle.remove)
        yield found


def _macs(module: Any, inputs: Any, named: dict[str, Any], output: Any) -> int:
    if isinstance(module, nn.MultiheadAttention):
        query, key, value = (
            inputs[i] if i < len(inputs) else named[name]
            for i, name in enumerate(("query", "key", "value"))
        )
        width = module.embed_dim
        projections = (query, width), (key, module.kdim), (value, module.vdim), (query, width)
        return sum(x.numel() // x.shape[-1] * inside * width for x, inside in projections)
    if isinstance(module, nn.Linear):
        return output.numel() * module.in_features
    kernel = prod(module.kernel_size)
    if isinstance(module, _ConvTransposeNd):
        (source,) = inputs[:1] or (named["input"],)
        return source.numel() * module.out_channels // module.groups * kernel
    return output.numel() * module.in_channels // module.groups * kernel


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Attention as the matrix products that it is: fused kernels would hide them."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
