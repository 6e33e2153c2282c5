"""What a model says of two versions of one picture: a score, maps, and whether they have a sign."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

from .errors import message, one_line
from .model import ModelCard, operations

TURNED = 384  # pixels on a side of the part that is judged the other way around, too
_EXACT = 1e-4  # of the larger of two numbers, up to which they count as opposite
_GRID = 256  # cells along a side on which the strongest place is looked for


@dataclass(frozen=True)
class PairScore:
    """``value``: higher is better. ``same``: what a picture gets beside itself.

    ``directed``: exchanging the two turns the sign, so that the sign says which one is better.
    """

    value: float
    same: float
    directed: bool


@dataclass(frozen=True)
class Verdict:
    """What one model gave for one pair; ``score`` or ``maps`` is there, or both.

    ``maps`` are ``float32 [C, h, w]`` in [0, 1], 0.5 = no difference, above it the test has more;
    ``directed``: exchanging the two mirrors them at 0.5.
    """

    card: ModelCard
    score: PairScore | None = None
    maps: np.ndarray | None = None
    directed: bool = False


def require_comparing(model: Any) -> None:
    """Raise ValueError, saying what would help, for a model that compares no two images."""
    offered, name = operations(model), model.card.name
    if offered & {"score_pair", "distortion_map"}:
        return
    hint = ""
    if "quality_map" in offered:
        hint = f"; change:{name} compares its maps"
    elif "score" in offered:
        hint = f"; sliding:{name} compares its scores part by part"
    raise ValueError(f"{name}: compares no two images (no score_pair, no distortion_map){hint}")


def judge(model: Any, test: torch.Tensor, reference: torch.Tensor) -> Verdict:
    """Ask ``model`` about two images ``uint8 [3, H, W]`` of one size.

    Whether it tells a direction is tried where they differ most, on at most TURNED pixels a side.
    Raises ValueError, with the model's name, for whatever it raises or returns against its word.
    """
    difference = (test.int() - reference.int()).abs().sum(0).numpy()
    height, width = test.shape[1:]
    top, left, down, across = strongest_window(difference, height, width, TURNED)
    part, beside = (one[:, top : top + down, left : left + across] for one in (test, reference))
    score = maps = None
    directed = False
    try:
        with torch.inference_mode():
            if callable(getattr(model, "score_pair", None)):
                score = _score(model.score_pair, test, reference, part, beside)
            if callable(getattr(model, "distortion_map", None)):
                maps = _maps(model, test, reference)
                there, back = _maps(model, part, beside), _maps(model, beside, part)
                directed = there.shape == back.shape and np.allclose(there, 1 - back, atol=_EXACT)
    except ValueError as error:
        raise ValueError(f"{model.card.name}: {message(error)}") from error
    except Exception as error:  # whatever an adapter raises
        raise ValueError(f"{model.card.name}: {one_line(error)}") from error
    return Verdict(model.card, score, maps, directed)


def strongest_window(
    strength: np.ndarray, height: int, width: int, side: int
) -> tuple[int, int, int, int]:
    """Where ``strength [h, w]`` is greatest in a picture: top, left, height, width in pixels.

    The window is ``side`` on a side, or as large as the picture.
    """
    from scipy.ndimage import gaussian_filter

    down, across = min(side, height), min(side, width)
    grid = shrunk(strength[None].astype(np.float32), _GRID)[0]
    scale = grid.shape[0] / height, grid.shape[1] / width
    # A bell rather than a box: a small damage then lies amid its window.
    bell = gaussian_filter(grid, (down * scale[0] / 4, across * scale[1] / 4), mode="constant")
    row, column = np.unravel_index(bell.argmax(), bell.shape)
    top, left = (row + 0.5) / scale[0] - down / 2, (column + 0.5) / scale[1] - across / 2
    return (
        *(round(min(max(0.0, top), height - down)), round(min(max(0.0, left), width - across))),
        *(down, across),
    )


def shrunk(maps: np.ndarray, longest: int) -> np.ndarray:
    """Maps ``float32 [C, h, w]``, averaged to at most ``longest`` cells along the longer side."""
    scale = longest / max(maps.shape[1:])
    if scale >= 1:
        return maps
    size = tuple(max(1, round(side * scale)) for side in maps.shape[1:])
    small: np.ndarray = adaptive_avg_pool2d(torch.from_numpy(maps), size).numpy()
    return small


def _score(score_pair: Callable[..., torch.Tensor], *images: torch.Tensor) -> PairScore:
    test, reference, part, beside = images

    def one(image: torch.Tensor, other: torch.Tensor) -> float:
        value = float(score_pair([image], [other]).reshape(()))
        if math.isnan(value):
            raise ValueError("gives no number for this pair")
        return value

    there, back = one(part, beside), one(beside, part)
    return PairScore(
        value=one(test, reference),
        same=one(beside, beside),
        directed=math.isfinite(there) and math.isclose(there, -back, rel_tol=_EXACT, abs_tol=1e-12),
    )


def _maps(model: Any, image: torch.Tensor, reference: torch.Tensor) -> np.ndarray:
    (found,) = model.distortion_map([image], [reference])
    names = model.card.map_channels
    if found.ndim != 3 or len(found) != len(names):
        raise ValueError(
            f"distortion_map returned {list(found.shape)}; the card names {len(names)} channels"
        )
    maps: np.ndarray = found.detach().cpu().float().numpy()
    if not ((maps >= 0) & (maps <= 1)).all():
        raise ValueError("distortion_map returned values outside [0, 1]")
    return maps
