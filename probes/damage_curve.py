"""How much damage a severity does through each mask of a ladder: rendered once, measured in all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np

from harness.images import Decoded, DecodePolicy
from harness.sample import Damage

from .contents import Content
from .render import Recipe, pristine

DECIMALS = 3  # of a severity, so that recipes are stable text
_LOWEST = -30.0  # dB of MSE: stands for no change at all


@dataclass(frozen=True)
class Wanted:
    """A ladder to calibrate: ``masks`` are recipes as text, one an area; None: the whole image."""

    kind: Literal["equal-damage", "equal-energy"]
    content: Content
    type: str
    masks: tuple[str | None, ...]
    seed: int = 0


@dataclass
class Curve:
    """Levels of one ladder by severity, in dB of MSE: at each area, what its kind makes equal."""

    wanted: Wanted
    severities: Sequence[float]
    levels: dict[float, np.ndarray] = field(default_factory=dict)  # severity → float64 [areas]

    def __post_init__(self) -> None:
        self.windows = [_window(self.wanted, mask) for mask in self.wanted.masks]
        for severity in self.severities:
            self.add(severity)

    @property
    def n_areas(self) -> int:
        return len(self.wanted.masks)

    def add(self, severity: float) -> None:
        """Render a severity and measure it at every area."""
        severity = round(float(severity), DECIMALS)
        change = _change(self.wanted.content, self.wanted.type, severity, self.wanted.seed)
        local = self.wanted.kind == "equal-damage"
        self.levels[severity] = np.array([each.level(change, local) for each in self.windows])

    def full(self, severity: float) -> float:
        """The level of the whole frame."""
        change = _change(self.wanted.content, self.wanted.type, float(severity), self.wanted.seed)
        return decibels(float(np.square(change).mean()))


@dataclass(frozen=True)
class _Window:
    """A mask, cut to the box that it fills."""

    box: tuple[slice, slice]
    alpha: np.ndarray | None  # float32; None: 1 everywhere
    inside: np.ndarray  # bool

    def level(self, change: np.ndarray, local: bool) -> float:
        """The MSE in dB that a change ``[3, H, W]`` makes through it, inside or of the image."""
        seen = change[:, *self.box]
        squares = np.square(seen if self.alpha is None else np.rint(self.alpha * seen)).sum(0)
        if local:
            return decibels(float(squares[self.inside].mean()) / 3)
        return decibels(float(squares.sum()) / change.size)


def _window(wanted: Wanted, mask: str | None) -> _Window:
    alpha = Recipe(wanted.content, (Damage(wanted.type, 1.0, mask=mask),)).alpha()
    assert alpha is not None
    box = tuple(
        slice(int(hit[0]), int(hit[-1]) + 1)
        for hit in (np.flatnonzero(alpha.any(axis)) for axis in (1, 0))
    )
    cut = alpha[box]
    return _Window((box[0], box[1]), None if cut.all() and (cut == 1).all() else cut, cut >= 0.5)


# Both kinds of ladder of a content ask for the same severities first.
@lru_cache(maxsize=32)
def _change(content: Content, type: str, severity: float, seed: int) -> np.ndarray:
    """What a damage adds to the whole image, ``float32 [3, H, W]`` in levels."""
    decoded = Recipe(content, (Damage(type, severity, seed=seed),)).load(DecodePolicy())
    if not isinstance(decoded, Decoded):
        raise ValueError(decoded.reason)
    return decoded.image.numpy().astype(np.float32) - pristine(content).numpy()


def decibels(mse: float) -> float:
    """``mse`` in dB, at least -30, which stands for no change."""
    return max(_LOWEST, 10 * math.log10(mse)) if mse > 0 else _LOWEST
