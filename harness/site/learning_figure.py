"""The figure of learning: what a model's fits wrote down, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..reports.style import COLORS, DASHES, INK, PAPER, Picture, finish, short

_STEP = "epoch"
_KEPT = "kept"  # 1 in the row of the epoch whose weights are kept
_ACROSS = 3  # panels in a row
# In the order in which one reads them. Of what is not here, the name that the model gives it.
_TITLES = {
    "srcc": "SRCC of the validation part",
    "plcc": "PLCC of the validation part",
    "loss": "Loss",
    "l1": "Part of the loss: L1 to the labels",
    "contrast": "Part of the loss: contrast to a teacher",
    "affinity": "Part of the loss: affinity to a teacher",
    "teacher_accuracy": "Damages that the teacher tells",
    "lr": "Learning rate",
}
Curve = Sequence[Mapping[str, Any]]


def learning_figure(
    name: str, about: str, curves: Sequence[Curve], remark: str = ""
) -> Picture | None:
    """A panel a measure, a line a fit. None where no curve has two points. Wants ``style``.

    A curve is rows with ``epoch`` and measures, numbers or text; text is left out. ``remark``
    ends the caption.
    """
    curves = [curve for curve in curves if len(curve) > 1 and _STEP in curve[0]]
    told = _measures(curves)
    if not told:
        return None
    high = -(-len(told) // _ACROSS)
    figure = Figure(figsize=(3.1 * min(_ACROSS, len(told)), 2.3 * high), layout="constrained")
    panels = figure.subplots(high, min(_ACROSS, len(told)), squeeze=False).flat
    for axes, key in zip(panels, told, strict=False):
        for i, curve in enumerate(curves):
            ink = COLORS[i % len(COLORS)]
            axes.plot(
                *zip(*_points(curve, key), strict=True),
                color=ink,
                linestyle=DASHES[i % len(DASHES)],
                linewidth=1.5,
                marker="." if len(curve) < 20 else "",
            )
            if kept := _points([row for row in curve if row.get(_KEPT) == 1], key):
                axes.plot(*kept[0], "o", markersize=6, color=ink, markerfacecolor=PAPER)
        axes.set_title(_title(key), fontsize=9, loc="left", color=INK)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    for axes in list(figure.axes)[len(told) :]:
        axes.remove()
    figure.supxlabel("Epoch", fontsize=9)
    fits = f"{len(curves)} fits, each on a training part of its own" if len(curves) > 1 else "one"
    told_of = "A ring: the epoch that is kept. " if _has_kept(curves) else ""
    if "srcc" in told:
        told_of += "The validation part is held out of the training part to choose the epoch. "
    return finish(
        f"{name}.learning",
        figure,
        "What was written down while it was fitted",
        about,
        f"A line is one fit ({fits}), a panel one measure. {told_of}No fit could reach the "
        f"pictures that it is tested on.{remark}",
        f"Line charts of {', '.join(map(_title, told))} by epoch, for "
        f"{len(curves)} {'fits' if len(curves) > 1 else 'fit'}.",
    )


def _measures(curves: Sequence[Curve]) -> list[str]:
    """Those that have numbers: the known ones first, then the others as they come."""
    found = dict.fromkeys(
        key
        for curve in curves
        for row in curve
        for key, value in row.items()
        if key not in (_STEP, _KEPT) and isinstance(value, int | float)
    )
    return [*(key for key in _TITLES if key in found), *(k for k in found if k not in _TITLES)]


def _title(key: str) -> str:
    return _TITLES.get(key) or short(key)


def _has_kept(curves: Sequence[Curve]) -> bool:
    return any(row.get(_KEPT) == 1 for curve in curves for row in curve)


def _points(curve: Curve, key: str) -> list[tuple[float, float]]:
    rows = [(row.get(_STEP), row.get(key)) for row in curve]
    return [(x, y) for x, y in rows if isinstance(x, int | float) and isinstance(y, int | float)]
