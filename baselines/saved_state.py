"""The state of a training: all that it needs to go on after a kill as if nothing had happened."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from harness.atomic import write_atomic
from harness.canonical import canonical_json

from .state_dict import in_one_line, opening

_SHOWN = 3  # settings, at most, in a refusal


def write(path: Path, state: Mapping[str, Any]) -> None:
    """Replace the file at ``path``, whole or not at all; OSError if it cannot be written.

    ``state`` holds plain values and tensors; its "run" is all that decides what the training
    computes, as JSON has it.
    """
    made = BytesIO()  # written to a file, torch.save makes another error of a full disk
    torch.save(dict(state), made)
    write_atomic(path, made.getvalue())


def read(path: Path, run: Mapping[str, Any], otherwise: str) -> dict[str, Any] | None:
    """What was saved, on the CPU; None where nothing was. Nothing in the file is ever run.

    Raises ValueError, in one line, if it cannot be read, or if its "run" is another; then it ends
    with ``otherwise``.
    """
    if not path.exists():
        return None
    try:
        opening(path)
        with zipfile.ZipFile(path) as archive:  # torch.load does not look at checksums
            if (part := archive.testzip()) is not None:
                raise ValueError(f"{part} is damaged")
        found = dict(torch.load(path, map_location="cpu", weights_only=True))
        before = found["run"]
    except Exception as error:
        why = str(error) if isinstance(error, ValueError) else in_one_line(error)
        raise ValueError(
            f"{path}: no run can go on from it: {why}; remove it to begin again"
        ) from None
    same_run(path, before, run, otherwise)
    return found


def same_run(path: Path, before: Any, now: Mapping[str, Any], otherwise: str) -> None:
    """Raise ValueError, in one line, if what ``path`` was begun with is not what is wanted now."""
    if changed := list(_changed(before, now)):
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        raise ValueError(
            f"{path} is of a run with other settings ({'; '.join(changed[:_SHOWN])}{more}): "
            f"{otherwise}"
        )


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
