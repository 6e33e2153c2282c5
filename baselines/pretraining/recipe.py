"""What a recipe is: everything about a pretraining that the loop does not know."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, get_args

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from .photos import Photos

    Gather = Callable[[Tensor], Tensor]

Config = TypeVar("Config")
Precision = Literal["32-true", "bf16-mixed"]


@dataclass(frozen=True)
class Optimization:
    """AdamW under a cosine schedule with warm-up. Raises ValueError for what cannot be run.

    ``lr`` is that of a batch of 256 and grows with the batch; ``warmup`` is a share of the
    steps. ``batch`` is of all processes together. ``grad_clip`` limits the norm of the whole
    gradient. A row of the log is the mean of ``log_every`` steps.
    """

    steps: int
    batch: int
    lr: float = 1.5e-4
    weight_decay: float = 0.1
    warmup: float = 0.1
    seed: int = 0
    precision: Precision = "32-true"
    log_every: int = 10
    save_every: int = 500
    grad_clip: float | None = None

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("lr", "grad_clip"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value}; it must be above 0")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay is {self.weight_decay}; it must not be below 0")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup is {self.warmup}; it is a share of the steps, 0 to below 1")
        if self.precision not in get_args(Precision):
            known = " or ".join(get_args(Precision))
            raise ValueError(f"precision is {self.precision!r}; it must be {known}")


def of_preset(presets: Mapping[str, Config], preset: str, recipe: str) -> Config:
    """The settings of that name. Raises ValueError for an unknown one, with the closest names."""
    if preset not in presets:
        close = ", ".join(get_close_matches(preset, presets, n=len(presets), cutoff=0))
        raise ValueError(f"{recipe} has no preset {preset!r}; closest first: {close}")
    return presets[preset]


class Recipe(Protocol):
    """A pretraining. An entry point of the group ``iqa_eval.recipes`` names its maker:

    ``make(preset: str, overrides: Mapping[str, Any]) -> Recipe``, where ``overrides`` holds
    those of steps, batch, seed and precision that were given. The maker of one that begins with
    a checkpoint has a third parameter, ``start: Path | None = None``. For several processes, and
    for workers, the recipe must be picklable.
    """

    @property
    def name(self) -> str:
        """What the command calls it, e.g. "slide-iqa"."""

    @property
    def optimization(self) -> Optimization: ...

    @property
    def config(self) -> Mapping[str, Any]:
        """All settings, as JSON takes them; a run goes on only with those that it began with."""

    def build(self) -> nn.Module:
        """Everything that has state: student, momentum teacher, heads; on the CPU.

        Its first weights depend on torch's global seed alone. Parameters that require a
        gradient are trained. It is put in training mode, the teacher too.
        """

    @property
    def multiple(self) -> int:
        """What the number of samples of a process at each step is a multiple of."""

    def drawn(self, photos: Photos, n: int, step: int, generator: torch.Generator) -> Any:
        """What the ``n`` samples of this process at ``step``, which counts from 0, are made of.

        It is the work of the CPU, and may run in another process: what it gives is pickled, so
        the smaller the better, pixels as ``uint8`` arrays of NumPy. All draws follow from
        ``generator``, of the CPU, and from no torch, NumPy or Python global.
        """

    def batch(self, drawn: Any, device: str) -> Any:
        """The samples that are made of ``drawn`` on ``device``, where their damage is done.

        A generator on the device has a drawn seed: it may run while the step before trains.
        """

    def loss(
        self, model: nn.Module, batch: Any, gather: Gather
    ) -> tuple[Tensor, Mapping[str, float | Tensor]]:
        """The loss of the *whole* batch, a scalar, and finite numbers to log, always the same ones.

        ``gather`` joins a tensor ``[n, …]`` of all processes to ``[n × processes, …]``, in their
        order, with gradient. What has batch norm, the heads, comes after it, so that the loss
        is alike in every process; what comes before it is the process's own. Numbers that are
        left as tensors on the device save waiting for it. Dropout must stay before ``gather``:
        every process draws its own.
        """

    def after_step(self, model: nn.Module, step: int) -> None:
        """The update of the momentum teacher after ``step``, which counts from 0."""

    def exported(self, model: nn.Module) -> dict[str, Tensor]:
        """What the checkpoint holds."""
