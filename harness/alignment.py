"""Whether two images show one scene, pixel upon pixel: what reading their difference rests on."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_THUMBNAIL = 32  # pixels: keeps the scene, and little of any damage
_ALIKE = 0.5  # correlation of thumbnails; versions of one scene are mostly above 0.9
_FLAT = 1.0  # gray levels: a thumbnail that varies less says nothing of a scene
_SIDE = 1024  # pixels of the middle that a shift is sought in
_EXPLAINED = 0.5  # share of the squared difference that a shift must remove to be called one


def misaligned(test: Tensor, reference: Tensor) -> str | None:
    """Why maps of the difference of two ``uint8 [3, H, W]`` of one size would mislead, or None."""
    one, other = (image.float().mean(0) for image in (test, reference))
    small = [F.adaptive_avg_pool2d(x[None], _THUMBNAIL).flatten() for x in (one, other)]
    if min(float(x.std()) for x in small) > _FLAT:
        likeness = float(torch.corrcoef(torch.stack(small))[0, 1])
        if likeness < _ALIKE:
            return (
                "the two do not look like one scene: what follows is about versions of one picture"
            )
    x, y = _shift(one, other)
    if (x, y) != (0, 0):
        return (
            f"the test image looks shifted by {x} pixels to the right and {y} down: maps and "
            "scores are about pictures that lie pixel upon pixel"
        )
    return None


def _shift(test: Tensor, reference: Tensor) -> tuple[int, int]:
    """By how many pixels right and down the test lies off ``[H, W]``; (0, 0) if not shifted.

    The peak of the phase correlation, if undoing that shift removes most of the difference.
    """
    from skimage.registration import phase_cross_correlation

    height, width = test.shape
    top, left = max(height - _SIDE, 0) // 2, max(width - _SIDE, 0) // 2
    one, other = (x[top : top + _SIDE, left : left + _SIDE].numpy() for x in (test, reference))
    before = float(np.square(one - other).mean())
    if before == 0 or min(one.std(), other.std()) < _FLAT:
        return 0, 0
    found, _, _ = phase_cross_correlation(other, one)
    down, right = (-round(float(v)) for v in found)
    rows, columns = one.shape[0] - abs(down), one.shape[1] - abs(right)
    if (down, right) == (0, 0) or min(rows, columns) < min(one.shape) // 2:
        return 0, 0
    moved = one[max(down, 0) :, max(right, 0) :][:rows, :columns]
    still = other[max(-down, 0) :, max(-right, 0) :][:rows, :columns]
    after = float(np.square(moved - still).mean())
    return (right, down) if after < (1 - _EXPLAINED) * before else (0, 0)
