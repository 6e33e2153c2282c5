"""``iqa-eval pretrain``: run a recipe on the photographs of a folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from .photos import Photos
    from .recipe import Recipe

_SHOWN = 8  # photographs, at most, that are named because they are left out


def pretrain(
    name: Annotated[str, typer.Argument(help="A recipe, e.g. slide-iqa")],
    photos: Annotated[Path, typer.Option(help="Folder of photographs; sub-folders count.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoint, state, log and drawing.")],
    apart_from: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Leave out what looks like a photograph below DIR; may be repeated.",
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The checkpoint to begin with, where a recipe has one before it.",
        ),
    ] = None,
    preset: Annotated[str, typer.Option(help="One of the recipe's settings.")] = "small",
    steps: Annotated[int | None, typer.Option(help="Instead of the preset's.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images a step, of all processes.")] = None,
    seed: Annotated[int | None, typer.Option(help="Fixes all that is drawn.")] = None,
    precision: Annotated[
        str | None, typer.Option(help="32-true or bf16-mixed (as fast as the processor knows it).")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 …")] = "auto",
    processes: Annotated[int, typer.Option(help="On this machine; a GPU each.")] = 1,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Processes that draw batches beside each of them; with a GPU up to 8, else 0.",
        ),
    ] = None,
) -> None:
    """Pretrain an encoder. Stopped or killed, the same command goes on where it ended."""
    make = _maker(name, start)
    given: dict[str, Any] = {"steps": steps, "batch": batch, "seed": seed, "precision": precision}
    recipe = make(preset, {key: value for key, value in given.items() if value is not None})
    _require_fabric()
    from .apart import Apart
    from .loop import check
    from .loop import pretrain as run
    from .photos import Photos

    check(recipe, out, processes, workers)
    apart = Apart.from_folders(apart_from) if apart_from else None
    found = Photos(photos, apart=apart)
    _report(found)
    written = run(recipe, found, out, device, processes, workers)
    typer.echo(f"the checkpoint: {written}")


def _maker(name: str, start: Path | None) -> Callable[..., Recipe]:
    """What makes the recipe of that name; it begins with ``start``, if that is given."""
    from harness.registry import find

    make = find("recipes", name).load()
    if start is None:
        return make
    if "start" not in signature(make).parameters:
        raise ValueError(f"{name} begins with no checkpoint: leave out --start")
    return partial(make, start=start)


def _require_fabric() -> None:
    from importlib.util import find_spec

    from harness.model import Unavailable

    if find_spec("lightning_fabric") is None:
        raise Unavailable(
            "pretraining needs the module lightning_fabric, which is not installed",
            "pip install 'iqa-eval[pretrain]'",
        )


def _report(photos: Photos) -> None:
    reasons = {**photos.left_out, **photos.failures}
    for name, reason in list(reasons.items())[:_SHOWN]:
        typer.echo(f"left out: {name}: {reason}", err=True)
    if len(reasons) > _SHOWN:
        typer.echo(f"left out: {len(reasons) - _SHOWN} more", err=True)
    typer.echo(f"{len(photos)} photographs of {photos.folder}")
