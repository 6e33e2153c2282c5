"""``iqa-eval cost``: what it takes to run a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from tqdm import tqdm

from .cli_options import options_of

if TYPE_CHECKING:
    from .cost import Cost

TITLES = (
    *("model", "operation", "width", "height", "batch", "parameters", "macs_modules"),
    *("macs_full", "images_per_second", "peak_memory_bytes", "device", "reason"),
)


def cost(
    models: Annotated[
        list[str] | None, typer.Argument(help="Names, e.g. timm:resnet50; none: --all")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All that list names and that is on this machine.")
    ] = False,
    size: Annotated[
        list[str] | None, typer.Option(help="WIDTHxHEIGHT; repeat. Default: 224x224, 512x384.")
    ] = None,
    batch: Annotated[str, typer.Option(help="Images at once, e.g. 1,8,32")] = "1,8,32",
    model_option: Annotated[
        list[str] | None, typer.Option(help="MODEL.NAME=VALUE, e.g. arniqa.variant=whole.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps …")] = "cpu",
    out: Annotated[Path | None, typer.Option(help="A CSV file for the numbers.")] = None,
) -> None:
    """Measure parameters, MACs, speed and memory. Exit code 1 if a model could not be measured.

    A model that must be fitted first is measured as it is before any fit. With --all, what cannot
    be measured here is a line with the reason, and exit code 1 is for no number at all.
    """
    if every == bool(models):
        raise ValueError("name models, e.g. iqa-eval cost timm:resnet50, or give --all")
    sizes = [_size(text) for text in size or ("224x224", "512x384")]
    batches = [_positive(text, "--batch", "1,8,32") for text in batch.split(",")]
    names = list(_every()) if every else list(models or ())
    given = options_of("model", names, model_option)
    rows: list[Cost] = []
    problems: list[str] = []
    stopped = False
    part = None if out is None else out.with_name(f"{out.name}.part")
    with tqdm(total=len(names) * len(sizes), unit="size", leave=False, delay=2) as bar:
        try:
            for name in names:
                bar.set_description(name, refresh=False)
                end = bar.n + len(sizes)
                for found in _measured(name, given[name], sizes, batches, device, problems):
                    rows += found
                    if part is not None:  # at once: what comes next may take long, or be killed
                        _write(rows, _where(device), part)
                    bar.update()
                bar.update(end - bar.n)
        except KeyboardInterrupt:
            stopped = True
    for line in problems:
        typer.echo(line, err=True)
    if rows:
        _print(rows, _where(device))
        if out is not None and part is not None:
            typer.echo(f"written to {part if stopped else part.replace(out)}")
    if stopped:
        typer.echo("iqa-eval: stopped; a new run measures all of it again", err=True)
        raise typer.Exit(130)
    failed = bool(problems) or any(each.counts is None for each in rows)
    raise typer.Exit(int(not rows if every else failed))


def _every() -> Iterator[str]:
    """The names of all models that are registered, and those that families list."""
    from .model import Family
    from .registry import BrokenPlugin, entries

    for entry in entries("models").values():
        try:
            thing = entry.load()
        except BrokenPlugin:  # its line says why
            thing = None
        listed = thing.listed if isinstance(thing, Family) else None
        yield from [entry.name] if listed is None else (f"{entry.name}:{n}" for n in listed)


def _measured(
    name: str,
    options: dict[str, Any],
    sizes: list[tuple[int, int]],
    batches: list[int],
    device: str,
    problems: list[str],
) -> Iterator[list[Cost]]:
    """Costs of one model, size by size. ``problems`` gets what ends it: others may be measured."""
    from .cost import cost
    from .cost_options import for_cost
    from .errors import message
    from .model import Unavailable
    from .registry import BrokenPlugin, load_model

    try:
        model = load_model(name, **for_cost(name, options))
        for size in sizes:
            yield cost(model, [size], batches, device)
    except (Unavailable, BrokenPlugin, ValueError) as error:
        problems.append(f"{name}: {message(error)}")


def _print(rows: list[Cost], where: str) -> None:
    titles = ("model", "operation", "size", "batch", "params", "MACs", "full", "img/s", "memory")
    lines = [titles, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line, reason in zip(lines, ("", *(row.reason or "" for row in rows)), strict=True):
        padded = [
            text.ljust(width) if k < 2 else text.rjust(width)
            for k, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        typer.echo("  ".join([*padded, reason]).rstrip())
    typer.echo(
        f"{where}. MACs: of linear and convolution layers; full: with the products of attention. "
        "Memory: on a CPU, beyond the loaded model, with one thread."
    )


def _cells(row: Cost) -> tuple[str, ...]:
    about = row.model, row.operation, f"{row.width}x{row.height}", str(row.batch)
    if row.counts is None or row.speed is None:
        return (*about, *["–"] * 5)
    counts, peak = row.counts, row.speed.peak_bytes
    return (
        *about,
        *map(_large, (counts.parameters, counts.macs_modules, counts.macs_full)),
        f"{row.speed.images_per_second:.1f}",
        "–" if peak is None else f"{peak / 2**20:.0f} MiB",
    )


def _large(number: int) -> str:
    if number == 0:
        return "–"
    return f"{number / 1e9:.2f} G" if number >= 1e9 else f"{number / 1e6:.2f} M"


def _write(rows: list[Cost], where: str, path: Path) -> None:
    import csv
    import io

    from .atomic import write_atomic

    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(TITLES)
    for row in rows:
        counts, speed = row.counts, row.speed
        parts: list[Any] = [row.model, row.operation, row.width, row.height, row.batch]
        parts += (
            [None] * 3
            if counts is None
            else [counts.parameters, counts.macs_modules, counts.macs_full]
        )
        parts += [None] * 2 if speed is None else [speed.images_per_second, speed.peak_bytes]
        writer.writerow([*parts, where, row.reason])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, text.getvalue().encode())


def _where(device: str) -> str:
    import platform

    import torch

    if device.startswith("cuda"):
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    if device != "cpu":
        return f"{device}, torch {torch.__version__}"
    processor = platform.processor() or platform.machine()
    return f"{processor}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return (
        _positive(width, "--size", "512x384"),
        _positive(height, "--size", "512x384"),
    )


def _positive(text: str, option: str, example: str) -> int:
    if not text.strip().isdecimal() or int(text) < 1:
        raise ValueError(f"{option}: {text!r} is no whole number above 0; write e.g. {example}")
    return int(text)
