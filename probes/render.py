"""Render damaged images from recipes: deterministic, in memory, never stored unless asked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.canonical import canonical_json, digest
from harness.sample import Damage

from .contents import Content
from .degradations import degrade, seeded
from .harmless import HARMLESS, change
from .masks import MaskRecipe, alpha, composite

if TYPE_CHECKING:
    import torch

    from harness.images import Decoded, DecodePolicy, Failure

# Raise it whenever any rendered pixel changes; a test holds golden pixels to it.
VERSION = "2"
# Libraries that take part in rendering beside those that every cell key holds.
REQUIRES = ("kornia", "scipy")


@dataclass(frozen=True)
class Recipe:
    """A source that renders ``content`` with ``damages``, one after another.

    Each damage is computed on the whole image as it is then, and composited through its mask.
    What is drawn depends on (seed, content, type, order) alone, never on the mask or the
    severity: all areas of one damage show parts of the same damaged frame, and its severities
    the same noise. A damage may be a harmless
    change (``harmless.HARMLESS``), which has no severity.

    With ``control="two-draws"`` there are two damages, both computed on the pristine image: the
    first over the whole of it, the second composited over the first through its mask. Raises
    ValueError for a control that its damages do not fit.
    """

    content: Content
    damages: tuple[Damage, ...] = ()
    control: Literal["two-draws"] | None = None

    def __post_init__(self) -> None:
        if self.control is None:
            return
        if self.control != "two-draws":
            raise ValueError(f"control {self.control!r} is unknown; there is 'two-draws'")
        masks = [damage.mask is not None for damage in self.damages]
        if masks != [False, True]:
            raise ValueError("two draws are one damage of the whole image and one with a mask")

    def fingerprint(self) -> str:
        known = [VERSION, pixels_hash(self.content), [asdict(d) for d in self.damages]]
        if self.damages:
            known.append(self.content.id)  # it takes part in what is drawn
        return digest(known if self.control is None else [*known, self.control])

    def load(self, policy: DecodePolicy) -> Decoded | Failure:
        from harness.images import Decoded, Failure

        try:
            image = pristine(self.content)
        except ValueError as error:
            return Failure(str(error))
        for i, damage in enumerate(self.damages):
            alone = i == 0 or self.control is not None
            damaged = (
                _frame(self.content, damage) if alone else _damaged(image, self.content, damage)
            )
            mask = alpha_of(self.content, damage)
            image = damaged if mask is None else composite(image, damaged, mask)
        return Decoded(image.clone())

    def alpha(self) -> np.ndarray:
        """Where any damage is, ``float32 [H, W]``; zero everywhere without damage."""
        height, width = pristine(self.content).shape[1:]
        cover = np.zeros((height, width), np.float32)
        for mask in self.alphas():
            cover = np.maximum(cover, mask)
        return cover

    def alphas(self) -> tuple[np.ndarray, ...]:
        """Where each damage is, ``float32 [H, W]``, to be read only."""
        shape = pristine(self.content).shape[1:]
        masks = (alpha_of(self.content, damage) for damage in self.damages)
        return tuple(np.ones(shape, np.float32) if mask is None else mask for mask in masks)


def mask_json(recipe: MaskRecipe) -> str:
    """The text under which a damage keeps its mask's recipe."""
    return canonical_json(asdict(recipe))


# Probes come ordered by content and damage: a few kept frames serve all areas of a ladder.
@lru_cache(maxsize=4)
def pristine(content: Content) -> torch.Tensor:
    """The content's own pixels, kept: to be read, not changed. Raises ValueError."""
    return content.image()


@lru_cache(maxsize=4096)
def pixels_hash(content: Content) -> str:
    """SHA-256 of a content's pixels and size, or the reason why there are none."""
    try:
        return sha256_of(content.image())
    except ValueError as error:
        return str(error)


def sha256_of(image: torch.Tensor) -> str:
    """SHA-256 (hex) of an image's size and pixels, ``uint8 [3, H, W]``."""
    return hashlib.sha256(str(tuple(image.shape)).encode() + image.numpy().tobytes()).hexdigest()


def _frame(content: Content, damage: Damage) -> torch.Tensor:
    """The damage over the whole pristine image."""
    return _kept_frame(content, damage.type, damage.severity, damage.seed, damage.order)


@lru_cache(maxsize=4)
def _kept_frame(
    content: Content, type: str, severity: float | None, seed: int, order: int
) -> torch.Tensor:
    whole = Damage(type, severity, order=order, seed=seed)
    return _damaged(pristine(content), content, whole)


def _damaged(image: torch.Tensor, content: Content, damage: Damage) -> torch.Tensor:
    if damage.type in HARMLESS:
        return change(image, damage.type, content.id, damage.seed)
    assert damage.severity is not None
    rng = seeded(damage.seed, content.id, damage.type, damage.order)
    return degrade(image, damage.type, damage.severity, rng)


def alpha_of(content: Content, damage: Damage) -> np.ndarray | None:
    """The damage's opacity, to be read only; None for the whole image."""
    return None if damage.mask is None else _kept_alpha(content, damage.mask)


# Rendered, and then looked at: a mask is made once for both, and for all types it lies on.
@lru_cache(maxsize=16)
def _kept_alpha(content: Content, mask: str) -> np.ndarray:
    recipe = MaskRecipe(**json.loads(mask))
    height, width = pristine(content).shape[1:]
    luma = _luma(content) if recipe.placement in ("smooth", "textured") else None
    return alpha(recipe, height, width, luma)


@lru_cache(maxsize=2)
def _luma(content: Content) -> np.ndarray:
    """Where it is smooth or textured is judged by luma, ``float32 [H, W]`` in 0 … 255."""
    return (pristine(content).float().numpy() * _LUMA).sum(0)


_LUMA = np.array([0.299, 0.587, 0.114], np.float32)[:, None, None]
