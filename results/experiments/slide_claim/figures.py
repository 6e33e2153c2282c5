"""The figures of the experiment, from results.csv alone."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from harness.reports.style import COLORS, DASHES, MARKERS, MUTED, PAPER, Picture, finish, style

from .combine import MEAN
from .measure import AREAS
from .verdicts import CLAIM

TYPES = ("trained", "held-out")
BY_AREA = {
    "type_map": ("Type of damage", "mAP of the type", "type_chance"),
    "damaged_auroc": ("Damaged or clean, head trained on full frames", "AUROC", None),
    "detected": ("Detection", "share detected", None),
}
_R2 = "log_area_r2"
_APART = 0.15  # octaves between two arms at one area, so that their intervals can be told apart


def drawn(table: pd.DataFrame, order: Sequence[str], trained: int) -> list[Picture]:
    """A figure a metric; of the arms in ``order`` the first ``trained`` are not set apart."""
    means = table[(table["seed"] == MEAN) & table["against"].isna()]
    looks = {arm: _look(i, i < trained, arm in CLAIM) for i, arm in enumerate(order)}
    with style():
        found = [
            _by_area(name, table, means[means["metric"] == name], looks)
            for name in BY_AREA
            if (means["metric"] == name).any()
        ]
        if (means["metric"] == _R2).any():
            found.append(_extent(means[means["metric"] == _R2], looks))
    return found


def _look(i: int, trained: bool, claimed: bool) -> dict[str, object]:
    color = COLORS[i % len(COLORS)] if trained else MUTED
    return {
        "color": color,
        "marker": MARKERS[i % len(MARKERS)],
        "markersize": 5,
        "markerfacecolor": color if trained else PAPER,
        "linestyle": DASHES[i % len(DASHES)],
        "linewidth": 2.2 if claimed else 1.1 if trained else 0.8,
    }


def _grid(rows: pd.DataFrame, height: float) -> tuple[Figure, np.ndarray, list[str]]:
    tests = list(dict.fromkeys(rows["test"]))
    figure = Figure(figsize=(8.5, 0.8 + height * len(tests)), layout="constrained")
    axes = figure.subplots(len(tests), len(TYPES), sharex=True, sharey=True, squeeze=False)
    for test, line in zip(tests, axes, strict=True):
        for types, one in zip(TYPES, line, strict=True):
            one.set_title(f"{test}, {types} damage", fontsize=9, loc="left")
            sns.despine(ax=one)
    return figure, axes, tests


def _by_area(
    name: str, table: pd.DataFrame, rows: pd.DataFrame, looks: dict[str, dict[str, object]]
) -> Picture:
    title, label, chance = BY_AREA[name]
    figure, axes, tests = _grid(rows, 2.6)
    handles: dict[str, ErrorbarContainer] = {}
    present = [arm for arm in looks if arm in set(rows["arm"])]
    for test, line in zip(tests, axes, strict=True):
        for types, one in zip(TYPES, line, strict=True):
            here = rows[(rows["test"] == test) & (rows["types"] == types)]
            for i, arm in enumerate(present):
                mine = here[here["arm"] == arm].set_index("area").reindex(AREAS)
                x = np.log2([float(Fraction(area)) for area in AREAS])
                x = x + _APART * (i - (len(present) - 1) / 2)
                handles[arm] = one.errorbar(
                    x, mine["value"], _bars(mine), elinewidth=0.8, **looks[arm]
                )
            if chance:
                of = table[(table["metric"] == chance) & table["against"].isna()]
                of = of[of["test"] == test]
                level = of[of["types"] == types].groupby("area")["value"].mean().reindex(AREAS)
                one.plot(_places(), level, color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
            one.set_xticks(_places(), AREAS)
    _label(axes, "Damaged part of the picture", label)
    figure.legend(
        list(handles.values()), list(handles), loc="outside right center", handlelength=3.2
    )
    dotted = " Dotted: random order." if chance else ""
    return finish(
        name,
        figure,
        f"{title}, by damaged area",
        _bars_are(rows),
        f"{title} by damaged area, for each set of test photographs, with damage that was trained "
        "and damage that was held out. Thick: the two arms of the claim. Gray and open: controls "
        f"and anchors.{dotted}",
        f"Line charts of {label} against the damaged area, {len(present)} arms; the table has "
        "the numbers.",
    )


def _extent(rows: pd.DataFrame, looks: dict[str, dict[str, object]]) -> Picture:
    figure, axes, tests = _grid(rows, 0.7 + 0.2 * len(looks))
    present = [arm for arm in looks if arm in set(rows["arm"])]
    for test, line in zip(tests, axes, strict=True):
        for types, one in zip(TYPES, line, strict=True):
            here = rows[(rows["test"] == test) & (rows["types"] == types)].set_index("arm")
            for i, arm in enumerate(present):
                if arm in here.index:
                    mine = here.loc[[arm]]
                    look = looks[arm] | {"linestyle": "none"}
                    one.errorbar(mine["value"], [i], xerr=_bars(mine), elinewidth=0.9, **look)
            one.axvline(0, color=MUTED, linewidth=0.8)
            one.set_yticks(range(len(present)), present)
            one.set_ylim(len(present) - 0.5, -0.5)
    _label(axes, "R² of log area", "")
    return finish(
        _R2,
        figure,
        "How large the damaged part is",
        _bars_are(rows),
        "R² of log₂ of the damaged area, read by a linear head; 0 is what is known without "
        "features. Gray and open: controls and anchors.",
        f"Points with intervals, {len(present)} arms; the table has the numbers.",
    )


def _bars_are(rows: pd.DataFrame) -> str:
    """What is shown; one seed has no spread, and only contents vary."""
    several = bool(rows["interval"].astype(str).str.contains(" seeds and ").any())
    return f"{'means over seeds; ' * several}bars: 95 % over {'seeds and ' * several}contents"


def _bars(rows: pd.DataFrame) -> np.ndarray:
    """Lengths below and above the values, ``[2, n]``; 0 without an interval."""
    bars = np.stack([rows["value"] - rows["low"], rows["high"] - rows["value"]])
    return np.nan_to_num(bars.astype(float), nan=0.0).clip(min=0)


def _places() -> np.ndarray:
    return np.log2([float(Fraction(area)) for area in AREAS])


def _label(axes: np.ndarray, x: str, y: str) -> None:
    bottom: Axes
    for bottom in axes[-1]:
        bottom.set_xlabel(x)
    for first in axes[:, 0]:
        first.set_ylabel(y)
