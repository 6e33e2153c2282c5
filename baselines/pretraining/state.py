"""The state of a run: what it needs to go on after a kill, and what it was begun with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from harness.canonical import canonical_json

from .. import saved_state
from ..state_dict import in_one_line
from .photos import Photos
from .recipe import Recipe

_HOW_OFTEN = ("log_every", "save_every")  # change nothing in the weights


@dataclass(frozen=True)
class State:
    """After ``step`` steps. No random state: every step draws from a generator of its own.

    ``run`` is what it was begun with (see `settings`); ``pending`` are the numbers of steps
    that are not in the log yet; ``seconds`` is the time spent so far.
    """

    run: Mapping[str, Any]
    step: int
    seconds: float
    pending: list[dict[str, float]]
    model: dict[str, Any]
    optimizer: dict[str, Any]


def settings(recipe: Recipe, photos: Photos, processes: int) -> dict[str, Any]:
    """All that decides what a run computes, as JSON has it: a run goes on only with the same."""
    plan = {k: v for k, v in asdict(recipe.optimization).items() if k not in _HOW_OFTEN}
    found: dict[str, Any] = {
        "recipe": recipe.name,
        "config": dict(recipe.config),
        "optimization": plan,
        "photos": photos.sha256,
        "processes": processes,
    }
    if photos.apart_from:
        found["apart"] = {"from": photos.apart_from, "left_out": photos.left_out}
    return json.loads(canonical_json(found))


def write_state(path: Path, state: State) -> None:
    """Replace the file at ``path``, whole or not at all."""
    saved_state.write(path, {field.name: getattr(state, field.name) for field in fields(State)})


def read_state(path: Path, run: Mapping[str, Any]) -> State | None:
    """What was saved, on the CPU; None where nothing was. Nothing in the file is ever run.

    Raises ValueError, in one line, if it cannot be read or is of a run with other settings.
    """
    found = saved_state.read(path, run, "go on with those, or give another folder with --out")
    try:
        return None if found is None else State(**found)
    except TypeError as error:
        raise ValueError(
            f"{path}: no run can go on from it: {in_one_line(error)}; remove it to begin again"
        ) from None
