"""How a student is fitted: the schedule, the crops, and what is tried."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from ..loading import closest, refuse
from .options import with_options


@dataclass(frozen=True)
class FitConfig:
    """AdamW in epochs; raises ValueError, in one line, for what cannot be run.

    The defaults are SHDIQA's, as far as they are known, and DEIQT's, whose student it shares; ours
    are ``shorter_side``, the rule of ``test_crops`` and that decay is counted from the end of the
    warm-up, without which the peak would never be reached.
    """

    epochs: int = 9
    batch: int = 16  # crops
    lr: float = 2e-4
    weight_decay: float = 0.05
    warmup_epochs: int = 3  # linear, step by step
    decay_every: int = 3  # epochs, from the end of the warm-up
    decay: float = 0.1
    # Each a fit of its own instead of ``lr``; the best on the validation part is kept.
    lr_search: tuple[float, ...] = ()
    crop: int = 224  # side in pixels
    crops_per_image: int = 10  # at random places, anew in each epoch
    flips: bool = True  # half of them are mirrored
    # Images are shrunk to this side if they are larger, and enlarged to a crop if they are smaller.
    shorter_side: int = 512
    # At most, on the grid of least steps; their predictions are averaged.
    test_crops: int = 10
    # Of the student's decoder layer.
    queries: int = 6
    ffn: int = 2048

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "decay_every", "crops_per_image", "test_crops"):
            _require(getattr(self, name) >= 1, f"{name} must be at least 1")
        for name in ("crop", "queries", "ffn"):
            _require(getattr(self, name) >= 1, f"{name} must be at least 1")
        for rate in (self.lr, self.decay, *self.lr_search):
            _require(0 < rate < math.inf, "lr, decay and those of lr_search must be above 0")
        _require(0 <= self.weight_decay < math.inf, "weight_decay must not be below 0")
        _require(
            0 <= self.warmup_epochs < self.epochs,
            f"warmup_epochs must be 0 to below the {self.epochs} epochs, not {self.warmup_epochs}: "
            f"give warmup_epochs={max(0, self.epochs - 1)} or less",
        )
        _require(
            self.shorter_side >= self.crop,
            f"shorter_side must be at least the crop, {self.crop}, not {self.shorter_side}",
        )
        _require(
            len(set(self.lr_search)) == len(self.lr_search), "those of lr_search must be distinct"
        )

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rates that are tried."""
        return self.lr_search or (self.lr,)


@dataclass(frozen=True)
class TeacherPlan:
    """How a teacher is trained before the epochs, by AdamW; ValueError for what cannot be run.

    The rate rises linearly to ``lr`` over the share ``warmup`` of the ``steps``, then falls to 0 on
    a cosine.
    """

    steps: int
    batch: int = 32  # crops
    lr: float = 2e-4
    weight_decay: float = 0.05
    warmup: float = 0.1

    def __post_init__(self) -> None:
        for met, what in (
            (self.steps >= 1, "steps must be at least 1"),
            (self.batch >= 1, "batch must be at least 1"),
            (0 < self.lr < math.inf, "lr must be above 0"),
            (0 <= self.weight_decay < math.inf, "weight_decay must not be below 0"),
            (0 <= self.warmup < 1, "warmup must be a share of the steps, 0 to below 1"),
        ):
            _require(met, f"{what} (teacher)")

    def rate(self, step: int) -> float:
        """The learning rate of ``step``, which counts from 0."""
        warm = min(round(self.warmup * self.steps), self.steps - 1)
        if step < warm:
            return self.lr * (step + 1) / warm
        return self.lr * (1 + math.cos(math.pi * (step - warm) / (self.steps - warm))) / 2


def learning_rate(config: FitConfig, epoch: int, share: float) -> float:
    """After ``share`` of ``epoch``, which counts from 0; ``share`` is above 0 and at most 1."""
    after = epoch - config.warmup_epochs
    if after < 0:
        return config.lr * (epoch + share) / config.warmup_epochs
    return config.lr * config.decay ** (after // config.decay_every)


def _require(met: bool, otherwise: str) -> None:
    if not met:
        raise ValueError(otherwise)


_PAPER = FitConfig()
PRESETS: Mapping[str, FitConfig] = MappingProxyType(
    {
        "paper": _PAPER,
        # For two CPU cores, and the encoder of slide-iqa-tiny, whose crops are of this size.
        "tiny": replace(
            _PAPER,
            epochs=6,
            warmup_epochs=1,
            decay_every=3,
            crop=112,
            crops_per_image=4,
            test_crops=16,
            ffn=384,
        ),
    }
)


def configured(model: str, preset: str, options: Mapping[str, Any]) -> FitConfig:
    """The preset of that name with ``options`` in place of its own.

    Raises ValueError, in one line, for an unknown preset or option, and for a value of another
    kind or that cannot be run.
    """
    if preset not in PRESETS:
        raise ValueError(f"{model} has no preset {preset!r}; {closest(preset, PRESETS)}")
    names = [field.name for field in fields(FitConfig)]
    refuse(model, options.keys() - set(names), (*names, "device", "preset", "untrained", "weights"))
    try:
        return with_options(PRESETS[preset], options)
    except ValueError as error:
        raise ValueError(f"{model}: {error}") from None
