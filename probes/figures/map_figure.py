"""The figure of maps: a row a probe, a column what is said of each of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from harness.canonical import slug
from harness.images import Decoded
from harness.reports.style import MUTED, Picture, finish, short, style
from harness.sample import Dataset, Sample
from harness.settings import Settings

from .maps import gallery, map_of, quantity
from .outputs import Answer
from .picks import area

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

_CELL, _BAR = 2.35, 0.12  # inches: the width of a panel, the height of a color bar
_LUMA = np.array([0.299, 0.587, 0.114])[:, None, None]  # BT.601
# Dark is worse everywhere: light to dark for damage, dark to light for quality.
_WORSE, _BETTER = "mako_r", "mako"


def map_figure(
    dataset: Dataset,
    shown: Sequence[Sample],
    answers: Sequence[Answer],
    left_out: Sequence[str],
    settings: Settings,
) -> Picture:
    """Probes with the outlines of their masks, |Δ luma|, and each model's map.

    Raises ValueError for a probe that cannot be rendered.
    """
    import seaborn as sns
    from matplotlib.figure import Figure

    pictures = {s.id: pixels(s, settings) for s in gallery(dataset, shown).images}
    columns: list[tuple[str, str, str, list[np.ndarray | None]]] = [
        (
            "Difference in luma",
            "|Δ luma| (levels of 255)",
            _WORSE,
            [_difference(pictures[s.id], pictures[str(s.reference)]) for s in shown],
        )
    ]
    for answer in answers:
        look = _BETTER if answer.operation == "quality_map" else _WORSE
        found = [map_of(answer, sample.id) for sample in shown]
        columns.append((short(answer.label), quantity(answer), look, found))
    heights = [_CELL * pictures[s.id].shape[1] / pictures[s.id].shape[2] for s in shown]
    width = 1.2 + (_CELL + 0.1) * (1 + len(columns))
    with style():
        figure = Figure(
            figsize=(width, sum(heights) + 0.5 * len(shown) + 0.8), layout="constrained"
        )
        grid = figure.subplots(
            *(len(shown) + 1, len(columns) + 1), squeeze=False, height_ratios=[*heights, _BAR]
        )
        bars, grid = grid[-1], grid[:-1]
        bars[0].remove()
        for line, sample in zip(grid, shown, strict=True):
            line[0].imshow(pictures[sample.id].transpose(1, 2, 0), interpolation="none")
            line[0].set_ylabel(f"{_what(sample)}\n\ny (pixels)", fontsize=8)
        grid[0, 0].set_title("Probe", fontsize=9, fontweight="bold")
        for axes, bar, (title, label, look, found) in zip(
            grid.T[1:], bars[1:], columns, strict=True
        ):
            _column(axes, found, sns.color_palette(look, as_cmap=True), bar, label)
            axes[0].set_title(fill(title, 30), fontsize=9, fontweight="bold")
        for line, sample in zip(grid, shown, strict=True):
            for axes in line:
                frame(axes, sample.source.alpha(), pictures[sample.id].shape[1:])
            line[0].tick_params(labelleft=True, labelbottom=True)
            line[0].set_xlabel("x (pixels)", fontsize=8)
        without = f" Not here: {', '.join(left_out)}." if left_out else ""
        rows = ", ".join(sample.id for sample in shown)
        return finish(
            f"maps.{slug(dataset.name)}",
            figure,
            "What models say of each part of a damaged picture",
            f"{dataset.name}; axes in pixels",
            "A row is one probe, the outline its mask. Columns: the probe; how much its luma "
            "(BT.601) differs from that of the pristine image; the maps of the models, each column "
            "on one scale. Dark is worse everywhere. A model that compares shows by how much a "
            "part scores lower than the same part of the pristine image; one that does not shows "
            "the quality of the part, in which a scene that is smooth or dark competes with the "
            f"damage. sliding: scores of overlapping windows. Rows, from the top: {rows}.{without}",
            f"Rows of {len(shown)} probes, each with its difference to the pristine image and "
            f"the maps of {len(answers)} models.",
        )


def pixels(sample: Sample, settings: Settings) -> np.ndarray:
    """``uint8 [3, H, W]``. Raises ValueError for an image that cannot be rendered."""
    decoded = sample.source.load(settings.policy)
    if not isinstance(decoded, Decoded):
        raise ValueError(f"{sample.id}: {decoded.reason}; show another one")
    return decoded.image.numpy()


def _difference(image: np.ndarray, pristine: np.ndarray) -> np.ndarray:
    """``float64 [H, W]``, in levels of 255."""
    return np.abs(((image.astype(np.float64) - pristine) * _LUMA).sum(0))


def _column(
    axes: Sequence[Axes],
    found: Sequence[np.ndarray | None],
    look: Colormap,
    bar: Axes,
    label: str,
) -> None:
    """The maps of one column, on one scale that leaves out the topmost and lowest 0.5 %."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    known = [each.ravel() for each in found if each is not None]
    low, high = np.quantile(np.concatenate(known or [np.zeros(1)]), [0.005, 0.995])
    if label.startswith(("|", "Drop")):
        low = min(0.0, low)  # no difference is the same shade in every figure
    high = high if high > low else low + 1
    norm = Normalize(low, high)
    for each, values in zip(axes, found, strict=True):
        if values is None:
            each.text(0.5, 0.5, "no map", transform=each.transAxes, ha="center", color=MUTED)
        else:
            each.imshow(values, cmap=look, norm=norm, interpolation="none")
    scale = ScalarMappable(norm, look)  # which is there without any map, too
    bar.figure.colorbar(scale, cax=bar, orientation="horizontal", extend="both")
    bar.set_xlabel(label, fontsize=8)
    bar.tick_params(labelsize=8)


def frame(axes: Axes, alpha: np.ndarray | None, size: tuple[int, ...]) -> None:
    """The image's extent in pixels, and the outline of its mask: light under dark, for any map."""
    height, width = size
    for drawn in axes.images:
        drawn.set_extent((0, width, height, 0))
    if alpha is not None and alpha.min() < 0.5 <= alpha.max():
        place = {"levels": [0.5], "extent": (0, width, 0, height)}
        axes.contour(alpha, colors="white", linewidths=1.8, **place)
        axes.contour(alpha, colors="black", linewidths=0.9, linestyles="dashed", **place)
    axes.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    axes.set_xticks([0, width])
    axes.set_yticks([0, height])
    axes.tick_params(labelsize=7, length=2, labelleft=False, labelbottom=False)
    axes.grid(visible=False)


def _what(sample: Sample) -> str:
    types = " + ".join(dict.fromkeys(damage.type for damage in sample.damages))
    severity = sample.damages[0].severity
    strength = "" if severity is None else f"severity {severity:.3g}, "
    return f"{fill(types, 24)}\n{strength}area {area(sample)}"
