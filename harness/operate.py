"""Call one operation of an adapter and hold it to the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from .model import MAP_OPERATIONS
from .reducers import REDUCERS
from .sample import Sample


class ContractError(TypeError):
    """The adapter returned something that the contract does not allow."""


def operate(
    model: Any,
    operation: str,
    reducer: str | None,
    *images: list[torch.Tensor],
    samples: Sequence[Sample],
) -> torch.Tensor:
    """Run ``operation`` on images (and references); one row of the result a sample.

    Returns ``float32 [N, V, D]`` of features, ``float64 [N]`` of scores, or ``float64
    [N, C·K]`` of a reducer's statistics. Raises ContractError where an adapter breaks its
    word, and whatever the adapter raises.
    """
    # Other models see the same tensors: a change would be theirs, too.
    before = [image._version for group in images for image in group]
    with torch.inference_mode():
        result = getattr(model, operation)(*images)
    if [image._version for group in images for image in group] != before:
        raise ContractError(f"{operation} changes the images that it is given")
    n = len(samples)
    if operation in MAP_OPERATIONS:
        return _reduce(model, operation, reducer, result, samples)
    wanted = (torch.float32, 3) if operation == "features" else (torch.float64, 1)
    if not isinstance(result, torch.Tensor):
        raise ContractError(f"{operation} returned a {type(result).__name__}, not a tensor")
    if (result.dtype, result.ndim) != wanted or len(result) != n:
        raise ContractError(
            f"{operation} returned {_describe(result)} for {n} images; "
            f"the contract asks for {wanted[0]} with {wanted[1]} dimensions and {n} rows"
        )
    return result.detach().cpu()


def _reduce(
    model: Any, operation: str, reducer: str | None, maps: Any, samples: Sequence[Sample]
) -> torch.Tensor:
    dimensions = 2 if operation == "quality_map" else 3
    if len(maps) != len(samples):
        raise ContractError(f"{operation} returned {len(maps)} maps for {len(samples)} images")
    rows = []
    for values, sample in zip(maps, samples, strict=True):
        if values.dtype != torch.float32 or values.ndim != dimensions:
            raise ContractError(
                f"{operation} returned {_describe(values)}; "
                f"the contract asks for torch.float32 with {dimensions} dimensions"
            )
        channels = values.detach().cpu().numpy().reshape(-1, *values.shape[-2:])
        if dimensions == 3 and len(channels) != len(model.card.map_channels):
            raise ContractError(
                f"{operation} returned {len(channels)} channels; "
                f"the card names {len(model.card.map_channels)}"
            )
        statistics = REDUCERS[reducer or ""].of(channels, sample)
        rows.append(np.asarray(statistics, np.float64).ravel())
    return torch.from_numpy(np.stack(rows))


def _describe(tensor: torch.Tensor) -> str:
    return f"{tensor.dtype} {list(tensor.shape)}"
