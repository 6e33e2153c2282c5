"""What models say of the pictures of a folder, through the cell store: nothing is done twice.

The size of each picture is asked as a model is, in the same pass: whether a file can be read,
and how large it is, is then known with no further decoding, also by a later run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..cells import Cell, make_cell
from ..extract import Task
from ..model import MAP_OPERATIONS, ModelCard, operations
from ..sample import Dataset
from ..settings import Settings
from ..stage import compute_tasks
from ..store import Output, Store
from .images_pairs import Folder, Partners, dataset_of


class Size:
    """Height and width of each picture, as features ``[N, 1, 2]``."""

    def __init__(self, max_pixels: int) -> None:
        self.card = ModelCard(
            *("picture-size", "1", "NR"),
            trained_on=(),
            batch_invariant=True,
            max_pixels=max_pixels,
            options={},
        )

    def features(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.tensor([[image.shape[1:]] for image in images], dtype=torch.float32)


@dataclass(frozen=True)
class Measured:
    """A folder: the sizes of its pictures, and what each model gave, in the models' order.

    Ids are relative names; those of references begin with "/".
    """

    sizes: Output
    scores: tuple[Output, ...]
    fingerprints: Mapping[str, str]


def operation_for(model: Any, with_references: bool) -> str:
    """``score_pair`` where there are references and the model compares, else ``score``.

    Raises ValueError, saying what would help, for a model that gives no such score.
    """
    name = model.card.name
    offered = {each for each in operations(model) if callable(getattr(model, each, None))}
    if with_references and "score_pair" in offered:
        return "score_pair"
    if "score" in offered:
        return "score"
    if "score_pair" in offered:
        raise ValueError(f"{name}: compares a picture with its reference: give --reference")
    if offered & MAP_OPERATIONS:
        raise ValueError(f"{name}: gives maps and no scores: name it as --maps, for the page")
    raise ValueError(f"{name}: gives no scores of pictures; what it offers: iqa-eval card {name}")


def measure(
    folder: Folder,
    references: tuple[Folder, Partners] | None,
    models: Sequence[Any],
    settings: Settings,
) -> Measured:
    """Compute what the store lacks of ``models`` on ``folder``, and read it.

    ``references`` are those of its pictures. Raises what ``compute_tasks`` raises.
    """
    asked = [operation_for(model, references is not None) for model in models]
    single = paired = None
    if references is not None and "score_pair" in asked:
        paired = dataset_of(folder, references).hashed()
    if paired is None or "score" in asked:
        single = dataset_of(folder).hashed()
    sized = single if paired is None else paired
    assert sized is not None
    tasks: dict[str, list[Task]] = {"single": [], "paired": []}

    def add(model: Any, dataset: Dataset | None, operation: str) -> Cell:
        assert dataset is not None
        device = settings.device.partition(":")[0] if hasattr(model, "to") else "cpu"
        decoding = settings.policy.name
        cell = make_cell(model.card, dataset, operation, decoding=decoding, device=device)
        tasks["paired" if dataset is paired else "single"].append(Task(cell, model))
        return cell

    limit = max((model.card.max_pixels for model in models), default=settings.policy.max_pixels)
    size = add(Size(limit), sized, "features")
    cells = [
        add(model, paired if operation == "score_pair" else single, operation)
        for model, operation in zip(models, asked, strict=True)
    ]
    for dataset, wanted in ((single, tasks["single"]), (paired, tasks["paired"])):
        if dataset is not None and wanted:
            compute_tasks(dataset, wanted, settings)
    store = Store(settings.cells)
    outputs = tuple(store.cell(cell).read() for cell in cells)
    return Measured(store.cell(size).read(), outputs, sized.fingerprints)
