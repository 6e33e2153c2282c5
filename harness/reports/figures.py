"""Figures: response against area, SRCC with its interval, type × model, and rank intervals.

They are drawn from rows alone, are the same bytes for the same rows, and do not depend on
color: lines differ in marker and dash, what is not ranked is gray and open.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .areas import DETECTED, RATIO, areas
from .detection_figure import detection_figure
from .entries import Entry
from .fraction_figure import fraction_figure
from .fractions import has_curve
from .groups import RANKED_BY, Group
from .heat import heat
from .layout import number
from .matrix import Matrix, type_matrix
from .rank_figure import rank_figure
from .ranks import fields
from .style import (
    COLORS,
    DASHES,
    INK,
    MARKERS,
    MUTED,
    PAPER,
    Picture,
    finish,
    short,
    star_note,
    style,
    tag,
)
from .threshold_figure import threshold_figure
from .thresholds import severities


def figures(group: Group) -> tuple[Picture, ...]:
    """The figures that the rows of ``group`` allow, maybe none."""
    made: list[Picture] = []
    with style():
        if group.is_ranked:
            made.append(_dots(group))
        if areas(group, DETECTED):
            made.append(detection_figure(group))
        if severities(group):
            made.append(threshold_figure(group))
        if areas(group, RATIO):
            made.append(_curves(group))
        if has_curve(group):
            made.append(fraction_figure(group))
        if (matrix := type_matrix(group)) is not None:
            made.append(_heat_map(group, matrix))
        made += map(rank_figure, fields(group))
    return tuple(made)


def _dots(group: Group) -> Picture:
    ranked, apart = group.ordered()
    shown = [e for e in (*ranked, *apart) if e.value(RANKED_BY) is not None]
    figure = Figure(figsize=(7.2, 1.3 + 0.3 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    for y, entry in enumerate(shown):
        row = entry.get(RANKED_BY)
        assert row is not None
        assert row.value is not None
        ink = MUTED if entry.set_apart else COLORS[0]
        if row.ci_low is not None and row.ci_high is not None:
            axes.plot([row.ci_low, row.ci_high], [y, y], color=ink, linewidth=2, alpha=0.6)
        face = PAPER if entry.set_apart else ink
        axes.plot(row.value, y, "o", markersize=6.5, color=ink, markerfacecolor=face, clip_on=False)
        axes.annotate(
            number(row.value),
            (1, y),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=MUTED if entry.set_apart else INK,
        )
    axes.set_yticks(range(len(shown)), [tag(entry) for entry in shown])
    for tick, entry in zip(axes.get_yticklabels(), shown, strict=True):
        tick.set_color(MUTED if entry.set_apart else INK)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(right=1)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"SRCC with {short(group.key.dataset)}'s {_labels(group)}")
    gray = " Gray and open: circular models and controls, not ranked." if apart else ""
    return finish(
        f"{group.name}.srcc",
        figure,
        "How well each model orders the pictures",
        group.title,
        f"SRCC with its interval; 1 is the same order as the labels.{gray}{star_note(shown)}",
        f"Dot plot of SRCC with intervals for {len(shown)} models; the table has the numbers.",
    )


def _curves(group: Group) -> Picture:
    known = areas(group, RATIO)
    x = [*(float(Fraction(area)) for area in known), 1.0]
    lines = {e: _curve(e, known) for e in group.entries}
    order = sorted(
        (e for e, line in lines.items() if np.isfinite(line[0]).any()),
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
    axes.set_xlabel("Damaged part of the picture (fraction of its area)")
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
        f"at the smallest area.{outside}{star_note(order)}",
        f"Line chart of the response ratio of {len(order)} models against the damaged area, from "
        f"{known[0]} to 1; the table has the numbers.",
    )


def _heat_map(group: Group, matrix: Matrix) -> Picture:
    values = np.array(matrix.values, dtype=float)
    models = [short(name) for name in matrix.models]
    size = (2.6 + 0.5 * len(matrix.models), 2.2 + 0.25 * len(matrix.types))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    shades = values / np.array(matrix.scales)
    heat(axes, values, shades, models, matrix.types, 7)
    axes.xaxis.tick_top()
    axes.set_xticklabels(models, rotation=40, ha="left", rotation_mode="anchor")
    axes.set_yticklabels(matrix.types, rotation=0)
    for tick, apart in zip(axes.get_xticklabels(), matrix.apart, strict=True):
        tick.set_color(MUTED if apart else INK)
    left_out = f" Left out: {', '.join(matrix.left_out)}." if matrix.left_out else ""
    return finish(
        f"{group.name}.types",
        figure,
        matrix.title,
        group.title,
        f"{matrix.reading}. Full shade is {matrix.shading}; values below 0 have none.{left_out}",
        f"Heat map of {len(matrix.types)} types by {len(matrix.models)} models; the folded table "
        "has the numbers.",
    )


def _curve(entry: Entry, known: Sequence[str]) -> np.ndarray:
    """Values, low and high ends by area, ``[3, A]``; NaN where there is none."""
    rows = [entry.get(RATIO, f"area={area}") for area in known]
    parts = [[row and getattr(row, end) for row in rows] for end in ("value", "ci_low", "ci_high")]
    return np.array(parts, dtype=float)


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


def _labels(group: Group) -> str:
    return {"pseudo": "pseudo-labels", "mos": "MOS", "dmos": "DMOS"}.get(
        group.key.label_kind, "labels"
    )
