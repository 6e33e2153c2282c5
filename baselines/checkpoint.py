"""The ResNet-50 in the checkpoints of CONTRIQUE, Re-IQA and ARNIQA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from .state_dict import few, read_state_dict

if TYPE_CHECKING:
    import torch

_HEADS = ("projector.", "head.")


@dataclass(frozen=True)
class Layout:
    """How a model's checkpoint names the tensors of its ResNet-50.

    They lie under one of ``prefixes``; with ``sequential`` a layer is named by its position in
    an nn.Sequential (0 conv1, 1 bn1, 4 layer1 … 7 layer4), else as in torchvision. Where there
    is a projection head, ``fingerprint`` is the name of a tensor that no other model's has.
    """

    model: str
    prefixes: tuple[str, ...]
    sequential: bool
    fingerprint: str


CONTRIQUE = Layout("contrique", ("encoder.",), True, "projector.3.weight")
REIQA = Layout("reiqa", ("encoder.",), False, "head.2.weight")
ARNIQA = Layout("arniqa", ("model.", "encoder."), True, "projector.2.weight")


def resnet50_state(path: Path, layout: Layout) -> dict[str, torch.Tensor]:
    """The 318 tensors of a torchvision ResNet-50 without fc, by torchvision's names.

    float32 (counters int64, 0 where the file has none), of the right shapes, all finite; what
    is outside the encoder is left out. Raises ValueError, in one line, for a file that cannot
    be read, is of another model, or has a tensor missing, unknown or of another shape.
    """
    state = read_state_dict(path)
    try:
        return _resnet50(state, layout)
    except ValueError as error:
        raise ValueError(f"weights {path}: not a checkpoint of {layout.model}: {error}") from None


def _resnet50(state: Mapping[str, torch.Tensor], layout: Layout) -> dict[str, torch.Tensor]:
    import torch

    prefix = _prefix(state, layout)
    if prefix is None:
        fits = [o.model for o in (CONTRIQUE, REIQA, ARNIQA) if _prefix(state, o) is not None]
        raise ValueError(
            f"it is one of {' or '.join(fits)}" if fits else f"its tensors are {few([*state])}"
        )
    names = _names(prefix, layout.sequential)
    found = {key: state[key] for key in names if key in state}
    faults = {
        "missing": [key for key in names if key not in found and not _counts(key)],
        "unknown": [key for key in state if key.startswith(prefix) and key not in names],
        "of another shape": [key for key in found if found[key].shape != names[key][1]],
        "not floats": [key for key in found if not (_counts(key) or _is_float(found[key]))],
    }
    for fault, keys in faults.items():
        if keys:
            raise ValueError(f"{fault}: {few(keys)}")
    result = {}
    for key, (name, _) in names.items():
        value = state[key].detach() if key in found else torch.tensor(0)
        if not _counts(key):
            value = value.to(torch.float32)
        if not torch.isfinite(value).all():
            raise ValueError(f"not finite: {few([key])}")
        if name.endswith(".running_var") and (value < 0).any():
            raise ValueError(f"a variance below 0: {few([key])}")
        result[name] = value.to(torch.int64) if _counts(key) else value
    return result


def _prefix(state: Mapping[str, torch.Tensor], layout: Layout) -> str | None:
    """Under which of its prefixes ``layout`` finds its names, unless the head is another's."""
    if any(key.startswith(_HEADS) for key in state) and layout.fingerprint not in state:
        return None
    for prefix in layout.prefixes:
        if not _names(prefix, layout.sequential).keys().isdisjoint(state):
            return prefix
    return None


@cache
def _names(prefix: str, sequential: bool) -> Mapping[str, tuple[str, torch.Size]]:
    """torchvision's name and the shape of each tensor, by its name in the file."""
    import torch
    from torchvision.models import resnet50

    with torch.device("meta"):
        net = resnet50()
    layers = [name for name, _ in net.named_children()]
    names = {}
    for name, value in net.state_dict().items():
        layer, _, rest = name.partition(".")
        if layer != "fc":
            first = layers.index(layer) if sequential else layer
            names[f"{prefix}{first}.{rest}"] = (name, value.shape)
    return names


def _counts(name: str) -> bool:
    return name.endswith(".num_batches_tracked")


def _is_float(value: torch.Tensor) -> bool:
    import torch

    return value.dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64)
