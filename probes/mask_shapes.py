"""The shapes of masks, as fields over the image whose lowest pixels are the mask.

A field ranks the pixels: the k lowest are the mask of k pixels. So every area is met to the
pixel, and the masks of one seed are nested over areas, because the area is no part of the field.
Up to the pixel grid, a field depends on the aspect ratio of the image, not on its resolution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.interpolate import BSpline

Shape = Literal["rectangle", "ellipse", "noise", "strip", "cell"]
Placement = Literal["any", "center", "edge", "corner", "smooth", "textured"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
PLACEMENTS: tuple[Placement, ...] = get_args(Placement)
# Of all families the strip is least like the others: straight, oblique, across the whole image.
HELD_OUT_SHAPES: tuple[Shape, ...] = ("strip",)

_CANDIDATES = 64  # geometries among which "smooth" and "textured" choose
_BLOCKS = 32  # blocks on a side, at most, over which local activity is averaged
_LATTICE = 24  # period of the noise, in lattice cells
_CELLS = 9.0  # lattice cells along sqrt(height x width)


@dataclass(frozen=True)
class _Geometry:
    """Where a shape lies and how it is turned; the same at any resolution."""

    y: float  # anchor, from 0 (top) to 1
    x: float  # anchor, from 0 (left) to 1
    aspect: float  # width over height in pixels
    angle: float  # radians from the x axis, of an ellipse's first axis or of a strip's normal


def rank_field(
    shape: Shape,
    placement: Placement,
    seed: int,
    height: int,
    width: int,
    luma: np.ndarray | None = None,
) -> np.ndarray:
    """The field ``float32 [height, width]`` whose lowest pixels are the mask.

    ``luma`` is the luminance ``[height, width]`` on any linear scale. Only the placements "smooth"
    and "textured" read it: of 64 seeded geometries they take the one whose masks of 1/64, 1/16 and
    1/4 all cover the least or the most local activity (mean absolute difference of neighbors,
    minimax). Raises ValueError where these lack it or get one of another size.
    """
    rng = np.random.default_rng(seed)
    # Random signs, because a B-spline of them stays within [-1, 1].
    lattice = rng.choice((-1.0, 1.0), (_LATTICE, _LATTICE))
    ratio = height / width
    noise = _noise(lattice, ratio, height, width) if shape == "noise" else None
    if noise is not None and placement == "any":
        return noise
    if placement in ("smooth", "textured"):
        if luma is None or luma.shape != (height, width):
            found = "none" if luma is None else str(list(luma.shape))
            raise ValueError(f"placement {placement!r} needs luma [{height}, {width}]; got {found}")
        activity = _activity(luma) * (1 if placement == "smooth" else -1)
        coarse = _noise(lattice, ratio, *activity.shape) if shape == "noise" else None
        candidates = [_draw(rng, "any") for _ in range(_CANDIDATES)]
        fields = [_field(shape, drawn, ratio, coarse, *activity.shape) for drawn in candidates]
        geometry = candidates[int(np.argmin([_worst_mean(activity, field) for field in fields]))]
    else:
        geometry = _draw(rng, placement)
    return _field(shape, geometry, ratio, noise, height, width)


def _draw(rng: np.random.Generator, placement: Placement) -> _Geometry:
    """A geometry at a placement. The draws are the same for every shape, so shapes are paired."""
    y, x, along, stretch, turn = (float(u) for u in rng.random(5))
    aspect, angle = 4.0 ** (stretch - 0.5), math.pi * turn
    far, side = (int(i) for i in rng.integers(2, size=2))
    if placement == "center":
        y, x = 0.48 + 0.04 * y, 0.48 + 0.04 * x
    elif placement == "edge":
        # The middle half of a border, and strips lie along it.
        along = 0.25 + 0.5 * along
        y, x, angle = (far, along, math.pi / 2) if side else (along, far, 0.0)
    elif placement == "corner":
        # Strips cut the corner off.
        y, x, angle = far, side, math.pi / 4 if far == side else -math.pi / 4
    return _Geometry(y, x, aspect, angle)


def _field(
    shape: Shape,
    geometry: _Geometry,
    ratio: float,
    noise: np.ndarray | None,
    rows: int,
    columns: int,
) -> np.ndarray:
    """The field of one geometry, ``float32 [rows, columns]``; ``ratio`` is height over width."""
    if shape == "cell":
        return _cell(geometry, ratio, rows, columns)
    y, x = _axes(ratio, rows, columns)
    dy = (y - geometry.y * math.sqrt(ratio)).astype(np.float32)[:, None]
    dx = (x - geometry.x / math.sqrt(ratio)).astype(np.float32)[None, :]
    aspect, cos, sin = geometry.aspect, math.cos(geometry.angle), math.sin(geometry.angle)
    if shape == "rectangle":
        return np.maximum(np.abs(dy) * math.sqrt(aspect), np.abs(dx) / math.sqrt(aspect))
    if shape == "strip":
        return np.abs(dy * sin + dx * cos)
    xx, yy = cos**2 / aspect + sin**2 * aspect, sin**2 / aspect + cos**2 * aspect
    xy = 2 * cos * sin * (1 / aspect - aspect)
    ellipse = dx * dx * xx + dy * dy * yy + dy * (dx * xy)
    # Noise that must stay at its anchor is an ellipse whose outline it moves in and out.
    return ellipse if noise is None else ellipse * (1 + 0.8 * noise) ** 2


def _axes(ratio: float, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The pixel centers along y and along x, in units of sqrt(height x width)."""
    y = (np.arange(rows) + 0.5) / rows * math.sqrt(ratio)
    return y, (np.arange(columns) + 0.5) / columns / math.sqrt(ratio)


def _noise(lattice: np.ndarray, ratio: float, rows: int, columns: int) -> np.ndarray:
    """Smooth noise in [-1, 1], ``float32 [rows, columns]``: a periodic cubic B-spline surface."""
    y, x = _axes(ratio, rows, columns)
    knots = np.arange(-3.0, len(lattice) + 4)
    table = np.pad(lattice, (0, 3), mode="wrap")
    # The spline is separable, so two passes do what one sum over 16 lattice points would.
    for positions in (x, y):
        table = BSpline(knots, table.T, 3, extrapolate="periodic")(positions * _CELLS)
    return table.astype(np.float32)


def _cell(geometry: _Geometry, ratio: float, rows: int, columns: int) -> np.ndarray:
    """The nested halves of a k-d tree that hold the anchor: 1/4, 1/16, 1/64 are grid cells.

    Between two levels the smaller half grows as a rectangle into the other.
    """
    field = np.zeros((rows, columns), np.float32)
    bounds, sizes = [(0, rows), (0, columns)], (rows, columns)
    anchor = [min(int(u * n), n - 1) for u, n in zip((geometry.y, geometry.x), sizes, strict=True)]
    area, axis = 1.0, 0 if ratio >= 1 else 1
    while any(high - low > 1 for low, high in bounds):
        low, high = bounds[axis]
        if high - low > 1:
            area, middle = area / 2, (low + high) // 2
            kept, left = ((low, middle), (middle, high))
            if anchor[axis] >= middle:
                kept, left = left, kept
            distance = np.abs(np.arange(*left) + 0.5 - middle) / (left[1] - left[0])
            bounds[axis] = left
            growth = (area * (1 + distance)).astype(np.float32)
            field[slice(*bounds[0]), slice(*bounds[1])] = growth if axis else growth[:, None]
            bounds[axis] = kept
        axis = 1 - axis
    return field


def _activity(luma: np.ndarray) -> np.ndarray:
    """Mean absolute difference of neighbors over blocks, ``float64 [<= 32, <= 32]``."""
    luma = luma.astype(np.float32)
    total = np.zeros_like(luma)
    total[:-1] += np.abs(np.diff(luma, axis=0))
    total[:, :-1] += np.abs(np.diff(luma, axis=1))
    counts = []
    for axis, size in enumerate(luma.shape):
        starts = np.arange(min(size, _BLOCKS)) * size // min(size, _BLOCKS)
        total = np.add.reduceat(total, starts, axis=axis, dtype=np.float64)
        counts.append(np.diff(starts, append=size))
    return total / np.outer(*counts)


def _worst_mean(activity: np.ndarray, field: np.ndarray) -> float:
    """The largest mean activity that the field's masks of 1/64, 1/16 and 1/4 cover."""
    covered = np.cumsum(activity.ravel()[np.argsort(field, axis=None, kind="stable")])
    counts = [max(1, activity.size // part) for part in (64, 16, 4)]
    return max(float(covered[count - 1]) / count for count in counts)
