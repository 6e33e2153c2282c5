"""Types of damage in an embedding: families told apart in one panel, each type in its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.reports.style import COLORS, GRID, INK, MARKERS

from ..degradations import BANK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OTHER = "other"  # a type that the bank does not have
_FAMILIES = [*dict.fromkeys(each.family for each in BANK.values()), _OTHER]
_HUES, _SHAPES = (*COLORS, INK), MARKERS.replace("*", "")  # a star is a pristine image
_LOOKS = dict(zip(_FAMILIES, zip(cycle(_HUES), cycle(_SHAPES), strict=False), strict=False))
_ABREAST = 10  # panels of types


def by_family(types: Iterable[str]) -> list[str]:
    """Each type once, by family, then by name."""
    return sorted({*types}, key=lambda name: (_FAMILIES.index(_family(name)), name))


def height(kinds: Sequence[str]) -> float:
    """Inches that ``draw_types`` takes."""
    return 0.4 + 1.5 * _lines(kinds)


def draw_families(
    axes: Axes, places: np.ndarray, types: Sequence[str], look: Mapping[str, Any]
) -> None:
    """``places [N, 2]`` with a color and a marker for each family."""
    families = np.array([_family(name) for name in types])
    for family, (color, marker) in _LOOKS.items():
        x, y = places[families == family].T
        if len(x):
            axes.scatter(x, y, color=color, marker=marker, label=family, **look)


def draw_types(whole: Axes, places: np.ndarray, types: Sequence[str], kinds: Sequence[str]) -> None:
    """A panel for each of ``kinds``: thirty colors could not be told apart in one.

    Gray: the probes of all other types.
    """
    look: dict[str, Any] = {"linewidths": 0, "rasterized": True}
    whole.set_axis_off()
    wide, high = 1 / _ABREAST, 1 / _lines(kinds)
    for k, kind in enumerate(kinds):
        row, column = divmod(k, _ABREAST)
        # Insets: a layout solved for dozens of panels differs in the last bits between runs.
        axes = whole.inset_axes((column * wide, 1 - (row + 1) * high, 0.95 * wide, 0.86 * high))
        axes.set(xticks=[], yticks=[])
        own = np.array([name == kind for name in types])
        color, marker = _LOOKS[_family(kind)]
        axes.scatter(places[~own, 0], places[~own, 1], color=GRID, s=5, **look)
        axes.scatter(places[own, 0], places[own, 1], color=color, marker=marker, s=9, **look)
        axes.set_title(kind, loc="left", fontsize=7.5, pad=2)


def _lines(kinds: Sequence[str]) -> int:
    return -(-len(kinds) // _ABREAST)


def _family(type: str) -> str:
    return BANK[type].family if type in BANK else _OTHER
