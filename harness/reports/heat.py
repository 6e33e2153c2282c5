"""A heat map in the house style: shades from 0 to 1, the values written in the cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes

from .style import PAPER, two_decimals

Ticks = Sequence[str] | Literal[False]


def heat(
    axes: Axes, values: np.ndarray, shades: np.ndarray, columns: Ticks, rows: Ticks, size: int
) -> None:
    """Draw ``values [r, c]``, shaded by ``shades``; NaN is an empty cell, ``size`` in points."""
    sns.heatmap(
        shades,
        ax=axes,
        vmin=0,
        vmax=1,
        cmap=sns.light_palette("#0b3c5d", as_cmap=True),
        annot=np.vectorize(two_decimals)(values),
        fmt="",
        annot_kws={"fontsize": size},
        linewidths=1,
        linecolor=PAPER,
        xticklabels=columns,
        yticklabels=rows,
        cbar=False,
    )
    for text, shade in zip(axes.texts, shades[np.isfinite(shades)], strict=True):
        text.set_color("#fefefe" if shade > 0.66 else "#000000")  # the better contrast
        text.set_in_layout(False)  # it lies inside its cell; measuring hundreds takes long
    axes.grid(visible=False)
    axes.tick_params(length=0)


def size_for(names: Sequence[str], wide: float, high: float) -> tuple[float, float]:
    """Inches of a figure whose cells are ``wide`` and ``high`` in all, below aslant ``names``.

    A long name needs room of its own, over few columns also to the right.
    """
    longest = max(map(len, names), default=0)
    return max(2.6 + wide, 3.1 + 0.1 * longest), max(2.2, 0.3 + 0.08 * longest) + high
