"""``iqa-eval gate-images``: may new pictures replace the old ones? The exit code says it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .gate_command import (
    JunitFile,
    Strict,
    SummaryFile,
    check_files,
    check_margin,
    deliver,
    write,
)


def gate_images(
    baseline: Annotated[Path, typer.Option(help="A folder of pictures.")],
    candidate: Annotated[Path, typer.Option(help="The same ones, made anew: to be judged.")],
    models: Annotated[
        list[str], typer.Option("--models", "-m", help="Models that give scores; repeat, or A,B.")
    ],
    reference: Annotated[
        Path | None, typer.Option(help="Their originals, for models that compare.")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="A drop that does not matter, in SDs of scores; default 0.05."),
    ] = None,
    strict: Strict = False,
    model_option: Annotated[
        list[str] | None, typer.Option(help="MODEL.NAME=VALUE, e.g. arniqa.head=koniq10k.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with the worst pictures there.")
    ] = None,
    maps: Annotated[
        list[str] | None,
        typer.Option(help="More models whose maps the page shows; repeat, or A,B."),
    ] = None,
    summary: SummaryFile = None,
    junit: JunitFile = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; default: every core.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps …")] = "cpu",
    cache: Annotated[Path | None, typer.Option(help="Where finished work is kept.")] = None,
    retry_failed: Annotated[bool, typer.Option(help="Try recorded failures again.")] = False,
) -> None:
    """Compare pictures, one by one, before and after a change of what makes them.

    Exit code 0: fine; 1: regressed; 2: not comparable.
    """
    from .cache import default_cache
    from .cli_options import names, options_of
    from .file_hashes import remembering
    from .image_files import names_below
    from .images import DEFAULT_POLICY
    from .runner import cores
    from .settings import Settings

    chosen = list(dict.fromkeys(names(models)))
    if not chosen:
        raise ValueError("--models: name at least one model")
    mappers = [name for name in dict.fromkeys(names(maps)) if name not in chosen]
    if mappers and html is None:
        raise ValueError("--maps are shown on the page: name its file with --html")
    check_margin(margin)
    check_files(html=html, summary=summary, junit=junit)
    given = options_of("model", [*chosen, *mappers], model_option)
    for folder in (baseline, candidate, reference):  # before any model is loaded
        if folder is not None:
            names_below(folder)

    from .gating.images_gate import MARGIN
    from .gating.images_gate import gate_images as judge
    from .gating.images_scores import operation_for
    from .model import MAP_OPERATIONS, operations

    found, absent = _load(chosen, given, device)
    for model in found:
        operation_for(model, reference is not None)
    mapping, without = _load(mappers, given, device)
    if without:
        raise ValueError(f"--maps {min(without)}: {without[min(without)]}")
    for model in mapping:
        if not operations(model) & MAP_OPERATIONS:
            raise ValueError(f"--maps {model.card.name}: it makes no maps")
    folder = default_cache() if cache is None else cache
    settings = Settings(
        cells=folder / "cells",
        policy=DEFAULT_POLICY,
        workers=workers or cores(),
        device=device,
        retry_failed=retry_failed,
    )
    with remembering(folder):
        outcome = judge(
            baseline,
            candidate,
            found,
            settings,
            reference=reference,
            margin=MARGIN if margin is None else margin,
            strict=strict,
            absent=absent,
        )
    unwritten = ""
    if html is not None:
        from .gating.images_page import render

        page = render(outcome, [*found, *mapping], settings.policy).encode()
        unwritten = write("html", html, page)
        if not unwritten:
            typer.echo(f"The page: {html}")
    deliver(outcome.report, summary, junit, unwritten)


def _load(
    chosen: list[str], given: dict[str, dict[str, Any]], device: str
) -> tuple[list[Any], dict[str, str]]:
    """The models, on the device, and why others cannot be had."""
    from .errors import message
    from .model import Unavailable
    from .registry import load_model

    found: list[Any] = []
    absent: dict[str, str] = {}
    for name in chosen:
        try:
            model: Any = load_model(name, **given[name])
        except Unavailable as error:
            absent[name] = message(error)
            continue
        if hasattr(model, "to"):
            model.to(device)
        found.append(model)
    return found, absent
