"""``iqa-eval probe``: a probe set as files, their verification, and a sheet to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from harness.sample import Dataset

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Build, verify and show probe sets.",
)

Name = Annotated[str, typer.Argument(help="A probe set, e.g. probes-default or demo-probes.")]
Root = Annotated[
    Path | None, typer.Option(help="Folder of photographs; default: those that are embedded.")
]
Budget = Annotated[int | None, typer.Option(help="Probes; default: the set's own.")]
Seed = Annotated[int | None, typer.Option(help="Fixes everything that is drawn; default: 0.")]
Workers = Annotated[int | None, typer.Option(help="Processes; default: every core.")]


@app.command()
def build(
    out: Annotated[Path, typer.Option(help="Folder for images, manifest and card.")],
    name: Name = "probes-default",
    root: Root = None,
    budget: Budget = None,
    seed: Seed = None,
    workers: Workers = None,
) -> None:
    """Write a probe set as PNG files and a Parquet manifest: a Hugging Face dataset.

    The same command again finishes a build that was stopped.
    """
    import time

    from harness.errors import count

    from .stored import build as write

    options = _given(budget=budget, seed=seed)
    dataset = _load(name, root, options)
    began = time.monotonic()
    # Of the folder only its name: where it lies is nobody else's matter.
    noted = options if root is None else {**options, "root": root.resolve().name}
    built = write(dataset, out, noted, workers)
    seconds = max(time.monotonic() - began, 1e-3)
    typer.echo(
        f"{count(built.files, 'image')} in {out} ({built.kept} of them were there), "
        f"{count(built.unreached, 'cell')} that cannot be reached; {seconds:.0f} s"
    )
    typer.echo(f"SHA-256 of the set  {built.set_hash}")


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="A folder that build has written.")],
    render: Annotated[
        bool, typer.Option("--render", help="Also make every image and its row anew and compare.")
    ] = False,
    root: Root = None,
    workers: Workers = None,
) -> None:
    """Read every image and row again: missing, extra or changed. Exit code 1 if any is off."""
    from .stored_verify import about
    from .stored_verify import verify as look

    if root is not None and not render:
        raise ValueError("--root is the folder to render from: give --render too")
    said = about(folder)
    photographs = said["options"].pop("root", None)
    if render and root is None and photographs is not None:
        raise ValueError(f"built from the photographs of a folder {photographs!r}: give its --root")
    dataset = _load(said["name"], root, said["options"]) if render else None
    report = look(folder, dataset, workers)
    for line in report.lines():
        typer.echo(line)
    raise typer.Exit(0 if report.ok else 1)


@app.command()
def show(
    out: Annotated[Path, typer.Option(help="The PNG file to write.")],
    name: Name = "probes-default",
    rows: Annotated[int, typer.Option("--n", min=1, help="Ladders, one a row.")] = 8,
    root: Root = None,
    budget: Budget = None,
    seed: Seed = None,
) -> None:
    """Write a contact sheet: ladders of probes with their masks' outlines and achieved damage."""
    from .gallery import contact_sheet

    contact_sheet(_load(name, root, _given(budget=budget, seed=seed)), out, rows)
    typer.echo(f"{out}")


@app.command()
def gallery(
    out: Annotated[Path, typer.Option(help="Folder for pictures and index.")] = Path(
        "results/probes"
    ),
    name: Name = "probes-default",
    per: Annotated[int, typer.Option(min=1, help="Ladders of each type and kind.")] = 1,
    root: Root = None,
    budget: Budget = None,
    seed: Seed = None,
    workers: Workers = None,
) -> None:
    """Write small pictures of a part of a probe set, with their masks, for the site to show."""
    from .gallery_files import write_gallery

    written = write_gallery(_load(name, root, _given(budget=budget, seed=seed)), out, per, workers)
    typer.echo(f"{out}  {written / 1e6:.1f} MB")


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _load(name: str, root: Path | None, options: dict[str, Any]) -> Dataset:
    from harness.datasets import load_dataset

    return load_dataset(name, root, **options)
