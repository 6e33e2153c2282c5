"""The contact sheet: what probes look like, with the outline of their masks."""

from __future__ import annotations

import json
from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from harness.sample import Dataset, Sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CAPTION = (
    "Probes: one damage a row, seen through nested masks of growing area. "
    "Outside the outline every pixel is bitwise pristine."
)


def contact_sheet(dataset: Dataset, path: Path, rows: int = 6) -> None:
    """Write a PNG of ``rows`` area ladders of ``dataset``, contents and types spread out.

    The caption is written beside it (``.txt``). Every cell shows the probe and, dashed, the
    edge of its mask; the same samples give the same bytes.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ladders = _spread(dataset, rows)
    columns = len(ladders[0])
    figure, axes = plt.subplots(
        rows, columns, figsize=(3 * columns, 2.35 * rows), layout="constrained", squeeze=False
    )
    for line, ladder in zip(axes, ladders, strict=True):
        for cell, sample in zip(line, ladder, strict=True):
            _draw(cell, sample)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
    path.with_suffix(".txt").write_text(CAPTION + "\n", "utf-8")


def _draw(axes: Axes, sample: Sample) -> None:
    from harness.images import Decoded, DecodePolicy

    decoded, alpha = sample.source.load(DecodePolicy()), sample.source.alpha()
    axes.set_axis_off()
    damage = sample.damages[0]
    axes.set_title(
        f"{damage.type}, severity {damage.severity:g}, {_area(damage.area_asked)}",
        fontsize=8,
    )
    if not isinstance(decoded, Decoded):
        axes.text(0.5, 0.5, decoded.reason, ha="center", transform=axes.transAxes)
        return
    axes.imshow(decoded.image.permute(1, 2, 0).numpy())
    if alpha is not None and alpha.min() < 0.5 <= alpha.max():
        # Light under dark: the outline shows on any picture.
        axes.contour(alpha, levels=[0.5], colors="white", linewidths=1.6)
        axes.contour(alpha, levels=[0.5], colors="black", linewidths=0.8, linestyles="dashed")


def _spread(dataset: Dataset, rows: int) -> list[list[Sample]]:
    """``rows`` ladders (same content, type, severity; rising area), far apart in the dataset."""
    ladders: dict[tuple[object, ...], list[Sample]] = defaultdict(list)
    for sample in dataset.samples:
        damage = sample.damages[0]
        ladders[sample.content, damage.type, damage.severity].append(sample)
    # The heavier severity: a person should see the damage.
    strongest = max(key[2] for key in ladders)  # type: ignore[type-var]
    heavy = [ladder for key, ladder in ladders.items() if key[2] == strongest]
    contents = list(dict.fromkeys(ladder[0].content for ladder in heavy))
    shapes = sorted({_shape(ladder[0]) for ladder in heavy})
    chosen: list[list[Sample]] = []
    for row in range(rows):
        content, shape = contents[row % len(contents)], shapes[row % len(shapes)]
        fitting = [o for o in heavy if o[0].content == content and _shape(o[0]) == shape] or heavy
        shown = {ladder[0].damages[0].type for ladder in chosen}
        fresh = [o for o in fitting if o[0].damages[0].type not in shown] or fitting
        ladder = fresh[row * 3 % len(fresh)]
        chosen.append(sorted(ladder, key=lambda sample: sample.damages[0].area_asked))
    return chosen


def _shape(sample: Sample) -> str:
    return json.loads(sample.damages[0].mask or '{"shape": "whole"}')["shape"]


def _area(area: float) -> str:
    return "the whole image" if area == 1 else f"{Fraction(area).limit_denominator(64)} of the area"
