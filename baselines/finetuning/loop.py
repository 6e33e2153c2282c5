"""The loop: an objective and labeled images → a fitted student, killed and resumed as need be."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from torch import Tensor

from harness.atomic import sweep, write_atomic
from harness.canonical import canonical_json, digest
from harness.sample import Dataset

from ..pretraining import checkpoint
from ..saved_state import same_run
from . import memory
from .ahead import threads_for
from .config import FitConfig
from .epochs import begin, run_epochs
from .objective import Objective
from .pictures import Pictures
from .run import CURVE, FITTED, STATE, Fit
from .steps import Diverged


def fit(
    objective: Objective,
    config: FitConfig,
    train: Dataset,
    validation: Dataset,
    seed: int,
    workdir: Path,
    device: str = "cpu",
) -> Path:
    """Fit a student on the labels of ``train``; the file that holds it.

    Of all epochs, and of all rates of ``lr_search``, that one is kept which ranks the images of
    ``validation`` best (SRCC; the latest epoch and the first rate of several). Writes to
    ``workdir``: fitted.safetensors (the student, its shape, the scale of the labels, the epoch),
    curve.csv, teacher.csv (of what comes before the epochs, if anything does), and until it is
    finished state.pt, an epoch at a time, from which a fit that was killed goes on: on a CPU, with
    the same number of threads, to the same bits. Where it is finished, it is only read. Several
    rates have a folder each in ``workdir``, and one teacher; a rate at which the loss is not finite
    loses to all others. The seconds that epochs took are in "seconds", a line an epoch.

    Raises ValueError, in one line, where there is too little to fit on, where the loss is not
    finite at any rate, and for a folder of another fit, or to which another process writes.
    """
    run = _settings(objective, config, train, validation, seed)
    target = workdir / FITTED
    workdir.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(workdir / ".lock", timeout=0):
            sweep(workdir)
            if not _finished(target, run):
                threads = threads_for(device)
                learned = Pictures(train, config, memory.for_pictures(), threads)
                parts = learned, Pictures(validation, config, learned.left, threads)
                for part, least, of in zip(parts, (2, 1), ("train", "validate"), strict=True):
                    if len(part) < least:
                        raise ValueError(
                            f"{train.name}: {len(part)} labeled images to {of} on; it takes {least}"
                        )
                wanted = Fit(objective, config, *parts, seed, workdir, device, run)
                if config.lr_search:
                    _search(wanted)
                else:
                    run_epochs(wanted)
    except Timeout:
        raise ValueError(f"{workdir}: another process is fitting there") from None
    return target


def _search(wanted: Fit) -> None:
    """Fit with each rate in a folder of its own; the best becomes that of the whole.

    What comes before the epochs does not depend on the rate: it is done once, in the folder of the
    whole. Raises Diverged if the loss is not finite with any rate, or before the epochs.
    """
    folders = {rate: wanted.folder / f"lr-{rate:g}" for rate in wanted.config.lr_search}
    best: tuple[float, Path] | None = None
    diverged: dict[float, Diverged] = {}
    for rate, folder in folders.items():
        folder.mkdir(exist_ok=True)
        config = replace(wanted.config, lr=rate, lr_search=())
        run = {**wanted.run, "fit": _plain(asdict(config))}
        if not _finished(folder / FITTED, run):
            begun = None if (folder / STATE).exists() else begin(wanted)
            fit = replace(wanted, config=config, folder=folder, run=run)
            try:
                run_epochs(fit, begun)
            except Diverged as error:
                diverged[rate] = error
                continue
        srcc = _read(folder / FITTED)[1]["srcc"]
        if best is None or srcc > best[0]:
            best = srcc, folder
    if best is None:
        rate, why = min(diverged.items())
        raise Diverged(f"no rate of lr_search is low enough: with {rate:g} {why}")
    tensors, told = _read(best[1] / FITTED)
    write_atomic(wanted.folder / CURVE, (best[1] / CURVE).read_bytes())
    checkpoint.write(wanted.folder / FITTED, tensors, {**told, "run": wanted.run})
    for folder in (wanted.folder, *(folders[rate] for rate in diverged)):
        (folder / STATE).unlink(missing_ok=True)


def _finished(target: Path, run: dict[str, Any]) -> bool:
    """Whether ``target`` is there; raises ValueError if it is of another fit or cannot be read."""
    if not target.exists():
        return False
    same_run(target, _read(target)[1].get("run"), run, "fit in another folder")
    target.with_name(STATE).unlink(missing_ok=True)  # of a fit killed at its very end
    return True


def _read(target: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        return checkpoint.read(target)
    except ValueError as error:
        raise ValueError(f"{error}; remove it to fit again") from None


def _settings(
    objective: Objective, config: FitConfig, train: Dataset, validation: Dataset, seed: int
) -> dict[str, Any]:
    """All that decides what a fit computes on one machine, as JSON has it."""
    parts = {
        name: digest([[s.id for s in part.samples], part.images_hash, part.labels_hash])
        for name, part in (("train", train), ("validation", validation))
    }
    found = {
        "objective": objective.name,
        "version": objective.version,
        "settings": objective.config,
        "fit": asdict(config),
        "seed": seed,
        **parts,
    }
    return _plain(found)


def _plain(value: Any) -> Any:
    return json.loads(canonical_json(value))
