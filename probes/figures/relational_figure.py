"""The figure of relational maps: a row a pair, what its maps should say beside what they do."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from harness.canonical import slug
from harness.model import ModelCard
from harness.reports.style import COLORS, MUTED, PAPER, Picture, finish, short, style
from harness.sample import Dataset, Sample
from harness.settings import Settings

from .map_figure import frame, pixels
from .maps import SIDE
from .outputs import Answer
from .relational_maps import Row, rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

_CELL, _BAR = 2.1, 0.12  # inches: the width of a panel, the height of the color bar
_HEAD = 0.62  # inches over and under each row
_PANELS = 2  # channels of a pair, at most: it has two damages


def relational_figure(dataset: Dataset, answer: Answer, settings: Settings) -> Picture:
    """Reference, test, target and prediction of the channels of their damage, and all others.

    Raises ValueError for an image that cannot be rendered.
    """
    import seaborn as sns
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    found, card = rows(dataset, answer), answer.model.card
    pictures = {sample.id: pixels(sample, settings) for sample in dataset.images}
    shapes = [pictures[row.test.id].shape[1:] for row in found]
    heights = [_CELL * height / width + _HEAD for height, width in shapes]
    columns = 2 + 2 * _PANELS + 1
    with style():
        # As on the page that compares two images: orange where the test has more.
        look = sns.blend_palette([COLORS[0], PAPER, COLORS[1]], as_cmap=True)
        scale = ScalarMappable(Normalize(0, 1), look)
        figure = Figure(figsize=(0.7 + _CELL * columns, sum(heights) + 0.9), layout="constrained")
        grid = figure.subplots(
            *(len(found) + 1, columns), squeeze=False, height_ratios=[*heights, _BAR]
        )
        bars, grid = grid[-1], grid[:-1]
        for line, row in zip(grid, found, strict=True):
            _pair(line, row, pictures)
            _maps(line[2:], row, scale)
            shape = pictures[row.test.id].shape[1:]
            for axes, masked in zip(line, [(row.reference,), (row.test,)], strict=False):
                frame(axes, _cover(*masked), shape)
            for axes in line[2:]:
                if axes.images:
                    frame(axes, _cover(row.test, row.reference), shape)
            line[0].tick_params(labelleft=True, labelbottom=True)
            line[0].set_xlabel("x (pixels)", fontsize=8)
        _legend(bars, scale)
        return finish(
            f"relational.{slug(card.name, dict(card.options or {}))}.{slug(dataset.name)}",
            figure,
            f"Which image has more of what: {short(answer.label)}",
            f"{len(found)} pairs of versions; axes in pixels",
            _caption(card),
            f"Rows of {len(found)} pairs of images, each with targets and predictions of the "
            "channels of a distortion map.",
        )


def _pair(line: list[Axes], row: Row, pictures: dict[str, np.ndarray]) -> None:
    for axes, sample, name in zip(
        line, (row.reference, row.test), ("Reference", "Test"), strict=False
    ):
        axes.imshow(pictures[sample.id].transpose(1, 2, 0), interpolation="none")
        axes.set_title(f"{name}\n{_done(sample)}", fontsize=7.5)
    line[0].set_ylabel(f"{fill(short(row.test.content), 24)}\n\ny (pixels)", fontsize=8)


def _maps(line: list[Axes], row: Row, scale: ScalarMappable) -> None:
    """The panels of a row, and last the other channels; what there is none of is left empty."""
    *places, last = line
    shown = []
    for k, panel in enumerate(row.panels):
        about, own = places[2 * k : 2 * k + 2]
        shown += [
            (about, f"{panel.channel}: target", panel.target),
            (own, f"{panel.channel}: predicted", panel.predicted),
        ]
        own.set_xlabel(
            f"mean error {panel.error:.3f};\nof 0.5 everywhere {panel.flat_error:.3f}", fontsize=7
        )
    if row.others is not None:
        shown.append((last, "all other channels", row.others))
        last.set_xlabel("target: 0.5 everywhere", fontsize=7)
    for axes, title, values in shown:
        axes.imshow(values, cmap=scale.cmap, vmin=0, vmax=1, interpolation="none")
        axes.set_title(title, fontsize=8)
    for axes in line:
        if not axes.images:
            axes.set_axis_off()
    if not shown:
        line[0].text(0, 0.5, fill(f"no map: {row.failed}", 40), fontsize=8, color=MUTED)


def _legend(bars: np.ndarray, scale: ScalarMappable) -> None:
    """One bar for all maps, under them."""
    for axes in bars:
        axes.set_axis_off()
    place = bars[2].get_subplotspec().get_gridspec()[-1, 2:]
    bar = bars[0].figure.add_subplot(place)
    bars[0].figure.colorbar(scale, cax=bar, orientation="horizontal", ticks=[0, 0.25, 0.5, 0.75, 1])
    words = ("0\nmore of it in the reference", "", "0.5\nno difference", "",
             "1\nmore of it in the test")  # fmt: skip
    bar.set_xticklabels(words)
    bar.tick_params(labelsize=8)
    # Words at both ends stay over the bar, or they would push it away from the maps.
    for label, side in zip(
        bar.get_xticklabels()[:: len(words) - 1], ("left", "right"), strict=True
    ):
        label.set_horizontalalignment(side)


def _cover(*samples: Sample) -> np.ndarray:
    """Where any of them is damaged, ``float32 [H, W]``."""
    covers = [alpha for sample in samples if (alpha := sample.source.alpha()) is not None]
    return np.asarray(np.maximum.reduce(covers))


def _done(sample: Sample) -> str:
    return "\n".join(f"{d.type}, severity {d.severity:g}" for d in sample.damages) or "undamaged"


def _caption(card: ModelCard) -> str:
    if card.trained_on is None:
        seen = "does not say what it was trained on"
    else:
        names = ", ".join(dict.fromkeys(str(each.dataset) for each in card.trained_on))
        seen = f"says that it was trained on {names or 'nothing'}"
    return (
        "A row is two versions of one photograph, with outlines of where each is damaged. For "
        "each damage there is the channel of the model's maps that is about it: what it should "
        "say, 0.5 + 0.5 × (severity / 5 × opacity of the mask in the test image, less the same in "
        "the reference), and what it says. Orange: the test image has more of what the channel is "
        "named after; blue: the reference has; white: both have the same. Where two types are "
        "each other's inverse, less of the one is more of the other. On the right, of all other "
        "channels the value that is farthest from 0.5: none should differ from it. Errors are "
        f"means of |map − target| over the picture, on {SIDE} × {SIDE} cells, beside those of a "
        f"map that says 0.5 everywhere. The model's card {seen}."
    )
