"""The figure of cross-dataset results: a heat map of train × test for each model."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .across import Across
from .cross import Panel, panels
from .heat import heat
from .style import INK, MUTED, Picture, finish, short, style

_ABREAST = 3  # panels in a line


def cross_figures(across: Across) -> tuple[Picture, ...]:
    """One figure, or none where there are fewer than two datasets each way."""
    shown = panels(across)
    if not shown:
        return ()
    with style():
        return (_heat_maps(across, shown),)


def _heat_maps(across: Across, shown: tuple[Panel, ...]) -> Picture:
    abreast = min(_ABREAST, len(shown))
    lines = -(-len(shown) // abreast)
    train, test = shown[0].train, shown[0].test
    names = [short(panel.entry.label) for panel in shown]
    width = max(0.5 * len(test), 0.085 * max(map(len, names))) + 0.3  # no name meets the next
    size = (abreast * width + 1.4, lines * (0.34 * len(train) + 0.5) + 1.1)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(lines, abreast, squeeze=False)
    for i, (axes, panel) in enumerate(zip(grid.flat, shown, strict=False)):
        _heat_map(axes, panel, left=i % abreast == 0, bottom=i + abreast >= len(shown))
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    figure.supylabel("Fitted on", fontsize=9)
    figure.supxlabel("Tested on", fontsize=9)
    gray = (
        " Gray names: circular models and controls."
        if any(panel.entry.set_apart for panel in shown)
        else ""
    )
    return finish(
        f"{across.name}.heat",
        figure,
        "Fitted on one dataset, tested on another",
        across.title,
        f"SRCC; full shade is 1, values below 0 have none. Rows: the dataset that the head is "
        f"fitted on; columns: the one that it is tested on.{gray}",
        f"Heat maps of {len(shown)} models, {len(train)} by {len(test)} datasets; the table has "
        "the numbers.",
    )


def _heat_map(axes: Axes, panel: Panel, left: bool, bottom: bool) -> None:
    """Draw one model; datasets are named where the panel is at the ``left``, at the ``bottom``."""
    values = np.array(panel.values, dtype=float)
    heat(
        axes,
        values,
        values,
        [short(name) for name in panel.test] if bottom else False,
        [short(name) for name in panel.train] if left else False,
        8,
    )
    axes.set_xticklabels(axes.get_xticklabels(), rotation=40, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="y", rotation=0)
    color = MUTED if panel.entry.set_apart else INK
    axes.set_title(short(panel.entry.label), fontsize=9, color=color)
