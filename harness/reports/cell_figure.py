"""One model's detection apart: by severity, shape, placement, ladder, and what was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from matplotlib.figure import Figure

from ..records import Row
from .areas import DETECTED, areas
from .detection_figure import OPEN, area_axis, draw_curve, is_open
from .entries import Entry
from .groups import Group, parse_subset
from .parts import DAGGER, HELD_OUT, held_out
from .sensitivity_notes import seen_alone
from .style import (
    COLORS,
    DASHES,
    MARKERS,
    MUTED,
    Picture,
    finish,
    pseudo_note,
    pseudo_sign,
    short,
)

_CELLS = {
    "severity": "severity",
    "shape": "shape of the mask",
    "placement": "place in the picture",
    "ladder": "kind of ladder",
    "seen": "types in training",
    "mask_seen": "shapes in training",
    "band": "part of the mask",
}
_LADDERS = (
    " By kind of ladder, though, what nobody sees counts, of the ladders alone that reach every "
    "area; they are not of the same types as the other panels."
)
_WORDS = {"yes": "trained on", "no": HELD_OUT}
_BAND = {"band_partner_detected": "all of it", "band_detected": "2-pixel edge"}
Curve = tuple[np.ndarray, np.ndarray]  # areas [A]; shares detected, low and high ends [3, A]


def cell_figure(group: Group, entry: Entry) -> Picture | None:
    """A panel for each property of a probe that rows tell apart; None without any.

    Wants ``style``.
    """
    panels = {name: curves for name in _CELLS if len(curves := _curves(group, entry, name)) > 1}
    if not panels:
        return None
    known = areas(group, DETECTED)
    n_rows = (len(panels) + 1) // 2
    figure = Figure(figsize=(9, 0.9 + 2.7 * n_rows), layout="constrained")
    places = figure.subplots(n_rows, 2, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (name, curves) in zip(places, panels.items(), strict=False):
        area_axis(axes, known)
        axes.axhline(0.75, color=MUTED, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
        if (rate := entry.value("false_alarms")) is not None:
            axes.axhline(rate, color=MUTED, linewidth=1, linestyle=(0, (5, 3)), zorder=1)
        for i, (value, curve) in enumerate(curves.items()):
            draw_curve(
                axes,
                *curve,
                color=COLORS[i % len(COLORS)],
                marker=MARKERS[i % len(MARKERS)],
                markersize=4.5,
                linestyle=DASHES[i % len(DASHES)],
                linewidth=1.5,
                label=value,
            )
        axes.set_title(f"By {_CELLS[name]}", loc="left", fontsize=9, fontweight="bold")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, handlelength=2.6)
    for axes in places[len(panels) :]:
        axes.remove()
    for axes in places[max(0, len(panels) - 2) : len(panels)]:
        axes.set_xlabel("Damaged part of the picture\n(fraction of its area)")
        axes.tick_params(labelbottom=True)
    for axes in places[: len(panels) : 2]:
        axes.set_ylabel("Share detected")
    unseen = any(value.endswith(DAGGER) for curves in panels.values() for value in curves)
    dagger = f"{DAGGER}: {HELD_OUT}, the model was not trained on this shape." if unseen else ""
    ladders = _LADDERS if "ladder" in panels else ""
    gaps = any(is_open(curve) for curves in panels.values() for _, curve in curves.values())
    edge = " At an edge the area is that of the filled mask." if "band" in panels else ""
    return finish(
        f"{group.name}.cells",
        figure,
        f"What {short(entry.label)}{pseudo_sign(entry)} detects, by what the probes are",
        group.title,
        "Share of the probes detected, by area (fraction of the picture). "
        f"{seen_alone([entry])}{ladders} Bands are 95 % intervals.{OPEN * gaps} "
        "Dashed: false alarms; dotted: 75 %. Shape and place vary only where the mask leaves "
        f"room for it.{edge}{dagger}{pseudo_note([entry])}",
        f"Line charts of the share detected by {', '.join(_CELLS[name] for name in panels)}; the "
        "table has the numbers.",
    )


def _curves(group: Group, entry: Entry, name: str) -> dict[str, Curve]:
    """Values of the property ``name`` → the curve of each."""
    known = areas(group, DETECTED)
    subsets = [parse_subset(s) for s in group.subsets(DETECTED)]
    found = {part[name] for part in subsets if set(part) == {name, "area"}}
    values = sorted(found, reverse=name.endswith("seen"))  # "yes" first
    rows = {_WORDS.get(v, v): _rows(entry, DETECTED, f"{name}={v} ", known) for v in values}
    if name == "band":
        rows = {title: _rows(entry, metric, "", known) for metric, title in _BAND.items()}
    return {
        f"{value}{DAGGER * (name == 'shape' and held_out(by_area.values()))}": _curve(by_area)
        for value, by_area in rows.items()
        if by_area
    }


def _curve(by_area: dict[str, Row]) -> Curve:
    told = [(row.value, row.ci_low, row.ci_high) for row in by_area.values()]
    return np.array([float(Fraction(area)) for area in by_area]), np.array(told, dtype=float).T


def _rows(entry: Entry, metric: str, cell: str, known: Sequence[str]) -> dict[str, Row]:
    """Area → the row with a number there."""
    rows = {area: entry.get(metric, f"{cell}area={area}") for area in known}
    return {area: row for area, row in rows.items() if row is not None and row.value is not None}
