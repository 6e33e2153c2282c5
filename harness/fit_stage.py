"""The fits of a set of jobs: each once, those that are lacking side by side."""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from tqdm import tqdm

from . import learning_curve
from .canonical import slug
from .errors import count
from .executors import processes, serial
from .fitting import Fitting, run_fits
from .job import Job
from .model import Model
from .protocols.base import Need
from .settings import Settings
from .subset import read_by

_EVERY = 5.0  # seconds, at least, from one look at the learning curves to the next


def fitting_of(job: Job, need: Need, key: str, settings: Settings) -> Fitting:
    """The fit of that ``key`` that ``need`` of ``job`` asks for; nothing is asked of it yet."""
    assert need.fit is not None
    assert isinstance(job.model, Model)
    model, parts = job.model, job.parts(need)
    policy = replace(settings.policy, max_pixels=model.card.max_pixels)
    return Fitting(
        key,
        model,
        read_by(parts.train, policy),
        read_by(parts.validation, policy),
        need.fit.seed,
        settings.fits / slug(model.card.name, dict(model.card.options or {})) / key[:20],
        policy,
        settings.cells,
        decoders=settings.decoders,
        retry_failed=settings.retry_failed,
    )


def run_lacking(fits: Sequence[Fitting], settings: Settings) -> tuple[int, int]:
    """Run those of ``fits`` that lack results; how many results lacked, and how many there are."""
    plans = [[todo for _, todo in fit.plans()] for fit in fits]
    todo = [fit for fit, each in zip(fits, plans, strict=True) if any(p.lacking for p in each)]
    if todo:
        with tqdm(
            desc="fitting",
            total=len(fits),
            initial=len(fits) - len(todo),
            unit="fit",
            smoothing=0,  # fits that run side by side end together: only the mean says anything
            disable=not settings.progress,
        ) as bar:
            told = time.monotonic()

            def tick(n: int) -> None:
                nonlocal told
                bar.update(n)
                if time.monotonic() - told >= _EVERY:
                    told = time.monotonic()
                    bar.set_postfix_str(_epochs(fits))

            if settings.device == "cpu":
                processes.execute(run_fits, todo, tick, settings.workers, at_once=True)
            else:
                serial.execute(run_fits, todo, tick)
    results = [p for each in plans for p in each]
    return sum(p.lacking for p in results), sum(p.total for p in results)


def _epochs(fits: Sequence[Fitting]) -> str:
    """How far fits side by side are, as their learning curves say: each may take an hour."""
    rows = 0
    with suppress(OSError, csv.Error):  # others may be writing them
        for fit in fits:
            curves = fit.folder.rglob(learning_curve.CURVE)  # of a search, one for each rate
            rows += sum(len(learning_curve.read(path.parent)) for path in curves)
    return count(rows, "epoch") if rows else "no epoch yet"
