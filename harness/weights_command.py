"""``iqa-eval weights``: the files of parameters that models need, and getting them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from .weights import WeightsFile

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, fetch, add and verify the weights of models.",
)

Names = Annotated[list[str], typer.Argument(help="A file's name, or a model's for all its files.")]


@app.command("list")
def list_weights() -> None:
    """List the files: names, whether each is here, size, whose SHA-256 is known, license."""
    from .download import readable
    from .weights import table
    from .weights.store import checksum, place

    lines = [("name", "here", "official file", "size", "SHA-256", "license", "what it is")]
    for file in table().values():
        path, size = place(file), _size(file)
        here = path.is_file()
        if here and file.size is None:
            size = readable(path.stat().st_size)
        about = f"{file.model}: {file.summary}"
        names = file.name, "yes" if here else "no", file.file
        lines.append((*names, size, checksum(file), file.license, about))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [text.ljust(width) for text, width in zip(line, widths, strict=True)]
        typer.echo("  ".join(cells).rstrip())


@app.command()
def fetch(
    names: Names,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
) -> None:
    """Show the licenses, download the files and check them. Exit code 1 if one is not had."""
    from .weights.fetch import fetch as get
    from .weights.files import chosen
    from .weights.store import place, verify

    lacking = []
    for file in chosen(names):
        if place(file).is_file():
            try:
                verify(file)
                typer.echo(f"{file.name} is here already: {place(file)}")
                continue
            except (OSError, ValueError) as error:
                typer.echo(f"{file.name} is here, but {error}: it is fetched again", err=True)
        lacking.append(file)
        for line in _terms(file):
            typer.echo(line)
    if lacking and not yes:
        typer.confirm("Do you accept the licenses and download?", abort=True)
    failed = 0
    for file in lacking:
        try:
            sha256 = get(file)
        except (OSError, ValueError) as error:  # of this file: the others can be had yet
            failed += 1
            typer.echo(f"{file.name}: {_line(error)}", err=True)
        else:
            typer.echo(_got(file, sha256))
    raise typer.Exit(1 if failed else 0)


@app.command()
def add(
    name: Annotated[
        str, typer.Argument(help="A file's name, or its model's if FILE has the official name.")
    ],
    file: Annotated[Path, typer.Argument(help="It is copied.")],
    replace: Annotated[bool, typer.Option("--replace", help="Even if another is here.")] = False,
) -> None:
    """Check a file that you have, and copy it to where models look for it."""
    from .weights.fetch import add as copy

    typer.echo(_got(*copy(name, file, replace)))


@app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="As for fetch; without any, all that are here.")
    ] = None,
) -> None:
    """Read the files again and check them. Exit code 1 if anything is wrong."""
    from .weights import table
    from .weights.files import chosen
    from .weights.store import checksum, place
    from .weights.store import verify as look

    files = chosen(names) if names else [f for f in table().values() if place(f).is_file()]
    if not files:
        typer.echo("no weights are here; iqa-eval weights list shows what there is")
    wrong = 0
    for file in files:
        compared = {
            "published": "its SHA-256 is the published one",
            "recorded": "its SHA-256 is the one recorded when it came (none is published)",
            "unknown": "no SHA-256 is known to compare it with",
        }[checksum(file)]
        try:
            if not place(file).is_file():
                raise ValueError(f"it is not here; to get it: iqa-eval weights fetch {file.name}")
            look(file)
            typer.echo(f"  ok    {file.name}: {compared}")
        except (OSError, ValueError) as error:
            wrong += 1
            typer.echo(f"  WRONG {file.name}: {_line(error)}")
    raise typer.Exit(1 if wrong else 0)


def _terms(file: WeightsFile) -> list[str]:
    """What to know before anything is downloaded."""
    known = "published" if file.sha256 else "none is published: it is recorded when the file comes"
    return [
        f"{file.name}: {file.model}, {file.summary}",
        f"  license   {file.license}",
        f"  from      {file.address}",
        f"  page      {file.page}",
        f"  size      {_size(file)}",
        f"  SHA-256   {known}",
    ]


def _got(file: WeightsFile, sha256: str) -> str:
    from .weights.store import place

    whose = "as published" if file.sha256 else "recorded; none is published"
    return f"{file.name} is at {place(file)}\n  SHA-256   {sha256} ({whose})"


def _size(file: WeightsFile) -> str:
    from .download import readable

    return "unknown" if file.size is None else readable(file.size)


def _line(error: Exception) -> str:
    from .errors import message

    return message(error)
