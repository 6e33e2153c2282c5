"""The null of detection: what harmless changes do to the score, and the limits that follow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

PERCENT = 95  # of the null that a detected change must exceed
_FEWEST = 19  # harmless changes, or contents of them, from which that percentile can be had


def is_null(observed: pd.DataFrame) -> np.ndarray:
    """Which rows make the null: harmless changes, ``bool [N]``."""
    return (observed["role"] == "harmless").to_numpy(bool)


@dataclass(frozen=True)
class Null:
    """Harmless changes: ``sizes [N]``, sorted, and the places of their contents in ``names [C]``.

    ``moves [C]``: whether any score of a content moves. ``found`` remembers limits by counts.
    """

    names: np.ndarray
    sizes: np.ndarray
    contents: np.ndarray
    moves: np.ndarray
    found: dict[bytes, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    def limits(self, counts: np.ndarray) -> np.ndarray:
        """Limits ``[B, C]`` where contents are there ``counts [B, C]`` times; NaN: no null."""
        counts = np.ascontiguousarray(counts, np.int32)
        key = counts.tobytes()
        if key not in self.found:
            self.found[key] = self._limits(counts)
        return self.found[key]

    def _limits(self, counts: np.ndarray) -> np.ndarray:
        limits = np.full(counts.shape, np.nan)
        if not len(self.sizes):
            return limits
        up_to = np.cumsum(counts[:, self.contents], axis=1, dtype=np.int32)
        for content in range(len(self.names)):
            own = np.cumsum(self.contents == content, dtype=np.int32)
            others = up_to - counts[:, [content]] * own  # as many as this size or smaller
            n = others[:, -1]
            rank = np.minimum(-(-PERCENT * (n + 1) // 100), n)
            at = (others < rank[:, None]).sum(axis=1)
            limits[:, content] = np.where(n > 0, self.sizes[at], np.nan)
        # Nothing can be said of a model that never moves.
        limits[~(counts[:, self.moves] > 0).any(axis=1)] = np.nan
        return limits

    def judged(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``limits`` at ``counts [B, C]``, and the rates of false alarms there, ``[B]``.

        A rate is the share of harmless changes above the limit of their content; NaN: no limit.
        """
        limits = self.limits(counts)
        own = limits[:, self.contents]
        weights = counts[:, self.contents] * ~np.isnan(own)
        with np.errstate(invalid="ignore"):  # where nothing has a limit
            return limits, (weights * (self.sizes > own)).sum(axis=1) / weights.sum(axis=1)

    def places(self, rows: pd.DataFrame) -> np.ndarray:
        """Where the contents of ``rows`` are in ``names``."""
        contents = rows["content"].to_numpy(str)
        if len(unknown := np.setdiff1d(contents, self.names)):
            raise ValueError(f"the content {str(unknown[0])!r} is not among those observed")
        return np.searchsorted(self.names, contents)


def null_of(observed: pd.DataFrame) -> Null:
    """The null in ``observed``. Raises ValueError where a delta is not finite."""
    size, null = observed["delta"].abs().to_numpy(np.float64), is_null(observed)
    if not np.isfinite(size).all():
        raise ValueError("every delta must be finite; leave out images without a score")
    names, places = np.unique(observed["content"].to_numpy(str), return_inverse=True)
    order = np.argsort(size[null], kind="stable")
    moves = np.bincount(places, size > 0, len(names)) > 0
    return Null(names, size[null][order], places[null][order], moves)


def remark(null: Null) -> str | None:
    """Why there is no limit, or how numbers that rest on one must be read; None if plainly."""
    if not null.moves.any():
        return "no score differs from that of its pristine image"
    if not len(null.sizes):
        return "no harmless change has a score"
    changes = np.bincount(null.contents, minlength=len(null.names))
    if (n_contents := np.count_nonzero(changes)) < 2:
        return "harmless changes of one content only: it has no limit, and false alarms no rate"
    if not null.sizes.any():
        return "no harmless change moves the score: any change counts as detected"
    others = f"{n_contents - 1} other content{'s' if n_contents > 2 else ''}"
    if (fewest := len(null.sizes) - changes.max()) < _FEWEST:
        return f"the limit is the largest of only {fewest} harmless changes of {others}"
    if n_contents <= _FEWEST:
        return f"the limit rests on only {others}: more than 5 % can be false alarms"
    return None
