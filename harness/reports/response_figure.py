"""The figure of response: what of the full-frame response is left, against the damaged area."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .areas import RATIO, areas
from .entries import Entry
from .groups import Group
from .style import COLORS, DASHES, MARKERS, MUTED, PAPER, Picture, finish, star_note, tag


def response_figure(group: Group) -> Picture:
    """A line a model by falling response at the smallest area, to 1. Wants ``style``."""
    known = areas(group, RATIO)
    x = [*(float(Fraction(area)) for area in known), 1.0]
    lines = {e: _curve(e, known) for e in group.entries}
    shown = [e for e, line in lines.items() if np.isfinite(line[0]).any()]
    rising = [e for e in shown if _rises(e)]
    order = sorted(
        (e for e in shown if e not in rising),
        key=lambda e: (e.set_apart, -_first(lines[e][0]), e.label),
    )
    figure = Figure(figsize=(9, max(4.6, 1.6 + 0.27 * len(order))), layout="constrained")
    axes = figure.add_subplot()
    (proportional,) = axes.plot(x, x, color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
    drawn = []
    for i, entry in enumerate(order):
        values, low, high = np.pad(lines[entry], ((0, 0), (0, 1)), constant_values=1)
        color = MUTED if entry.set_apart else COLORS[i % len(COLORS)]
        axes.fill_between(x, low, high, color=color, alpha=0.05 if entry.set_apart else 0.1, lw=0)
        drawn += axes.plot(
            x,
            values,
            color=color,
            marker=MARKERS[i % len(MARKERS)],
            markersize=5.5,
            markerfacecolor=PAPER if entry.set_apart else color,
            linestyle=DASHES[i % len(DASHES)],
            linewidth=1 if entry.set_apart else 1.8,
            zorder=2 if entry.set_apart else 3,
        )
    outside = _frame(axes, [lines[e][0] for e in order if not e.set_apart])
    axes.set_xscale("log", base=2)
    axes.set_xticks(x, [*known, "1"])
    axes.minorticks_off()
    axes.set_xlabel("Masked part of the picture, in which the damage lies (fraction of its area)")
    axes.set_ylabel("Response, as a share of the full-frame response")
    axes.legend(
        [*drawn, proportional],
        [*(tag(entry) for entry in order), "proportional to area"],
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        handlelength=3.2,
    )
    return finish(
        f"{group.name}.area",
        figure,
        "How much of the full-frame response is left when only part of the picture is damaged",
        group.title,
        "1 means that the extent of the damage makes no difference; the dotted line is a model "
        "whose response shrinks with the area. Bands are intervals. The legend follows the order "
        f"at the smallest area.{_without(rising)}{outside}{star_note(order)}",
        f"Line chart of the response ratio of {len(order)} models against the damaged area, from "
        f"{known[0]} to 1; the table has the numbers.",
    )


def _curve(entry: Entry, known: Sequence[str]) -> np.ndarray:
    """Values, low and high ends by area, ``[3, A]``; NaN where there is none."""
    rows = [entry.get(RATIO, f"area={area}") for area in known]
    parts = [[row and getattr(row, end) for row in rows] for end in ("value", "ci_low", "ci_high")]
    return np.array(parts, dtype=float)


def _rises(entry: Entry) -> bool:
    """Whether it scores damaged pictures better: a share of that is no sign of noticing damage."""
    row = entry.get("response", "area=1")
    return row is not None and row.value is not None and row.value < 0


def _without(rising: Sequence[Entry]) -> str:
    names = ", ".join(sorted(entry.label for entry in rising))
    return f" Left out, as they score damaged pictures better: {names}." if names else ""


def _first(values: np.ndarray) -> float:
    return float(values[np.isfinite(values)][0])


def _frame(axes: Axes, lines: Sequence[np.ndarray]) -> str:
    """Let ranked lines set the height; says so if something leaves the frame."""
    values = [float(y) for line in lines for y in line if np.isfinite(y)]
    low, high = max(-0.5, min([0, *values])), min(2.0, max([1, *values]))
    margin = 0.06 * (high - low)
    everything = [y for drawn in axes.lines for y in np.atleast_1d(drawn.get_ydata())]
    axes.set_ylim(low - margin, high + margin)
    inside = all(low - margin <= y <= high + margin for y in everything if np.isfinite(y))
    return "" if inside else " Lines that leave the frame belong to models hardly moved by damage."
