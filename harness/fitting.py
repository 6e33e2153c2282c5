"""Fits: a model is fitted on two parts of a dataset, and the fitted one asked about a third.

Fits run side by side, one in a process and each on one thread, so that a seed gives the same
weights whatever the number of workers. What a fit leaves in its folder is for it to resume by; what
the fitted model says goes into the store, so that a second run fits nothing again.
"""

from __future__ import annotations

import csv
import errno
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .cells import Cell
from .executors import serial
from .extract import Task, Tick, reason, run_passes
from .images import DecodePolicy
from .model import Fittable, Model, operations
from .planning import Plan, plan
from .randomness import seed_all
from .sample import Dataset
from .store import Store, StoreError

CURVE = "curve.csv"  # what a fit may leave: one row an epoch


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
    asked: dict[str, tuple[Cell, Dataset]] = field(default_factory=dict)

    def plans(self, model: Model | None = None) -> list[tuple[Cell, Plan]]:
        """What the store lacks of each cell, by ``model`` or by the one that is not fitted."""
        model = model or self.model
        return [
            (
                cell,
                plan(
                    test,
                    [Task(cell, model)],
                    replace(self.policy, max_pixels=model.card.max_pixels),
                    self.store,
                    decoders=self.decoders,
                    retry_failed=self.retry_failed,
                ),
            )
            for cell, test in self.asked.values()
        ]


def run_fits(fits: Iterable[Fitting], tick: Tick = lambda n: None) -> None:
    """Fit, ask and commit, one fit after another; ``tick(1)`` reports a finished one.

    One that fails is the recorded reason of all that was asked. Raises StoreError if nothing
    can be written. On an interruption what is finished is kept: what of a fit, is its own affair.
    """
    for fit in fits:
        _fit(fit)
        tick(1)


def curve(folder: Path) -> list[dict[str, float | str]]:
    """The learning curve that a fit has left in its ``folder``, a row an epoch; [] if none."""
    path = folder / CURVE
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    return [dict(zip(header, map(_number, row), strict=False)) for row in rows]


def _fit(fit: Fitting) -> None:
    try:
        fitted = _fitted(fit)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreError(
                f"cannot write to {fit.folder}: the disk is full; what was finished is kept; "
                "--cache or the variable IQA_EVAL_CACHE names another folder"
            ) from error
        why = reason(error, "fit failed: ")
        for cell, todo in fit.plans():
            lacking = {name for work in todo.passes for ids in work.lacking for name in ids}
            Store(fit.store).cell(cell).write_part((), None, dict.fromkeys(sorted(lacking), why))
        return
    for _, todo in fit.plans(fitted):
        serial.execute(run_passes, todo.passes, lambda n: None)


def _fitted(fit: Fitting) -> Model:
    if not isinstance(fit.model, Fittable):
        raise TypeError(f"{fit.model.card.name} has no fit")
    fit.folder.mkdir(parents=True, exist_ok=True)
    seed_all(fit.key)  # whatever draws from a global generator depends on the fit alone
    fitted = fit.model.fit(fit.train, fit.validation, fit.seed, fit.folder)
    if not isinstance(fitted, Model):
        raise TypeError(f"fit returned a {type(fitted).__name__}, which is no model")
    lacking = {cell.operation for cell, _ in fit.asked.values()} - operations(fitted)
    if lacking:
        raise TypeError(f"the fitted model offers no {', '.join(sorted(lacking))}")
    return fitted


def _number(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text  # JSON has no form for it


def about(fit: Fitting, cell: Cell) -> Mapping[str, Any]:
    """What a record says of a fit: its key, its parts' sizes, its seed and its learning curve."""
    _, test = fit.asked[cell.key]
    return {
        "key": fit.key,
        "seed": fit.seed,
        "train": len(fit.train.samples),
        "validation": len(fit.validation.samples),
        "test": len(test.samples),
        "curve": curve(fit.folder),
    }
