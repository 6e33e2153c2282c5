"""``iqa-eval reproduce``: a published table, measured here as far as possible."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from .reproduce import Reproduction


def reproduce(
    paper: Annotated[
        str | None, typer.Argument(help="A published table, e.g. arniqa-table1, or a .yaml file.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Folder that holds a folder for each dataset.")
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option(help="NAME=FOLDER of a dataset that lies elsewhere.")
    ] = None,
    splits: Annotated[
        Path | None, typer.Option(help="Folder that holds, for each dataset, its split files.")
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(help="Only these methods, or other models to measure alike; repeat, or A,B."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results; default: results/PAPER.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the tables and stop.")] = False,
    seed: Annotated[int, typer.Option(help="Fixes all that is drawn.")] = 0,
    workers: Annotated[int | None, typer.Option(help="Processes; default: every core.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps …")] = "cpu",
    cache: Annotated[Path | None, typer.Option(help="Where finished work is kept.")] = None,
    retry_failed: Annotated[bool, typer.Option(help="Try recorded failures again.")] = False,
) -> None:
    """Measure a published table's cells; print published, measured, difference and interval."""
    from .papers import paper_names, read_paper

    if listed:
        for name in paper_names():
            each = read_paper(name)
            about = f"{each.title}, {each.venue} {each.year}"
            typer.echo(f"{name:<16} {len(each.cells):>3} cells  {about}")
        return
    if paper is None:
        raise ValueError(f"name a table: {', '.join(paper_names())}, or a .yaml file")
    from .reproduce import reproduce as measure
    from .requirements import Sources

    table = read_paper(paper)
    target = Path("results") / table.name if out is None else out
    found = measure(
        table,
        Sources(root, _folders(data), splits),
        models=[name for value in models or () for name in value.split(",") if name],
        out=target,
        seed=seed,
        workers=workers,
        device=device,
        cache=cache,
        retry_failed=retry_failed,
    )
    _report(found, target)


def _report(found: Reproduction, out: Path) -> None:
    """Print the table, and write it below ``out`` beside the records and their report."""
    from .atomic import write_atomic
    from .reports import write_report
    from .reports.comparison import comparison_table, print_comparison
    from .reports.formats import markdown, table_csv

    print_comparison(found)
    table = comparison_table(found)
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(out / f"{table.name}.md", f"{markdown(table)}\n{found.counts}.\n".encode())
    write_atomic(out / f"{table.name}.csv", table_csv(table).encode())
    typer.echo(f"The table: {out / table.name}.md and .csv")
    if (out / "records").is_dir():
        typer.echo(f"The page with all that was measured: {write_report(out)}")
    typer.echo(found.counts)


def _folders(values: list[str] | None) -> dict[str, Path]:
    """``NAME=FOLDER`` → folders by name."""
    folders = {}
    for text in values or ():
        name, equals, folder = text.partition("=")
        if not equals or not name or not folder:
            raise ValueError(f"--data {text!r}: write NAME=FOLDER")
        folders[name] = Path(folder)
    return folders
