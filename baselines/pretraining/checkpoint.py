"""Checkpoints: tensors with the configuration they came from, in one safetensors file."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.atomic import write_atomic
from harness.canonical import canonical_json

from ..state_dict import in_one_line, opening

if TYPE_CHECKING:
    from torch import Tensor

_CONFIG = "config"  # in the metadata of the file: canonical JSON


def write(
    path: Path,
    tensors: Mapping[str, Tensor],
    config: Mapping[str, Any],
    *,
    half: Collection[str] = (),
) -> None:
    """Write ``tensors`` and ``config``, whole or not at all; floats named in ``half`` as float16.

    The folder is made if it is not there. Raises ValueError for a ``path`` that is one, for a
    value that float16 cannot hold and for what JSON has no form for.
    """
    import torch
    from safetensors.torch import save

    if path.is_dir():
        raise ValueError(f"{path}: a folder; name a file")
    kept = {}
    for name, tensor in tensors.items():
        # A copy, since tensors that share memory are refused.
        value = tensor.detach().cpu().contiguous().clone()
        if name in half and value.is_floating_point():
            value = value.to(torch.float16)
            if not value.isfinite().all():
                raise ValueError(f"{name} holds a value that half precision cannot")
        kept[name] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, save(kept, metadata={_CONFIG: canonical_json(config)}))


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors by name, as stored, on the CPU, and the configuration.

    Raises ValueError, in one line, for a file that cannot be read or was not written here.
    """
    from safetensors import safe_open

    try:
        opening(path)
    except ValueError as error:
        raise ValueError(f"checkpoint {path}: {error}") from None
    try:
        with safe_open(path, framework="pt") as file:
            config = json.loads((file.metadata() or {})[_CONFIG])
            if not isinstance(config, dict):
                raise KeyError(_CONFIG)
            return {name: file.get_tensor(name) for name in file.keys()}, config  # noqa: SIM118
    except KeyError:
        raise ValueError(f"checkpoint {path}: no configuration in it: not one of ours") from None
    except Exception as error:
        raise ValueError(f"checkpoint {path}: cannot be read: {in_one_line(error)}") from None
