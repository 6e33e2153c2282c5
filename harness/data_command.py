"""``iqa-eval data``: the standard datasets, what lies of them in a folder, and getting them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from .datasets.fetch import Offer
    from .datasets.spec import Spec

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, verify and fetch the standard datasets.",
)

Name = Annotated[str, typer.Argument(help="A standard dataset, e.g. kadid10k.")]


@app.command("list")
def list_datasets(
    root: Annotated[
        Path | None, typer.Option(help="Folder that holds a folder for each dataset.")
    ] = None,
) -> None:
    """List the standard datasets: size, how to get them, and how much of them is here."""
    lines = [("name", "images", "references", "to get it", "here", "license")]
    for spec in _specs():
        way = "fetch" if spec.hub else "by hand"
        here = "" if root is None else _here(spec, root)
        counts = str(spec.n_images), str(spec.n_references or "-")
        lines.append((spec.name, *counts, way, here, spec.license))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            text.rjust(width) if title in ("images", "references") else text.ljust(width)
            for title, text, width in zip(lines[0], line, widths, strict=True)
            if root is not None or title != "here"
        ]
        typer.echo("  ".join(cells).rstrip())


@app.command()
def verify(
    name: Name,
    root: Annotated[Path, typer.Option(help="The dataset's folder.")],
) -> None:
    """Say what is present, missing, extra or inconsistent. Exit code 1 if anything is wrong."""
    _verify(_spec(name), root)


@app.command()
def fetch(
    name: Name,
    to: Annotated[Path, typer.Option(help="Its folder is made in here.")] = Path("data"),
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
) -> None:
    """Show the license, download a dataset, unpack it and verify it."""
    from .datasets import fetch as hub

    spec = _spec(name)
    folder = to / (spec.hub.folder if spec.hub else spec.name)
    if folder.exists():
        typer.echo(f"{folder} is there already: nothing is fetched")
        _verify(spec, folder)
    by_hand = (
        f"get it from {spec.homepage}, put it into {folder} ({spec.layout}), then: "
        f"iqa-eval data verify {spec.name} --root {folder}"
    )
    if spec.hub is None:
        raise ValueError(f"{spec.name} cannot be fetched: {by_hand}")
    for line in _terms(spec):
        typer.echo(line)
    if not yes:
        typer.confirm("Do you accept the license?", abort=True)
    try:
        offer = hub.ask(spec.hub)
    except ConnectionError as error:
        raise ConnectionError(f"{error}; try again later, or {by_hand}") from error
    for line in _download(offer):
        typer.echo(line)
    if not yes:
        typer.confirm("Download it?", abort=True)
    typer.echo(f"SHA-256   {hub.fetch(spec, offer, folder)}")
    _verify(spec, folder)


def _terms(spec: Spec) -> list[str]:
    """What to know before anybody is asked for it."""
    return [
        f"{spec.title}: {spec.n_images} images",
        f"license   {spec.license}",
        f"citation  {spec.citation}",
        f"homepage  {spec.homepage}",
    ]


def _download(offer: Offer) -> list[str]:
    """What to know before it is downloaded."""
    from .download import readable

    pinned = "" if offer.pinned else f" (not pinned: today's {offer.hub.revision})"
    return [
        f"from      {offer.address}",
        f"revision  {offer.commit}{pinned}",
        f"download  {readable(offer.size)}",
    ]


def _verify(spec: Spec, folder: Path) -> NoReturn:
    from .datasets.verify import verify as look

    report = look(spec, folder)
    for line in report.lines():
        typer.echo(line)
    raise typer.Exit(0 if report.ok else 1)


def _here(spec: Spec, root: Path) -> str:
    """How many of the images lie in the dataset's folder below ``root``."""
    from .datasets.places import find_place, folder_names

    if (place := find_place(folder_names(spec), root)) is None:
        return "no"
    try:
        folder = spec.folder(place)
        entries = spec.listing(folder).entries
    except (OSError, ValueError):
        return "unusable: verify"
    return f"{sum(folder.has(entry.path) for entry in entries)} images"


def _specs() -> Iterator[Spec]:
    from .datasets.spec import Spec
    from .registry import BrokenPlugin, entries

    for entry in entries("datasets").values():
        try:
            found = entry.load()
        except BrokenPlugin as error:
            typer.echo(f"warning: {error}", err=True)
            continue
        if isinstance(found, Spec):
            yield found


def _spec(name: str) -> Spec:
    from .datasets.spec import Spec
    from .registry import find

    found = find("datasets", name).load()
    if not isinstance(found, Spec):
        raise ValueError(f"{name!r} is made here: there is nothing to verify or to fetch")
    return found
