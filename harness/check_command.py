"""``iqa-eval check``: does a model keep the adapter contract?"""

from __future__ import annotations

from typing import Annotated

import typer

from .cli_options import options


def check(
    model: Annotated[str, typer.Argument(help="A model's name, e.g. pyiqa:psnr")],
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, for the model.")] = None,
) -> None:
    """Check that a model keeps the adapter contract. Exit code 1 if it does not."""
    from .conformance import check as conform
    from .registry import load_model

    results = conform(load_model(model, **options(option)))
    for result in results:
        typer.echo(
            f"  ok    {result.name}"
            if not result.problem
            else f"  FAIL  {result.name}: {result.problem}"
        )
    failed = sum(bool(result.problem) for result in results)
    typer.echo(f"{model}: {len(results) - failed} of {len(results)} checks passed")
    raise typer.Exit(1 if failed else 0)
