"""``iqa-eval leaderboard``: the page and the site that are made of the records that are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .results_command import KEPT
from .results_command import Kept as Records


def leaderboard(
    records: Records = KEPT,
    out: Annotated[
        Path, typer.Option(help="Folder for leaderboard.md, figures/ and site/.")
    ] = KEPT.parent,
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; exit code 1 if a file is not up to date."),
    ] = False,
) -> None:
    """Write the leaderboard and the site: the same bytes from the same records."""
    from . import leaderboard as made

    if not check:
        made.write(records, out)
        typer.echo(f"written: {out / made.PAGE}, {out / made.SITE / 'index.html'}")
        return
    wrong = made.check(records, out)
    for name, what in wrong:
        typer.echo(f"{what:<8} {out / name}")
    if wrong:
        typer.echo("not up to date; write it with: iqa-eval leaderboard", err=True)
        raise typer.Exit(1)
    typer.echo(f"{out / made.PAGE} and {out / made.SITE} are up to date")
