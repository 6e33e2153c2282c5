"""What models make of a dataset: for a figure, from the same cells as those of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.cells import make_cell
from harness.errors import message
from harness.extract import Task
from harness.model import PAIR_OPERATIONS, Model, Unavailable
from harness.registry import load_model
from harness.reports.labels import called
from harness.sample import Dataset
from harness.settings import Settings
from harness.stage import compute_tasks
from harness.store import Output, Store

_DECIBELS = frozenset({"pyiqa:psnr", "pyiqa:psnry"})


@dataclass(frozen=True)
class Answer:
    """What one model gave: ``output`` of ``operation``, under the name that figures call it."""

    label: str
    model: Model
    operation: str
    output: Output

    @property
    def unit(self) -> str:
        """ "dB", or "no unit"."""
        return "dB" if self.model.card.name.removeprefix("sliding:") in _DECIBELS else "no unit"


def answers(
    models: Mapping[str, Mapping[str, Any]],
    dataset: Dataset,
    operations: Sequence[str],
    settings: Settings,
    reducer: str | None = None,
) -> tuple[list[Answer], dict[str, str]]:
    """The output of each of ``models`` (name → options) on ``dataset``, and why others have none.

    ``operations`` come in order of preference. A model that is not here (``Unavailable``), or
    has a result of no image, is left out with the reason. Raises ValueError for a model that
    offers none of the operations and where none is left, and what loading a model raises.
    """
    tasks: dict[str, Task] = {}
    left_out: dict[str, str] = {}
    for name, options in models.items():
        try:
            model: Any = load_model(name, **options)
        except Unavailable as error:
            left_out[name] = message(error)
            continue
        label = called(model.card.name, model.card.options or {})
        tasks[label] = _task(model, dataset, operations, settings, reducer)
    if tasks:
        compute_tasks(dataset, list(tasks.values()), settings)
    store = Store(settings.cells)
    found = []
    for label, task in tasks.items():
        output = store.cell(task.cell).read()
        if output.ids:
            found.append(Answer(label, task.model, task.cell.operation, output))
        else:
            left_out[label] = next(iter(output.failures.values()), "the dataset has no images")
    if not found:
        raise ValueError("; ".join(f"{name}: {why}" for name, why in left_out.items()))
    return found, left_out


def _task(
    model: Any,
    dataset: Dataset,
    operations: Sequence[str],
    settings: Settings,
    reducer: str | None,
) -> Task:
    offered = [each for each in operations if callable(getattr(model, each, None))]
    usable = [each for each in offered if each not in PAIR_OPERATIONS or dataset.pairs]
    if not usable:
        why = f"dataset {dataset.name} has no references" if offered else "the model has none"
        windows = " (sliding:NAME makes a map of any scorer)" if reducer else ""
        raise ValueError(
            f"{model.card.name}: a figure of {' or '.join(operations)}, and {why}{windows}"
        )
    movable = hasattr(model, "to")
    if movable:
        model.to(settings.device)
    return Task(
        make_cell(
            model.card,
            dataset,
            usable[0],
            reducer=reducer,
            decoding=settings.policy.name,
            device=settings.device.partition(":")[0] if movable else "cpu",
        ),
        model,
    )
