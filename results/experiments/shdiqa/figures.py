"""The figures of the experiment, from results.csv and curves.csv alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.reports.style import COLORS, DASHES, MARKERS, MUTED, Picture, finish, style

from .measure import CONTROL


def drawn(table: pd.DataFrame, curves: pd.DataFrame) -> list[Picture]:
    """Differences from the control, data efficiency of each dataset, learning curves."""
    models = list(dict.fromkeys(table["model"]))
    colors = {m: MUTED if m.startswith(CONTROL) else COLORS[i] for i, m in enumerate(models)}
    with style():
        return [*_differences(table, colors), *_curves(table, colors), *_learning(curves, colors)]


def _differences(table: pd.DataFrame, colors: dict[str, str]) -> Iterator[Picture]:
    rows = table[table["against"].str.startswith(CONTROL) & (table["metric"] == "srcc")]
    rows = rows[~rows["model"].str.startswith(CONTROL)].dropna(subset=["value"])
    if rows.empty:
        return
    figure = Figure(figsize=(7.5, 0.9 + 0.32 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    names = []
    for i, row in enumerate(rows.to_dict("records")):
        setting = "fine-tune" if row["subset"] == "all" else row["subset"]
        names.append(f"{row['model']}: {setting}, {row['dataset']}")
        _point(axes, i, row, colors[row["model"]])
    axes.axvline(0, color=MUTED, linewidth=0.9)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel("SRCC − that of the control, paired")
    yield finish(
        "differences",
        figure,
        "What SHDIQA adds to its control",
        "bars: 95 % t intervals of the paired difference, over splits or over repeats",
        "Right of the line SHDIQA predicts the labels better than the plain ViT that was fitted on "
        "the same images from the same weights.",
        f"Points with intervals, {len(names)} differences; the tables have the numbers.",
    )


def _point(axes: Axes, y: int, row: dict[str, float], color: str) -> None:
    bars = None
    if not np.isnan(row["low"]):
        bars = [[row["value"] - row["low"]], [row["high"] - row["value"]]]
    axes.errorbar([row["value"]], [y], xerr=bars, fmt="o", color=color, elinewidth=1.2)


def _curves(table: pd.DataFrame, colors: dict[str, str]) -> Iterator[Picture]:
    of = table[(table["study"] == "data-efficiency") & (table["metric"] == "srcc")]
    of = of[(of["against"] == "") & ~of["subset"].str.contains("test=")]
    for dataset, here in of.dropna(subset=["value"]).groupby("dataset", sort=False):
        figure = Figure(figsize=(6.5, 4.2), layout="constrained")
        axes = figure.add_subplot()
        for i, (model, mine) in enumerate(here.groupby("model", sort=False)):
            mean, each = mine[mine["fit"] == ""], mine[mine["fit"] != ""]
            look = {"color": colors[model], "marker": MARKERS[i], "linestyle": DASHES[i]}
            axes.fill_between(
                _shares(mean), mean["low"], mean["high"], color=colors[model], alpha=0.13, lw=0
            )
            axes.plot(_shares(mean), mean["value"], label=model, **look)
            axes.plot(_shares(each), each["value"], ".", color=colors[model], alpha=0.4)
        axes.set_xlabel("Labels that were fitted on (% of all)")
        axes.set_ylabel("SRCC on the fixed test part")
        axes.legend()
        yield finish(
            f"data-efficiency-{dataset}",
            figure,
            f"Data efficiency on {dataset}",
            "lines: means over the repeats; bands: 95 % t intervals of the mean; dots: repeats",
            "SRCC after a fit on a share of the labels. The bands overlap more than the models "
            "differ, as repeats share their test parts: the paired differences are the comparison.",
            "Line chart of SRCC by share of the labels; the table has the numbers.",
        )


def _shares(rows: pd.DataFrame) -> np.ndarray:
    return rows["subset"].str.extract(r"fraction=([\d.]+)%")[0].astype(float).to_numpy()


def _learning(curves: pd.DataFrame, colors: dict[str, str]) -> Iterator[Picture]:
    studies = list(dict.fromkeys(curves[["study", "dataset"]].itertuples(index=False, name=None)))
    figure = Figure(figsize=(8.5, 0.8 + 2.9 * len(studies)), layout="constrained")
    grid = figure.subplots(len(studies), 2, squeeze=False)
    for (study, dataset), line in zip(studies, grid, strict=True):
        here = curves[(curves["study"] == study) & (curves["dataset"] == dataset)]
        for axes, column in zip(line, ("loss", "srcc"), strict=True):
            for model, mine in here.groupby("model", sort=False):
                name = "l1" if column == "loss" and mine.get("l1") is not None else column
                name = name if mine[name].notna().any() else column
                wide = mine.pivot(index="epoch", columns="fit", values=name)
                axes.plot(wide.index, wide, color=colors[model], alpha=0.25, linewidth=0.8)
                axes.plot(wide.index, wide.mean(axis=1), color=colors[model], label=model)
            axes.set_title(f"{study}, {dataset}", fontsize=9, loc="left")
            axes.set_xticks(wide.index)
            axes.set_xlabel("epoch")
        line[0].set_ylabel("L1 of the labels, in training")
        line[1].set_ylabel("SRCC on the validation part")
    handles = {h.get_label(): h for a in grid.flat for h in a.get_legend_handles_labels()[0]}
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=2)
    yield finish(
        "learning",
        figure,
        "How the fits learn",
        "thin: each fit; thick: their mean",
        "Of each fit the L1 loss of standardized labels in training, and SRCC on its own "
        "validation part, by which the epoch is kept; validation parts differ from fit to fit.",
        "Line charts by epoch; curves.csv has the numbers.",
    )
