"""How the scores of a probe set are distributed, by area: what full-reference metrics make of it.

The probes are those of ``sensitivity.plain``: plain ladders, one damage, visible. Harmless
changes, where the set has some, stand beside them: what overlaps with those is not told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.canonical import slug
from harness.reports.style import COLORS, INK, MUTED, PAPER, Picture, finish, short, style
from harness.sample import Dataset

from ..sensitivity import plain
from .outputs import Answer

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

METRICS = (
    *("pyiqa:psnr", "pyiqa:ssim", "pyiqa:ms_ssim", "pyiqa:vif", "pyiqa:fsim"),
    *("pyiqa:lpips", "pyiqa:dists"),
)
OPERATIONS = ("score_pair", "score")
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
HARMLESS = "harmless"  # in the place of an area
_WIDTH = 11.5  # inches, at most


def scores(dataset: Dataset, answer: Answer) -> pd.DataFrame:
    """Columns area (text: "1/64" … "1", or "harmless"), type and score; a row each finite score.

    Areas are those asked, smallest first.
    """
    import pandas as pd

    known = dict(zip(answer.output.ids, answer.output.values.tolist(), strict=True))
    harmless = [s for s in dataset.samples if s.fact("role") == HARMLESS]
    probes = sorted(plain(dataset.samples), key=lambda s: s.damages[0].area_asked)
    places = [
        *((s, HARMLESS) for s in harmless),
        *((s, str(Fraction(s.damages[0].area_asked).limit_denominator(4096))) for s in probes),
    ]
    rows = [
        (area, sample.damages[0].type, known[sample.id])
        for sample, area in places
        if np.isfinite(known.get(sample.id, np.nan))
    ]
    return pd.DataFrame(rows, columns=["area", "type", "score"])


def quantiles(dataset: Dataset, answers: Sequence[Answer]) -> pd.DataFrame:
    """Quantiles of the scores (``QUANTILES``) by model, area and type, "all" first; n of each."""
    import pandas as pd

    parts = []
    for answer in answers:
        table = scores(dataset, answer)
        for area, at in table.groupby("area", sort=False):
            for type, own in [("all", at), *at.groupby("type", sort=False)]:
                values = own["score"].quantile(list(QUANTILES.values())).to_numpy()
                about = {"model": answer.label, "unit": answer.unit, "area": area, "type": type}
                parts.append({**about, "n": len(own), **dict(zip(QUANTILES, values, strict=True))})
    return pd.DataFrame(parts)


def distributions(dataset: Dataset, answers: Sequence[Answer], left_out: Sequence[str]) -> Picture:
    """A panel a model: violins by area, with quartiles; the full frame set apart."""
    from matplotlib.figure import Figure

    tables = [scores(dataset, answer) for answer in answers]
    if all(table.empty for table in tables):
        raise ValueError(
            f"dataset {dataset.name} has no plain probes with a score: nothing to show"
        )
    with style():
        groups = max(table["area"].nunique() for table in tables)
        width = 0.55 * groups + 1.2  # of a panel: the medians stand side by side
        abreast = min(max(1, int(_WIDTH / width)), len(answers))
        lines = -(-len(answers) // abreast)
        figure = Figure(figsize=(max(6.4, width * abreast), 2.9 * lines), layout="constrained")
        grid = figure.subplots(lines, abreast, squeeze=False)
        for axes, answer, table in zip(grid.flat, answers, tables, strict=False):
            _panel(axes, table)
            axes.set_title(short(answer.label), loc="left", fontsize=9, fontweight="bold")
            axes.set_ylabel(f"Score ({answer.unit})")
        for k, axes in enumerate(grid.flat):
            if k >= len(answers):
                axes.remove()
            elif k + abreast >= len(answers):
                axes.set_xlabel(
                    "Damaged part of the picture (share of its area),\nwith the median score"
                )
        most = max(len(table) for table in tables)
        without = f" Not here: {', '.join(left_out)}." if left_out else ""
        null = any(HARMLESS in set(table["area"]) for table in tables)
        beside = (
            " Gray: the whole set's harmless changes (dither, shift, JPEG at quality 98)."
            if null
            else ""
        )
        return finish(
            f"distributions.{slug(dataset.name)}",
            figure,
            "How scores spread when only a part of the picture is damaged",
            f"{dataset.name}, {most} images",
            "Each violin is the distribution of a model's scores (higher is better) over all "
            "types and severities at one damaged area, drawn to the same width and cut at its "
            "extremes; the bar goes from the first to the third quartile, the dot is the median. "
            f"Hatched: the whole frame is damaged.{beside} Plain ladders with one visible damage; "
            f"each panel has its own axis.{without}",
            f"Violin plots of the scores of {len(answers)} models by damaged area; the CSV file "
            "beside it has the quantiles.",
        )


def _panel(axes: Axes, table: pd.DataFrame) -> None:
    by_area = table.groupby("area", sort=False)["score"]
    groups = {str(area): values.to_numpy() for area, values in by_area}
    # The whole frame and harmless changes stand a little apart from damage to a part.
    places = [k + 0.5 * (area == "1") - 0.5 * (area == HARMLESS) for k, area in enumerate(groups)]
    for place, (area, values) in zip(places, groups.items(), strict=True):
        bodies: Any = axes.violinplot(values, [place], widths=0.84, showextrema=False)["bodies"]
        (body,) = bodies
        color = {HARMLESS: MUTED, "1": COLORS[1]}.get(area, COLORS[0])
        body.set(facecolor=color, edgecolor=color, alpha=0.45, linewidth=0.8)
        if area == "1":
            body.set_hatch("////")
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        axes.vlines(place, low, high, color=INK, linewidth=3.2, zorder=3)
        axes.plot(
            *(place, middle, "o"), color=INK, markerfacecolor=PAPER, markersize=4.5, zorder=4
        )  # fmt: skip
    axes.grid(axis="x", visible=False)
    medians = [_digits(float(np.median(values))) for values in groups.values()]
    names = [{"1": "whole"}.get(area, area) for area in groups]
    axes.set_xticks(places, [f"{name}\n{text}" for name, text in zip(names, medians, strict=True)])
    axes.tick_params(axis="x", labelsize=8)


def _digits(value: float) -> str:
    """Enough of them to tell similarities near 1 apart, and no more than a level of dB needs."""
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.4f}"
