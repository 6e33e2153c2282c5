"""``iqa-eval coverage``: which parts of an image a model looks at, measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .coverage import Coverage

TITLES = (
    *("model", "operation", "width", "height", "block", "share", "low", "high", "exact", "calls"),
    *("noise", "resampling", "fine_psnr_db"),
)
_ABREAST = 2  # panels in a line


def coverage(
    model: Annotated[str, typer.Argument(help="A model's name, e.g. arniqa")],
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, for the model.")] = None,
    size: Annotated[
        list[str] | None,
        typer.Option(help="WIDTHxHEIGHT; repeat. Default: 512x384, 1024x768, 1920x1080, 3000x2000"),
    ] = None,
    calls: Annotated[
        int, typer.Option(min=100, help="Images to show, at most, for each size.")
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Fixes everything that is drawn.")] = 0,
    out: Annotated[
        list[Path] | None, typer.Option(help="A .png of the maps, a .csv of the numbers; repeat.")
    ] = None,
) -> None:
    """Measure what a model sees. Exit code 1 if it could not be measured at one of the sizes."""
    from harness.cli_options import options
    from harness.errors import one_line
    from harness.registry import load_model

    from .coverage import SIZES
    from .coverage import coverage as measure

    for path in out or ():
        if path.suffix not in (".png", ".csv"):
            raise ValueError(f"--out {path}: write a name that ends in .png or .csv")
    sizes = [_size(text) for text in size or ()] or list(SIZES)
    loaded = load_model(model, **options(option))
    found, failed = [], False
    for each in sizes:
        try:
            found.append(measure(loaded, each, calls=calls, seed=seed, progress=True))
        except Exception as error:  # a size that the model refuses costs only itself
            failed = True
            typer.echo(f"{model} at {each[0]}x{each[1]}: {one_line(error)}", err=True)
        else:
            typer.echo(line(found[-1]))
    for path in out or ():
        if not found:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png":
            path.write_bytes(picture(found))
        else:
            _write(found, path)
        typer.echo(f"written to {path}")
    raise typer.Exit(int(failed))


def line(found: Coverage) -> str:
    """What was measured at one size, in one line."""
    share = f"{found.share:.1%}"
    if not found.exact:
        share += f" ({found.low:.1%} to {found.high:.1%})"
    detail = "no detail"
    if found.resampling < float("inf"):
        detail = f"detail from {2 * found.resampling:.3g} px on"
        detail += f", fine noise at {found.fine_psnr:.1f} dB"
    size = f"{found.frame.width}x{found.frame.height}"
    return f"{size:>9}  {found.operation} sees {share}, {detail}  ({found.calls} calls)"


def picture(found: Sequence[Coverage]) -> bytes:
    """A PNG: for each size a map of its blocks."""
    import numpy as np
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    from harness.reports.style import COLORS, INK, MUTED, finish, short, style

    from .coverage_search import OPEN, SEEN, UNSEEN

    # Dark, middle and light: told apart in gray, too.
    looks = {SEEN: (COLORS[0], "seen"), UNSEEN: ("#ffffff", "unseen"), OPEN: ("#c9ced6", "open")}
    with style():
        abreast = min(_ABREAST, len(found))
        lines = -(-len(found) // abreast)
        figure = Figure(figsize=(3.6 * abreast, 2.7 * lines + 0.7), layout="constrained")
        grid = figure.subplots(lines, abreast, squeeze=False)
        for axes, each in zip(grid.flat, found, strict=False):
            frame = each.frame
            axes.imshow(
                np.select([each.seen == state for state in looks], range(len(looks))),
                cmap=ListedColormap([color for color, _ in looks.values()]),
                vmin=0,
                vmax=len(looks) - 1,
                interpolation="nearest",
                extent=(0, frame.columns * frame.block, frame.rows * frame.block, 0),
            )
            axes.set_xlim(0, frame.width)
            axes.set_ylim(frame.height, 0)
            axes.grid(visible=False)
            axes.spines[["top", "right"]].set_visible(True)
            about = "" if each.exact else f" ({each.low:.1%} to {each.high:.1%})"
            title = f"{frame.width} × {frame.height}: {each.share:.1%} seen{about}"
            axes.set_title(title, fontsize=9, color=INK)
            axes.set_xlabel("x (pixels)")
            axes.set_ylabel("y (pixels)")
        for axes in grid.flat[len(found) :]:
            axes.set_axis_off()
        patches = [Patch(facecolor=c, edgecolor=MUTED, label=text) for c, text in looks.values()]
        figure.legend(handles=patches, loc="outside lower center", ncols=len(looks))
        about = f"{found[0].operation}; blocks of {found[0].frame.block} pixels"
        title = f"What {short(found[0].model)} sees"
        return finish("coverage", figure, title, about, "", "").png


def _write(found: Sequence[Coverage], path: Path) -> None:
    import csv

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(TITLES)
        for each in found:
            frame = each.frame
            about = each.model, each.operation, frame.width, frame.height, frame.block
            shares = each.share, each.low, each.high, each.exact, each.calls
            writer.writerow([*about, *shares, each.noise, each.resampling, each.fine_psnr])


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ValueError(f"--size {text!r}: write WIDTHxHEIGHT in pixels, e.g. 512x384")
    return int(width), int(height)
