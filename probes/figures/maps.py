"""Maps of a few probes, kept: what models say of every part of an image.

Maps are too large to keep for a whole set. Those of the probes that a figure shows become a small
dataset of their own, on which a reducer keeps each map on a grid: an ordinary cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.reducers import Reducer
from harness.sample import Dataset, Sample
from harness.settings import Settings

from .outputs import Answer, answers

SIDE = 96  # cells of the grid along each side, whatever the image's shape
OPERATIONS = ("quality_map", "distortion_map")


def _on_grid(maps: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """``[C, h, w] → float64 [C, SIDE²]``: a larger map averaged, of a smaller one the values."""
    import torch
    from torch.nn.functional import adaptive_avg_pool2d

    small = tuple(min(side, SIDE) for side in maps.shape[1:])
    pooled = adaptive_avg_pool2d(torch.from_numpy(maps).double(), small).numpy()
    rows, columns = ((np.arange(SIDE) + 0.5) * side // SIDE for side in small)
    return pooled[:, rows.astype(int)[:, None], columns.astype(int)].reshape(len(maps), -1)


GRID = Reducer(f"map-grid@{SIDE}", tuple(f"cell{i}" for i in range(SIDE**2)), _on_grid)


def gallery(dataset: Dataset, shown: Sequence[Sample]) -> Dataset:
    """``shown`` and their pristine images as a dataset."""
    wanted = {sample.reference for sample in shown} - {sample.id for sample in shown}
    pristine = tuple(image for image in dataset.images if image.id in wanted)
    return replace(
        dataset,
        name=f"{dataset.name}-gallery",
        samples=tuple(shown),
        references=pristine,
        explicit_pairs=None,
        listed=None,
    )


def maps(
    models: Mapping[str, Mapping[str, Any]],
    dataset: Dataset,
    shown: Sequence[Sample],
    settings: Settings,
) -> tuple[list[Answer], dict[str, str]]:
    """Maps of ``shown`` from each of ``models``, on a grid; see ``answers``."""
    return answers(models, gallery(dataset, shown), OPERATIONS, settings, GRID.name)


def map_of(answer: Answer, name: str) -> np.ndarray | None:
    """The map of probe ``name``, ``float64 [SIDE, SIDE]``, or None where there is none.

    A quality map as it is. Of a distortion map the channel that is farthest from 0.5, less 0.5;
    where windows slide, the drop in units of the score.
    """
    if name not in answer.output.ids:
        return None
    values = answer.output.at([name])[0].reshape(-1, SIDE, SIDE)
    if answer.operation == "quality_map":
        return values[0]
    if answer.model.card.map_channels == ("drop",):
        squashed = 2 * values[0] - 1  # d / (1 + |d|) of the drop d, as distortion_map gives it
        return squashed / (1 - np.abs(squashed))
    return np.take_along_axis(values, np.abs(values - 0.5).argmax(0)[None], 0)[0] - 0.5


def quantity(answer: Answer) -> str:
    """What the numbers of ``map_of`` are, with their unit."""
    if answer.operation == "quality_map":
        return f"Quality ({answer.unit})"
    if answer.model.card.map_channels == ("drop",):
        return f"Drop of the score ({answer.unit})"
    return "Distortion − 0.5 (no unit)"
