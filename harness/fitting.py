"""Fits: a model is fitted on two parts of a dataset, and the fitted one asked about a third.

Fits run side by side, one in a process and each on one thread, so that a seed gives the same
weights whatever the number of workers; where two programs share a cache, one of them fits. What a
fit leaves in its folder is for it to resume by; what the fitted model says goes into the store with
the learning curve, so that a second run fits nothing again and gives the same record.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from . import learning_curve
from .cells import Cell
from .errors import one_line
from .executors import serial
from .extract import Task, Tick, reason, run_passes
from .images import DecodePolicy
from .model import Fittable, Model, operations
from .planning import Plan, plan
from .randomness import seed_all
from .sample import Dataset
from .store import FULL, NOT_FITTED, PASSING, Store, writing
from .subset import Parts

FAILED = "fit failed: "
LEFT_OUT = "left out of a fit, which is asked about an image of the same bytes"


@dataclass(frozen=True)
class Fitting:
    """One fit and the cells that are asked of the fitted model, each on its own test part.

    ``folder`` is the fit's own, named by its key; ``asked`` maps the key of a cell to it.
    """

    key: str
    model: Model
    train: Dataset
    validation: Dataset
    seed: int
    folder: Path
    policy: DecodePolicy
    store: Path
    decoders: int = 0  # processes that decode ahead of an accelerator
    retry_failed: bool = False
    asked: dict[str, tuple[Cell, Parts]] = field(default_factory=dict)

    def plans(self, fitted: Model | None = None) -> list[tuple[Cell, Plan]]:
        """What the store lacks of each cell; with ``fitted``, what it is to be asked.

        That is also what has failed before since there was no fitted model.
        """
        model = fitted or self.model
        return [
            (
                cell,
                plan(
                    parts.test,
                    [Task(cell, model)],
                    replace(self.policy, max_pixels=model.card.max_pixels),
                    self.store,
                    decoders=self.decoders,
                    retry_failed=self.retry_failed or (fitted is not None and self._failed(cell)),
                ),
            )
            for cell, parts in self.asked.values()
        ]

    def place(self, cell: Cell) -> Path:
        """The folder of ``cell`` in the store."""
        return Store(self.store).cell(cell).folder

    def _failed(self, cell: Cell) -> bool:
        failures = Store(self.store).cell(cell).read().failures
        return any(why.startswith(FAILED) for why in failures.values())


def run_fits(fits: Iterable[Fitting], tick: Tick = lambda n: None) -> None:
    """Fit, ask and commit, one fit after another; ``tick(1)`` reports a finished one.

    Those that another program is at are waited for in the end. One that fails is the recorded
    reason of all that was asked. Raises StoreError if nothing can be written. On an interruption
    what is finished is kept: what of a fit, is its own affair.
    """
    elsewhere = []
    for fit in fits:
        if _alone(fit):
            tick(1)
        else:
            elsewhere.append(fit)
    for fit in elsewhere:
        if not _alone(fit):
            what = "waiting for another program, which is at the fit in"
            print(f"{what} {fit.folder}", file=sys.stderr)
            _alone(fit, wait=True)
        tick(1)


def about(fit: Fitting, asked: str) -> Mapping[str, Any]:
    """What the record of the cell ``asked`` says of its fit: key, seed, sizes of parts, curve."""
    cell, parts = fit.asked[asked]
    return {
        "key": fit.key,
        "seed": fit.seed,
        "train": len(fit.train.samples),
        "validation": len(fit.validation.samples),
        "test": len(parts.test.samples),
        "left_out": len(parts.left_out),
        # Only a fit that was broken off has none in the store.
        "curve": learning_curve.read(fit.place(cell)) or learning_curve.read(fit.folder),
    }


def _alone(fit: Fitting, wait: bool = False) -> bool:
    """Do what is lacking of ``fit``, unless another program is at it: then, False.

    With ``wait``, it is waited for, and only done what that has not.
    """
    lock = FileLock(fit.folder.with_name(f".{fit.folder.name}.lock"))
    with writing(fit.folder):
        fit.folder.mkdir(parents=True, exist_ok=True)
        try:
            held = lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            return False
    with held:
        if any(todo.lacking for _, todo in fit.plans()):
            _fit(fit)
    return True


def _fit(fit: Fitting) -> None:
    try:
        fitted = _fitted(fit)
    except Exception as error:
        why = _why(error, fit)
        for cell, todo in fit.plans():
            if not why.startswith(PASSING):
                learning_curve.keep(fit.folder, fit.place(cell))
            lacking = {name for work in todo.passes for ids in work.lacking for name in ids}
            Store(fit.store).cell(cell).write_part((), None, dict.fromkeys(sorted(lacking), why))
        return
    for cell, todo in fit.plans(fitted):
        learning_curve.keep(fit.folder, fit.place(cell))  # before anything that it says
        serial.execute(run_passes, todo.passes, lambda n: None)


def _fitted(fit: Fitting) -> Model:
    if not isinstance(fit.model, Fittable):
        raise TypeError(f"{fit.model.card.name} has no fit")
    seed_all(fit.key)  # whatever draws from a global generator depends on the fit alone
    fitted = fit.model.fit(fit.train, fit.validation, fit.seed, fit.folder)
    if not isinstance(fitted, Model):
        raise TypeError(f"fit returned a {type(fitted).__name__}, which is no model")
    lacking = {cell.operation for cell, _ in fit.asked.values()} - operations(fitted)
    if lacking:
        raise TypeError(f"the fitted model offers no {', '.join(sorted(lacking))}")
    return fitted


def _why(error: Exception, fit: Fitting) -> str:
    """Why there is no fitted model. Raises StoreError where the disk is full.

    What the system or a file in the fit's folder is to blame for may be mended: it is told, and
    the next run fits again.
    """
    cause: BaseException | None = error
    while cause is not None:  # libraries make errors of their own of a full disk
        if isinstance(cause, OSError) and cause.errno in FULL:
            with writing(fit.folder):
                raise cause
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, OSError) or str(fit.folder) in str(error):
        return f"{NOT_FITTED}: {one_line(error)}"
    return reason(error, FAILED)
