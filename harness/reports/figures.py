"""Figures: response against area, SRCC with its interval, type × model, and rank intervals.

They are drawn from rows alone, are the same bytes for the same rows, and do not depend on
color: lines differ in marker and dash, what is not ranked is gray and open.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from .areas import DETECTED, RATIO, areas
from .detection_figure import detection_figure
from .fraction_figure import fraction_figure
from .fractions import has_curve
from .groups import RANKED_BY, Group
from .heat import heat, size_for
from .layout import number
from .matrix import Matrix, type_matrix
from .rank_figure import rank_figure
from .ranks import fields
from .response_figure import response_figure
from .style import (
    COLORS,
    INK,
    MUTED,
    PAPER,
    Picture,
    finish,
    pseudo_note,
    pseudo_sign,
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
            made.append(response_figure(group))
        if has_curve(group):
            made.append(fraction_figure(group))
        if (matrix := type_matrix(group)) is not None:
            made.append(_heat_map(group, matrix))
        made += (rank_figure(field) for field in fields(group) if not field.untested)
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


def _heat_map(group: Group, matrix: Matrix) -> Picture:
    values = np.array(matrix.values, dtype=float)
    shown = [entry for entry in group.entries if entry.label in matrix.models]
    signs = {entry.label: pseudo_sign(entry) for entry in shown}
    models = [f"{short(name)}{signs[name]}" for name in matrix.models]
    size = size_for(models, 0.5 * len(models), 0.25 * len(matrix.types))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    shades = values / np.array(matrix.scales)
    heat(axes, values, shades, models, matrix.types, 7)
    axes.xaxis.tick_top()
    axes.set_xticklabels(models, rotation=40, ha="left", rotation_mode="anchor")
    axes.set_yticklabels(matrix.types, rotation=0)
    for tick, apart in zip(axes.get_xticklabels(), matrix.apart, strict=True):
        tick.set_color(MUTED if apart else INK)
    resting = f" {matrix.resting}" if matrix.resting else ""
    left_out = f" Left out: {', '.join(matrix.left_out)}." if matrix.left_out else ""
    return finish(
        f"{group.name}.types",
        figure,
        matrix.title,
        group.title,
        f"{matrix.reading}.{resting} Full shade is {matrix.shading}; values below 0 have "
        f"none.{left_out}{pseudo_note(shown)}",
        f"Heat map of {len(matrix.types)} types by {len(matrix.models)} models; the folded table "
        "has the numbers.",
    )


def _labels(group: Group) -> str:
    return {"pseudo": "pseudo-labels", "mos": "MOS", "dmos": "DMOS"}.get(
        group.key.label_kind, "labels"
    )
