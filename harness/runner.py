"""Run a suite: resolve its names, compute what is lacking, evaluate, write records."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from . import records
from .about import write_about
from .atomic import write_atomic
from .cache import default_cache
from .comparing import compare
from .errors import count
from .evaluate import Context, Evaluated, Published, evaluate
from .file_hashes import remembering
from .header import run_header
from .images import DecodePolicy
from .job import Job
from .jobs import key, resolve, unusable
from .model import Model
from .sample import Dataset
from .settings import Settings
from .stage import compute, fits_of, notices, outputs_of
from .store import StoreError
from .suite import Named, Suite, make_suite

if TYPE_CHECKING:
    import pandas as pd


def run(
    models: Sequence[str | Mapping[str, Any] | Model],
    datasets: Sequence[str | Mapping[str, Any] | Dataset],
    protocols: Sequence[str] = ("correlation",),
    *,
    seed: int = 0,
    icc: str = "srgb",
    **settings: Any,
) -> pd.DataFrame:
    """Evaluate ``models`` on ``datasets`` with ``protocols``; a frame, one row a number.

    Models and datasets are names, mappings with a name and options, or loaded objects; the
    columns are the fields of ``harness.records.Row``. ``settings`` are those of ``run_suite``.
    """
    objects: dict[str, Any] = {}

    def name_of(thing: Any) -> Any:
        if isinstance(thing, Model):
            if thing.card.options is None:
                raise ValueError(
                    f"the card of {thing.card.name!r} names no options, so results of two of its "
                    "kind could not be told apart: load it with load_model, or give the card "
                    "options={} and what else it was made with"
                )
            kind, named = "models", Named(name=thing.card.name, **(thing.card.options or {}))
        elif isinstance(thing, Dataset):
            kind, named = "datasets", Named(name=thing.name)
        else:
            return thing
        objects[key(kind, named)] = thing
        return named

    content = {
        "models": [name_of(model) for model in models],
        "datasets": [name_of(dataset) for dataset in datasets],
        "protocols": list(protocols),
        "seed": seed,
        "icc": icc,
    }
    return records.frame(run_suite(make_suite("run", content), objects=objects, **settings))


def run_suite(
    suite: Suite,
    *,
    out: Path | str | None = None,
    cache: Path | str | None = None,
    workers: int | None = None,
    device: str = "cpu",
    retry_failed: bool = False,
    progress: bool = True,
    objects: Mapping[str, Any] | None = None,
    published: Published | None = None,
) -> tuple[records.Row, ...]:
    """Run ``suite`` and return its rows; with ``out``, records are written to ``out/records``.

    What the ``cache`` folder (default: ``default_cache()``) holds is not computed again.
    ``workers`` (default: every core) are processes that decode and compute side by side on a
    CPU, or that decode for an accelerator. A model, dataset or protocol that cannot be used
    costs its own rows, which then carry the reason. ``published`` gives the value and the
    source of a row that a paper has. Raises ValueError for fewer than one worker, StoreError if
    nothing can be written, WorkerDied if a worker was killed; what was finished is kept.
    """
    began = time.time()
    if workers is not None and workers < 1:
        raise ValueError(f"workers is {workers}: give at least 1, or leave it out for every core")
    folder = default_cache() if cache is None else Path(cache)
    if progress:
        sizes = (suite.models, "model"), (suite.datasets, "dataset"), (suite.protocols, "protocol")
        plan = " × ".join(count(len(names), noun) for names, noun in sizes)
        print(f"{plan}; finished work is kept in {folder}", file=sys.stderr)
    if out is not None:
        _claim(Path(out))
    settings = Settings(
        cells=folder / "cells",
        policy=DecodePolicy(icc=suite.icc),
        workers=workers or cores(),
        device=device,
        retry_failed=retry_failed,
        progress=progress,
    )
    with remembering(folder):
        jobs, comparisons = resolve(suite, objects or {}, device, progress)
    _refuse_one_place_for_two(jobs)
    _say(unusable(jobs) if progress else ())
    computed = compute(jobs, settings)
    target = None if out is None else Path(out) / "records"
    _say(notices(computed.outputs.values()) if progress else ())
    context = Context(suite.seed, target, settings.policy.name, published or (lambda row: None))
    rows: list[records.Row] = []

    def keep(record: records.Record) -> None:
        if target is not None:
            records.write_record(target, record)
        rows.extend(sorted(record.rows, key=lambda row: row.order))

    if target is not None:
        write_about(target, jobs)
    of_dataset: dict[str, list[Evaluated]] = {}
    with tqdm(jobs, desc="evaluating", unit="record", delay=2, disable=not progress) as bar:
        for job in bar:
            outputs = outputs_of(job, settings, computed) if isinstance(job.needs, tuple) else None
            fits = fits_of(job, settings, computed) if outputs is not None else ()
            evaluated = evaluate(job, outputs, context, settings.device_of(job), fits)
            keep(evaluated.record)
            of_dataset.setdefault(job.dataset_label, []).append(evaluated)
    for name, comparison in comparisons:
        for evaluations in of_dataset.values():
            for record in compare(name, comparison, evaluations, context, settings.device_of):
                keep(record)
    if progress and computed.new + computed.reused:
        total = count(computed.new + computed.reused, "result")
        _say([f"{computed.reused:,} of {total} reused, {computed.new:,} computed"])
    if out is not None:
        header = run_header(
            seed=suite.seed,
            workers=settings.workers,
            device=device,
            seconds=time.time() - began,
            computed=computed.new,
            reused=computed.reused,
        )
        text = json.dumps(header, indent=1, sort_keys=True)
        write_atomic(Path(out) / "run.json", (text + "\n").encode())
    return tuple(rows)


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)


def _claim(folder: Path) -> None:
    """Make ``folder``; raises StoreError where nothing could be written to it in the end."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        why = "it is no folder" if folder.is_file() else error.strerror
        raise StoreError(f"cannot write to {folder}: {why}; give another folder as out") from error


def _refuse_one_place_for_two(jobs: Sequence[Job]) -> None:
    paths = [records.record_path(j.model_slug, j.dataset_label, j.protocol_slug) for j in jobs]
    for path, times in Counter(paths).items():
        if times > 1:
            raise ValueError(
                f"two results would be stored as {path}: leave one out, or give one of the models "
                "or datasets another name"
            )


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
