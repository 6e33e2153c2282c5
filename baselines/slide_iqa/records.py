"""What each view carries of its damage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Records:
    """Of B views and the T types of a config, in its order.

    ``coverage`` ``float32 [B, T]``: the mean opacity of the type's mask over the view, 0 to 1.
    ``severity`` ``float32 [B, T]``: 1 to 5 where there is coverage, else 0.
    ``images`` ``int64 [B]``: views with the same number are crops of one damaged image; the
    numbers are random, so that those of several processes do not meet.
    ``overlap`` ``float32 [B, T]``: intersection over union of the masks of this view and of the
    other crop of its image, both as the views show them; 0 where there is no other crop.
    """

    coverage: Tensor
    severity: Tensor
    images: Tensor
    overlap: Tensor

    def map(self, function: Callable[[Tensor], Tensor]) -> Records:
        """The function on each tensor: to move records, or to gather them over processes."""
        return Records(*map(function, vars(self).values()))
