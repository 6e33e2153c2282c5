"""The figure of learning: what a model's fits wrote down, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..reports.style import COLORS, DASHES, Picture, finish, short

_STEP = "epoch"
_ACROSS = 3  # panels in a row
Curve = Sequence[Mapping[str, Any]]


def learning_figure(
    name: str, about: str, curves: Sequence[Curve], remark: str = ""
) -> Picture | None:
    """A panel a measure, a line a fit. None where no curve has two points. Wants ``style``.

    A curve is rows with ``epoch`` and measures, numbers or text; text is left out. ``remark``
    ends the caption.
    """
    curves = [curve for curve in curves if len(curve) > 1 and _STEP in curve[0]]
    told = dict.fromkeys(
        key
        for curve in curves
        for row in curve
        for key, value in row.items()
        if key != _STEP and isinstance(value, int | float)
    )
    if not told:
        return None
    high = -(-len(told) // _ACROSS)
    figure = Figure(figsize=(3.1 * min(_ACROSS, len(told)), 2.3 * high), layout="constrained")
    panels = figure.subplots(high, min(_ACROSS, len(told)), squeeze=False).flat
    for axes, key in zip(panels, told, strict=False):
        for i, curve in enumerate(curves):
            axes.plot(
                *zip(*_points(curve, key), strict=True),
                color=COLORS[i % len(COLORS)],
                linestyle=DASHES[i % len(DASHES)],
                linewidth=1.5,
                marker="." if len(curve) < 20 else "",
            )
        axes.set_title(short(key), fontsize=9, loc="left")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    for axes in list(figure.axes)[len(told) :]:
        axes.remove()
    figure.supxlabel("Epoch", fontsize=9)
    fits = f"{len(curves)} fits" if len(curves) > 1 else "one fit"
    return finish(
        f"{name}.learning",
        figure,
        "What was written down while it was fitted",
        about,
        f"A line is one fit ({fits}), a panel one measure, by the name that the model gives it. "
        f"None of them could reach the pictures that it is tested on.{remark}",
        f"Line charts of {', '.join(told)} by epoch, for {fits}.",
    )


def _points(curve: Curve, key: str) -> list[tuple[float, float]]:
    rows = [(row.get(_STEP), row.get(key)) for row in curve]
    return [(x, y) for x, y in rows if isinstance(x, int | float) and isinstance(y, int | float)]
