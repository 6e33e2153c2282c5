"""The contact sheet: what probes look like, with the outlines of their masks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from harness.images import Decoded, DecodePolicy
from harness.sample import Dataset, Sample

from .achieved import Achieved, measured
from .harmless import HARMLESS
from .render import Recipe, alpha_of

if TYPE_CHECKING:
    import torch
    from matplotlib.axes import Axes

CAPTION = (
    "Probes: a row is one damage seen through nested masks of growing area, outlined. Outside of "
    "all masks every pixel is bitwise pristine (but for two draws, where the image has the first "
    "draw). The inset magnifies a small mask. PSNR is measured inside the masks."
)
_CELL = (3.0, 2.55)  # inches
_STRONG = 4  # severity; a person should see the damage
_INSET = 0.42  # of the cell's sides
_MARGIN = 6  # pixels around the mask in the inset


def contact_sheet(dataset: Dataset, path: Path, rows: int = 6) -> None:
    """Write a PNG of ``rows`` area ladders of ``dataset``, kinds, contents and types spread out.

    The caption is written beside it (``.txt``). The same samples give the same bytes. Raises
    ValueError if the dataset has no ladder.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ladders = _spread(dataset, rows)
    known = measured([sample for ladder in ladders for sample in ladder])
    areas = sorted({_area(sample) for ladder in ladders for sample in ladder})
    figure, axes = plt.subplots(
        *(len(ladders), len(areas)),
        figsize=(_CELL[0] * len(areas) + 0.4, _CELL[1] * len(ladders)),
        layout="constrained",
        squeeze=False,
    )
    for line, ladder in zip(axes, ladders, strict=True):
        at = {_area(sample): sample for sample in ladder}
        for cell, area in zip(line, areas, strict=True):
            cell.set(xticks=[], yticks=[], frame_on=False)
            if area in at:
                _draw(cell, at[area], known.get(at[area].id))
        line[0].set_ylabel(_what(ladder[0]), fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
    path.with_suffix(".txt").write_text(CAPTION + "\n", "utf-8")


def _draw(axes: Axes, sample: Sample, achieved: Achieved | None) -> None:
    area, severity = _area(sample), sample.damages[0].severity
    share = "whole image" if area == 1 else f"{area} of the area"
    if sample.fact("control") == "complement":
        share = f"all but {area} of the area"
    elif len(sample.damages) > 1 and not sample.fact("control"):
        share = f"{len(sample.damages)} times {area} of the area"
    decoded = sample.source.load(DecodePolicy())
    if not isinstance(decoded, Decoded):
        axes.set_title(share, fontsize=8)
        axes.text(
            *(0.5, 0.5, fill(f"not reached: {decoded.reason}", 34)),
            ha="center", va="center", fontsize=8, transform=axes.transAxes,
        )  # fmt: skip
        return
    axes.set_title(f"{share}, severity {severity:.3g}{_did(achieved)}", fontsize=8)
    axes.imshow(decoded.image.permute(1, 2, 0).numpy())
    masks = _masks(sample)
    for mask in masks:
        _outline(axes, mask)
    if len(masks) == 1:
        _magnify(axes, decoded.image, masks[0])


def _did(achieved: Achieved | None) -> str:
    if achieved is None:
        return ""
    if achieved.mse == 0:
        return "\nalters no pixel here"
    return f"\nlocal PSNR {achieved.local_psnr:.1f} dB"


def _masks(sample: Sample) -> list[np.ndarray]:
    """The alpha of every damage that has an edge."""
    if not isinstance(sample.source, Recipe):
        return []
    content = sample.source.content
    alphas = (alpha_of(content, damage) for damage in sample.source.damages)
    return [alpha for alpha in alphas if alpha is not None and alpha.min() < 0.5 <= alpha.max()]


def _outline(axes: Axes, alpha: np.ndarray) -> None:
    # Light under dark: the outline shows on any picture.
    axes.contour(alpha, levels=[0.5], colors="white", linewidths=1.6)
    axes.contour(alpha, levels=[0.5], colors="black", linewidths=0.8, linestyles="dashed")


def _magnify(axes: Axes, image: torch.Tensor, alpha: np.ndarray) -> None:
    """A mask that is small enough once more, larger, in the corner that is farthest from it."""
    rows, columns = (np.flatnonzero((alpha >= 0.5).any(axis)) for axis in (1, 0))
    height, width = alpha.shape
    box = [
        slice(max(0, int(hit[0]) - _MARGIN), min(size, int(hit[-1]) + 1 + _MARGIN))
        for hit, size in ((rows, height), (columns, width))
    ]
    if max((b.stop - b.start) / size for b, size in zip(box, alpha.shape, strict=True)) > 0.34:
        return
    down, right = (rows.mean() < height / 2, columns.mean() < width / 2)
    inset = axes.inset_axes(
        (1 - _INSET if right else 0, 0 if down else 1 - _INSET, _INSET, _INSET), anchor="SE"
    )
    inset.set_anchor(("S" if down else "N") + ("E" if right else "W"))
    inset.set(xticks=[], yticks=[])
    inset.imshow(image[:, *box].permute(1, 2, 0).numpy(), interpolation="nearest")
    for spine in inset.spines.values():
        spine.set(edgecolor="white", linewidth=1.6)


def _spread(dataset: Dataset, rows: int) -> list[list[Sample]]:
    """``rows`` ladders, kinds in turn, each unlike those before it in content, type and shape.

    The ids of a ladder's samples differ in their last part, the area.
    """
    ladders: dict[str, list[Sample]] = defaultdict(list)
    for sample in dataset.samples:
        if sample.damages and sample.damages[0].type not in HARMLESS:
            ladders[sample.id.rpartition("/")[0]].append(sample)
    kinds: dict[str, list[list[Sample]]] = defaultdict(list)
    for ladder in ladders.values():
        if len({_area(sample) for sample in ladder}) > 1:
            kinds[_kind(ladder[0])].append(sorted(ladder, key=_area))
    if not kinds:
        raise ValueError(f"dataset {dataset.name} has no probes whose area grows: nothing to show")
    for kind, found in kinds.items():
        kinds[kind] = [o for o in found if _severity(o) >= _STRONG] or found
    shown: Counter[tuple[str, str | None]] = Counter()
    chosen: list[list[Sample]] = []
    order = sorted(kinds, key=lambda kind: -len(kinds[kind]))
    while len(chosen) < rows and any(kinds.values()):
        for kind in order[: rows - len(chosen)]:
            if kinds[kind]:
                ladder = min(kinds[kind], key=lambda o: sum(shown[part] for part in _parts(o[0])))
                kinds[kind].remove(ladder)
                chosen.append(ladder)
                shown.update(_parts(ladder[0]))
    return chosen


def _parts(sample: Sample) -> list[tuple[str, str | None]]:
    """What rows should differ in."""
    shape = sample.damages[0].mask or ""
    return [
        ("content", sample.content),
        ("type", sample.distortion),
        ("shape", shape.partition('"shape":')[2].partition(",")[0]),
    ]


def _severity(ladder: Sequence[Sample]) -> float:
    return max(sample.damages[0].severity or 0 for sample in ladder)


def _kind(sample: Sample) -> str:
    if control := sample.fact("control"):
        return f"{control} control"
    if len(sample.damages) > 1:
        return "several damages"
    return f"{sample.fact('ladder') or 'plain'} ladder"


def _what(sample: Sample) -> str:
    types = " + ".join(dict.fromkeys(damage.type for damage in sample.damages))
    return fill(types, 34, break_on_hyphens=False) + f"\n{_kind(sample)}, {sample.content}"


def _area(sample: Sample) -> Fraction:
    """The area asked: that of the mask, also where the first of two draws has none."""
    return Fraction(min(d.area_asked for d in sample.damages)).limit_denominator(4096)
