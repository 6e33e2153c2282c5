"""The state of a run: all that it needs to go on after a kill as if nothing had happened."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import torch

from harness.atomic import publish
from harness.canonical import canonical_json

from ..state_dict import in_one_line, opening
from .photos import Photos
from .recipe import Recipe

_HOW_OFTEN = ("log_every", "save_every")  # change nothing in the weights
_SHOWN = 3  # settings, at most, in a refusal


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

    def fill(file: BinaryIO) -> str:
        torch.save({field.name: getattr(state, field.name) for field in fields(State)}, file)
        return path.name

    publish(path.parent, fill)


def read_state(path: Path, run: Mapping[str, Any]) -> State | None:
    """What was saved, on the CPU; None where nothing was. Nothing in the file is ever run.

    Raises ValueError, in one line, if it cannot be read or is of a run with other settings.
    """
    if not path.exists():
        return None
    try:
        opening(path)
        with zipfile.ZipFile(path) as archive:  # torch.load does not look at checksums
            if (part := archive.testzip()) is not None:
                raise ValueError(f"{part} is damaged")
        found = torch.load(path, map_location="cpu", weights_only=True)
        state = State(**found)
    except Exception as error:
        why = str(error) if isinstance(error, ValueError) else in_one_line(error)
        raise ValueError(
            f"{path}: no run can go on from it: {why}; remove it to begin again"
        ) from None
    if changed := list(_changed(state.run, run)):
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        raise ValueError(
            f"{path} is of a run with other settings ({'; '.join(changed[:_SHOWN])}{more}): "
            "go on with those, or give another folder with --out"
        )
    return state


def _changed(before: Any, now: Any, name: str = "") -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in sorted({*before, *now}):
            inner = f"{name}.{key}" if name else key
            yield from _changed(before.get(key), now.get(key), inner)
    elif before != now:
        yield f"{name} was {_short(before)}, is {_short(now)}"


def _short(value: Any) -> str:
    text = canonical_json(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
