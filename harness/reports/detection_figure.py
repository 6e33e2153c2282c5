"""The figure of detection: the share that a model detects against the damaged area."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .areas import DETECTED, areas, percent
from .entries import Entry
from .groups import Group
from .style import COLORS, DASHES, MARKERS, MUTED, PAPER, Picture, finish, star_note, tag

_NOTICED = 0.75  # ψ at the threshold
_GAP = 4  # how many times smaller than the smallest area harmless changes are drawn


def detection_figure(group: Group) -> Picture:
    """A line a model by falling share at the smallest area, false alarms left. Wants ``style``."""
    known = areas(group, DETECTED)
    order = sorted(
        (e for e in group.entries if np.isfinite(_curve(e, known)[0]).any()),
        key=lambda e: (e.set_apart, -float(np.nanmean(_curve(e, known)[0])), e.label),
    )
    figure = Figure(figsize=(9, max(4.8, 1.6 + 0.27 * len(order))), layout="constrained")
    axes = figure.add_subplot()
    x = area_axis(axes, known)
    nothing = x[0] / _GAP
    axes.set_xticks(
        [nothing, *x], ["harmless\nchanges", *(f"{a}\n{percent(a)}" for a in known)]
    )  # fmt: skip
    axes.axhline(_NOTICED, color=MUTED, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
    axes.axvspan(nothing / 2, np.sqrt(nothing * x[0]), color=MUTED, alpha=0.08, lw=0)
    drawn = []
    for i, entry in enumerate(order):
        values, low, high = _curve(entry, known)
        color = MUTED if entry.set_apart else COLORS[i % len(COLORS)]
        look = {
            "color": color,
            "marker": MARKERS[i % len(MARKERS)],
            "markersize": 5.5,
            "markerfacecolor": PAPER if entry.set_apart else color,
        }
        axes.fill_between(x, low, high, color=color, alpha=0.07 if entry.set_apart else 0.13, lw=0)
        drawn += axes.plot(
            x,
            values,
            linestyle=DASHES[i % len(DASHES)],
            linewidth=1 if entry.set_apart else 1.8,
            zorder=2 if entry.set_apart else 3,
            **look,  # type: ignore[arg-type]
        )
        alarms = entry.get("false_alarms")
        if alarms is not None and alarms.value is not None:
            place = nothing * 2 ** (1.6 * (i + 0.5) / len(order) - 0.8)
            if alarms.ci_low is not None and alarms.ci_high is not None:
                axes.vlines(place, alarms.ci_low, alarms.ci_high, color=color, linewidth=1)
            axes.plot(place, alarms.value, clip_on=False, zorder=4, **look)  # type: ignore[arg-type]
    axes.set_xlim(nothing / 2, 1.25)
    axes.set_xlabel("Damaged part of the picture (fraction and % of its area)")
    axes.set_ylabel("Share detected")
    line = Line2D([], [], color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
    axes.legend(
        [*drawn, line],
        [*(tag(entry) for entry in order), "75 %, where thresholds are read"],
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        handlelength=3.2,
    )
    gray = " Gray and open: controls." if any(e.set_apart for e in order) else ""
    return finish(
        f"{group.name}.detected",
        figure,
        "How small a damaged part each model still detects",
        group.title,
        "Share of the probes that move the score by more than 95 % of the harmless changes do, "
        "over all types and severities. At the left, each model's false alarms: the same share of "
        "the harmless changes themselves; a line no higher than its own mark shows nothing. Bands "
        "and bars are 95 % intervals. Thresholds are read where a curve fitted to one type and "
        "severity crosses 75 %, not off these lines. The legend follows the mean height."
        f"{gray}{star_note(order)}",
        f"Line chart of the share that {len(order)} models detect against the damaged area, from "
        f"{known[0]} to {known[-1]}, and of their false alarms; the table has the numbers.",
    )


def area_axis(axes: Axes, known: Sequence[str]) -> np.ndarray:
    """A log₂ axis of areas, and one of shares; the places of the areas."""
    x = np.array([float(Fraction(area)) for area in known])
    axes.set_xscale("log", base=2)
    axes.set_xticks(x, known)
    axes.minorticks_off()
    axes.set_ylim(-0.03, 1.03)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    return x


def _curve(entry: Entry, known: Sequence[str]) -> np.ndarray:
    """Shares, low and high ends by area, ``[3, A]``; NaN where there is none."""
    rows = [entry.get(DETECTED, f"area={area}") for area in known]
    parts = [[row and getattr(row, end) for row in rows] for end in ("value", "ci_low", "ci_high")]
    return np.array(parts, dtype=float)
