"""The figure of detection: the share that a model detects against the damaged area."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .areas import DETECTED, areas, percent
from .entries import Entry
from .groups import Group
from .sensitivity_notes import seen_alone
from .style import COLORS, MARKERS, MUTED, PAPER, Picture, finish, star_note, tag

_NOTICED = 0.75  # ψ at the threshold
OPEN = " Open marks: there is no interval, so the share is the less certain."
_GAP = 4  # how many times smaller than the smallest area harmless changes are drawn


def detection_figure(group: Group) -> Picture:
    """A line a model by falling share at the smallest area, false alarms left. Wants ``style``."""
    known = areas(group, DETECTED)
    order = sorted(
        (e for e in group.entries if np.isfinite(_curve(e, DETECTED, known)[0]).any()),
        key=lambda e: (e.set_apart, -float(np.nanmean(_curve(e, DETECTED, known)[0])), e.label),
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
    drawn, gaps = [], False
    for i, entry in enumerate(order):
        look = {
            "color": MUTED if entry.set_apart else COLORS[i % len(COLORS)],
            "marker": MARKERS[i % len(MARKERS)],
            "linewidth": 1 if entry.set_apart else 1.8,
            "zorder": 2 if entry.set_apart else 3,
        }
        pattern = ("-", "-.")[i // len(MARKERS) % 2]
        curve = _curve(entry, DETECTED, known)
        drawn.append(draw_curve(axes, x, curve, markersize=5.5, linestyle=pattern, **look))
        alarms = entry.get("false_alarms")
        told = np.zeros((3, 0))
        if alarms is not None and alarms.value is not None:
            place = nothing * 2 ** (1.6 * (i + 0.5) / len(order) - 0.8)
            told = np.array([[alarms.value], [alarms.ci_low], [alarms.ci_high]], dtype=float)
            axes.vlines(place, *told[1:, 0], color=look["color"], linewidth=1)
            draw_curve(axes, np.array([place]), told, markersize=5.5, **look)
        gaps |= any(map(is_open, (curve, told)))
    axes.set_xlim(nothing / 2, 1.25)
    axes.set_xlabel("Damaged part of the picture (fraction and % of its area)")
    axes.set_ylabel("Share detected")
    level = Line2D([], [], color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
    axes.legend(
        [*drawn, level],
        [*(tag(entry) for entry in order), "75 %, where thresholds are read"],
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        handlelength=3.2,
    )
    gray = " Gray: controls." if any(e.set_apart for e in order) else ""
    return finish(
        f"{group.name}.detected",
        figure,
        "How small a damaged part each model still detects",
        group.title,
        "Share of the probes that move the score by more than 95 % of the harmless changes do, "
        f"over all types and severities. {seen_alone(group.entries)} At the left, "
        "each model's false alarms: the same share of the harmless changes themselves; a line no "
        "higher than its own mark shows nothing. Bands and bars are 95 % intervals."
        f"{OPEN * gaps} Thresholds are read where a curve fitted to one type and severity "
        "crosses 75 %, not off these lines. The legend follows the mean height."
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


def draw_curve(axes: Axes, x: np.ndarray, curve: np.ndarray, **look: Any) -> Line2D:
    """A line through ``curve [3, A]`` (shares, low and high ends) in the band of its intervals.

    Marks are open where there is no interval.
    """
    values, low, high = curve
    axes.fill_between(x, low, high, color=look["color"], alpha=0.1, lw=0)
    (line,) = axes.plot(x, values, clip_on=False, **look)
    bare = np.isnan(low) | np.isnan(high)
    size = look["markersize"] ** 2
    paint = {"facecolors": PAPER, "edgecolors": look["color"], "clip_on": False}
    axes.scatter(
        x[bare], values[bare], size, marker=look["marker"], zorder=line.get_zorder() + 1, **paint
    )
    return line


def is_open(curve: np.ndarray) -> bool:
    """Whether any share of ``curve [3, A]`` has no interval."""
    return bool((np.isfinite(curve[0]) & np.isnan(curve[1:]).any(axis=0)).any())


def _curve(entry: Entry, metric: str, known: Sequence[str]) -> np.ndarray:
    """Shares, low and high ends by area, ``[3, A]``; NaN where there is none."""
    rows = [entry.get(metric, f"area={area}") for area in known]
    parts = [[row and getattr(row, end) for row in rows] for end in ("value", "ci_low", "ci_high")]
    return np.array(parts, dtype=float)
