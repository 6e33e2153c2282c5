"""Reducers: what is kept of a map. Maps are gigabytes a model; statistics are a few numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .sample import Damage, Sample
from .source import Layered


@dataclass(frozen=True)
class Reducer:
    """``reduce(maps [C, h, w], alpha [H, W] or None) → float64 [C, len(statistics)]``.

    One that reads all channels together gives ``[1, len(statistics)]``.
    ``name`` carries the version: a change that can change a number needs a new name.
    """

    name: str
    statistics: tuple[str, ...]
    reduce: Callable[[np.ndarray, np.ndarray | None], np.ndarray]
    requires: tuple[str, ...] = ()  # libraries whose version changes the statistics

    def of(self, maps: np.ndarray, sample: Sample) -> np.ndarray:
        """The statistics of ``maps`` of ``sample``, under the union of the masks of its damages."""
        return self.reduce(maps, sample.source.alpha())


Masked = Sequence[tuple[Damage, np.ndarray]]  # damages in their order, with opacity [H, W]


@dataclass(frozen=True)
class DamageReducer:
    """As Reducer, but one that sees each damage by itself: its type, severity and own mask.

    ``reduce(maps [C, h, w], masked or None) → float64 [rows, len(statistics)]``, with None where
    the source does not tell its damages apart.
    """

    name: str
    statistics: tuple[str, ...]
    reduce: Callable[[np.ndarray, Masked | None], np.ndarray]
    requires: tuple[str, ...] = ()

    def of(self, maps: np.ndarray, sample: Sample) -> np.ndarray:
        """The statistics of ``maps`` of ``sample``, under the mask of each of its damages."""
        source = sample.source
        if not isinstance(source, Layered):
            return self.reduce(maps, None)
        return self.reduce(maps, tuple(zip(sample.damages, source.alphas(), strict=True)))


def _mask_stats(maps: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    from skimage.transform import resize

    flat = maps.reshape(len(maps), -1).astype(np.float64)
    whole = [flat.mean(1), flat.std(1), flat.min(1), flat.max(1)]
    if alpha is None:
        missing = np.full(len(maps), np.nan)
        return np.stack([*whole, missing, missing, missing], axis=1)
    # The mask is brought to the map's grid, so that each map value is counted once.
    cover = resize(alpha, maps.shape[1:], order=1, anti_aliasing=True)
    inside = (cover >= 0.5).ravel()
    parts = [
        flat[:, where].mean(1) if where.any() else np.full(len(maps), np.nan)
        for where in (inside, ~inside)
    ]
    return np.stack([*whole, *parts, _auroc(flat, inside)], axis=1)


def _auroc(flat: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Probability that a value inside is above a value outside (Mann-Whitney), per channel."""
    from scipy.stats import rankdata

    n_in, n_out = int(inside.sum()), int((~inside).sum())
    if not n_in or not n_out:
        return np.full(len(flat), np.nan)
    ranks = rankdata(flat, axis=1)[:, inside].sum(1)
    return (ranks - n_in * (n_in + 1) / 2) / (n_in * n_out)


MASK_STATS = Reducer(
    "mask-stats@1",
    ("mean", "sd", "min", "max", "inside", "outside", "auroc"),
    _mask_stats,
    ("scikit-image", "scipy"),
)


class _Reducers(dict[str, Reducer | DamageReducer]):
    """By name; one of a package is looked up when it is asked for.

    ``name@version`` is then what the entry point ``name`` of the group ``iqa_eval.reducers``
    stands for. Raises UnknownName, BrokenPlugin, or ValueError for another version.
    """

    def __missing__(self, name: str) -> Reducer | DamageReducer:
        from .registry import find

        found: Reducer | DamageReducer = find("reducers", name.partition("@")[0]).load()
        if found.name != name:
            raise ValueError(f"there is no reducer {name!r} here, but {found.name!r}")
        return self.setdefault(name, found)


REDUCERS = _Reducers({reducer.name: reducer for reducer in (MASK_STATS,)})
