"""The pictures of a gallery: a photograph, a damage as a layer over it, the outlines of masks."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from harness.images import Decoded, DecodePolicy

from .render import Recipe, pristine

LONG_SIDE = 384  # pixels; what is larger is reduced
_QUALITY = 85  # of WebP
_TOLERANCE = 0.8  # pixels that an outline may be off: smooths the stairs of slanted masks


@dataclass(frozen=True)
class Layer:
    """One probe as it lies over its pristine photograph.

    ``picture`` is WebP, transparent where no mask is. ``outlines`` has the path of every mask in
    SVG's notation, in pixels of the full size, where the alpha is 0.5; none for the whole frame.
    ``damaged`` is the share of the pixels inside any mask.
    """

    picture: bytes
    outlines: tuple[str, ...]
    damaged: float


def photograph(recipe: Recipe) -> bytes:
    """The pristine content as WebP."""
    return _webp(Image.fromarray(pristine(recipe.content).permute(1, 2, 0).numpy()))


def layer(recipe: Recipe) -> Layer:
    """The damaged part of a probe. Raises ValueError with the reason if it cannot be made."""
    decoded = recipe.load(DecodePolicy())
    if not isinstance(decoded, Decoded):
        raise ValueError(decoded.reason)
    picture = Image.fromarray(decoded.image.permute(1, 2, 0).numpy())
    cover = recipe.alpha()
    if not (cover > 0).all():
        picture.putalpha(Image.fromarray(np.uint8(255) * (cover > 0)))
    masks = (mask for mask in recipe.alphas() if mask.min() < 0.5)
    return Layer(_webp(picture), tuple(map(outline, masks)), float((cover >= 0.5).mean()))


def outline(alpha: np.ndarray) -> str:
    """Where ``alpha [H, W]`` is 0.5, as the path of an SVG, to a tenth of a pixel."""
    from skimage.measure import approximate_polygon, find_contours

    parts = []
    # A border of nothing closes the outlines that reach the edge of the picture.
    for contour in find_contours(np.pad(alpha, 1), 0.5):
        # A pixel's center lies half a pixel from its corner; the border took one more.
        points = np.clip(approximate_polygon(contour, _TOLERANCE) - 0.5, 0, alpha.shape)
        if len(points) > 3:  # the first comes again as the last
            parts.append("M" + "L".join(f"{x:.4g} {y:.4g}" for y, x in points[:-1]) + "Z")
    return "".join(parts)


def _webp(picture: Image.Image) -> bytes:
    picture.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=_QUALITY, method=6)
    return file.getvalue()
