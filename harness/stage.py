"""Stage 1: compute the cells that a set of jobs needs, and read them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tqdm import tqdm

from .cells import Cell, fit_key, make_cell
from .errors import count
from .executors import processes, serial
from .extract import Task, run_passes
from .fit_stage import fitting_of, run_lacking
from .fitting import LEFT_OUT, Fitting, about
from .job import Job
from .model import KnownScores, Model
from .planning import plan
from .protocols.base import Need
from .sample import Dataset
from .settings import Settings
from .store import Output, Store


@dataclass(frozen=True)
class Computed:
    """The cells' outputs by key, and how many results were computed now and before.

    ``fits`` holds what is to be recorded of the fit that a cell rests on, by the cell's key.
    """

    outputs: Mapping[str, Output]
    new: int
    reused: int
    fits: Mapping[str, Mapping[str, Any]]


def compute(jobs: Iterable[Job], settings: Settings) -> Computed:
    """Compute what the store lacks of all that ``jobs`` need: per dataset, all cells at once.

    Fits come after them, all side by side. Raises StoreError, or WorkerDied, after committing
    what was finished.
    """
    fittings: dict[str, Fitting] = {}  # by the key of the fit
    tasks: dict[str, dict[str, Task]] = {}  # images_hash → cell key → task
    datasets: dict[str, Dataset] = {}
    for job in jobs:
        if not isinstance(job.needs, tuple) or isinstance(job.model, KnownScores):
            continue
        for need in job.needs:
            cell = cell_of(job, need, settings)
            if cell.fit is not None:
                fit = fittings.setdefault(cell.fit, fitting_of(job, need, cell.fit, settings))
                fit.asked[cell.key] = cell, job.parts(need)
                continue
            dataset = job.dataset_of(need)
            datasets[dataset.images_hash] = dataset
            tasks.setdefault(dataset.images_hash, {})[cell.key] = Task(cell, _model(job))
    new = total = 0
    for images_hash, wanted in tasks.items():
        lacking, all_of_it = compute_tasks(datasets[images_hash], list(wanted.values()), settings)
        new, total = new + lacking, total + all_of_it
    lacking, all_of_it = run_lacking(list(fittings.values()), settings)
    new, total = new + lacking, total + all_of_it
    cells = [task.cell for wanted in tasks.values() for task in wanted.values()]
    fitted = {key: fit for fit in fittings.values() for key in fit.asked}
    cells += [fit.asked[key][0] for key, fit in fitted.items()]
    outputs = {cell.key: Store(settings.cells).cell(cell).read() for cell in cells}
    for key, fit in fitted.items():
        told = dict.fromkeys(fit.asked[key][1].left_out, LEFT_OUT) | dict(outputs[key].warnings)
        outputs[key] = replace(outputs[key], warnings=told)
    fits = {key: about(fit, key) for key, fit in fitted.items()}
    return Computed(outputs, new, total - new, fits)


def compute_tasks(dataset: Dataset, tasks: list[Task], settings: Settings) -> tuple[int, int]:
    """Compute what the store lacks of ``tasks``; how many results lacked, and how many there are.

    The largest limit of the models decides what is decoded; each then refuses what is too
    large for it.
    """
    on_cpu = settings.device == "cpu"
    todo = plan(
        dataset,
        tasks,
        replace(settings.policy, max_pixels=max(t.model.card.max_pixels for t in tasks)),
        settings.cells,
        workers=settings.workers if on_cpu else 1,
        decoders=settings.decoders,
        retry_failed=settings.retry_failed,
    )
    if todo.lacking:
        with tqdm(
            desc=f"{dataset.name}: {count(len(tasks), 'cell')}",
            total=todo.total,
            initial=todo.total - todo.lacking,
            unit="result",
            smoothing=0.05,
            disable=not settings.progress,
        ) as bar:

            def tick(n: int) -> None:
                bar.update(n)

            if on_cpu:
                processes.execute(run_passes, todo.passes, tick, settings.workers)
            else:
                serial.execute(run_passes, todo.passes, tick)
    return todo.lacking, todo.total


def notices(outputs: Iterable[Output]) -> list[str]:
    """One line for each thing to know of the images' pixels, with the images it is true of."""
    about: dict[str, set[str]] = defaultdict(set)
    failures: list[str] = []
    for output in outputs:
        failures += output.failures.values()
        for name, warning in output.warnings.items():
            about[warning].add(name)
    lines = [
        f"warning: {text}: {min(names)}" + (f" and {len(names) - 1} more" if names[1:] else "")
        for text, names in sorted((text, sorted(found)) for text, found in about.items())
    ]
    if failures:
        most, _ = Counter(sorted(failures)).most_common(1)[0]
        count = "1 result has no value" if len(failures) == 1 else f"{len(failures)} have no value"
        lines.append(
            f"note: {count}, with a reason each (such as: {most}); --retry-failed asks again"
        )
    return lines


def cell_of(job: Job, need: Need, settings: Settings) -> Cell:
    """The cell that answers ``need``."""
    model, device = _model(job), settings.device_of(job)
    dataset, fit = job.dataset_of(need), None
    if need.fit is not None:
        parts = job.parts(need)
        dataset = parts.test
        limit = model.card.max_pixels
        how = {"device": device, "decoding": settings.policy.name, "max_pixels": limit}
        fit = fit_key(model.card, parts.train, parts.validation, how, need.fit.seed)
    return make_cell(
        model.card,
        dataset,
        need.operation,
        reducer=need.reducer,
        decoding=settings.policy.name,
        device=device,
        fit=fit,
    )


def outputs_of(job: Job, settings: Settings, computed: Computed) -> dict[Need, Output]:
    """What the cells hold for each need of ``job``."""
    assert isinstance(job.needs, tuple)
    if isinstance(job.model, KnownScores):
        return {need: _known(job.model.scores_by_id, job.dataset_of(need)) for need in job.needs}
    return {need: computed.outputs[cell_of(job, need, settings).key] for need in job.needs}


def fits_of(job: Job, settings: Settings, computed: Computed) -> tuple[Mapping[str, Any], ...]:
    """What is to be recorded of the fits that ``job`` rests on, in the order of its needs."""
    assert isinstance(job.needs, tuple)
    return tuple(computed.fits[cell_of(job, need, settings).key] for need in job.needs if need.fit)


def _known(scores: Mapping[str, float], dataset: Dataset) -> Output:
    import numpy as np

    ids = tuple(image.id for image in dataset.images if image.id in scores)
    failures = {i.id: "the file has no score for it" for i in dataset.images if i.id not in scores}
    return Output(ids, np.array([scores[i] for i in ids], np.float64), failures)


def _model(job: Job) -> Model:
    assert isinstance(job.model, Model)
    return job.model
