"""Render damaged images from recipes: deterministic, in memory, never stored unless asked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from harness.canonical import canonical_json, digest
from harness.sample import Damage

from .contents import Content
from .degradations import degrade, seeded
from .masks import MaskRecipe, alpha, composite

if TYPE_CHECKING:
    import torch

    from harness.images import Decoded, DecodePolicy, Failure

# Raise it whenever any rendered pixel changes; a test holds golden pixels to it.
VERSION = "1"
# Libraries that take part in rendering beside those that every cell key holds.
REQUIRES = ("kornia", "scipy")


@dataclass(frozen=True)
class Recipe:
    """A source that renders ``content`` with ``damages``, one after another.

    Each damage is computed on the whole image as it is then, and composited through its mask.
    What is drawn depends on (seed, content, type, severity, order) alone, never on the mask:
    all areas of one damage show parts of the same damaged frame.
    """

    content: Content
    damages: tuple[Damage, ...] = ()

    def fingerprint(self) -> str:
        return digest([VERSION, pixels_hash(self.content), [asdict(d) for d in self.damages]])

    def load(self, policy: DecodePolicy) -> Decoded | Failure:
        from harness.images import Decoded, Failure

        try:
            image = _pristine(self.content)
        except ValueError as error:
            return Failure(str(error))
        for i, damage in enumerate(self.damages):
            damaged = (
                _frame(self.content, damage) if i == 0 else _damaged(image, self.content, damage)
            )
            mask = _alpha(self.content, damage)
            image = damaged if mask is None else composite(image, damaged, mask)
        return Decoded(image.clone())

    def alpha(self) -> np.ndarray | None:
        """Where any damage is, ``float32 [H, W]``; zero everywhere without damage."""
        height, width = _pristine(self.content).shape[1:]
        cover = np.zeros((height, width), np.float32)
        for damage in self.damages:
            mask = _alpha(self.content, damage)
            cover = np.maximum(cover, 1.0 if mask is None else mask)
        return cover


def mask_json(recipe: MaskRecipe) -> str:
    """The text under which a damage keeps its mask's recipe."""
    return canonical_json(asdict(recipe))


# Probes come ordered by content and damage: a few kept frames serve all areas of a ladder.
@lru_cache(maxsize=4)
def _pristine(content: Content) -> torch.Tensor:
    return content.image()


@lru_cache(maxsize=64)
def pixels_hash(content: Content) -> str:
    """SHA-256 of a content's pixels and size, or the reason why there are none."""
    try:
        image = content.image()
    except ValueError as error:
        return str(error)
    return hashlib.sha256(str(tuple(image.shape)).encode() + image.numpy().tobytes()).hexdigest()


def _frame(content: Content, damage: Damage) -> torch.Tensor:
    """The first damage over the whole pristine image."""
    return _kept_frame(content, damage.type, damage.severity, damage.seed, damage.order)


@lru_cache(maxsize=4)
def _kept_frame(
    content: Content, type: str, severity: float, seed: int, order: int
) -> torch.Tensor:
    whole = Damage(type, severity, order=order, seed=seed)
    return _damaged(_pristine(content), content, whole)


def _damaged(image: torch.Tensor, content: Content, damage: Damage) -> torch.Tensor:
    assert damage.severity is not None
    rng = seeded(damage.seed, content.id, damage.type, damage.severity, damage.order)
    return degrade(image, damage.type, damage.severity, rng)


def _alpha(content: Content, damage: Damage) -> np.ndarray | None:
    """The damage's opacity; None for the whole image."""
    if damage.mask is None:
        return None
    image = _pristine(content)
    luma = None
    recipe = MaskRecipe(**json.loads(damage.mask))
    if recipe.placement in ("smooth", "textured"):
        luma = (image.float().numpy() * _LUMA).sum(0)
    height, width = image.shape[1:]
    return alpha(recipe, height, width, luma)


_LUMA = np.array([0.299, 0.587, 0.114], np.float32)[:, None, None]
