"""The command ``iqa-eval``. Heavy modules load inside the commands: help answers at once."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from .cli_options import options
from .errors import message, printable
from .registry import BrokenPlugin, entries
from .run_command import Device, run

_PLAIN: dict[str, Any] = {"rich_markup_mode": None, "pretty_exceptions_enable": False}


class _Commands(TyperGroup):
    """Our commands and those that packages register, which load when they are invoked."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *entries("commands")]

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # here, since typer would end without a word
            typer.echo(
                "\niqa-eval: stopped; what was finished is kept, run again to go on", err=True
            )
            raise SystemExit(130) from None

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in entries("commands"):
            return own
        try:
            function = entries("commands")[cmd_name].load()
            if isinstance(function, typer.Typer):  # a group of commands
                return typer.main.get_group(function)
        except BrokenPlugin as error:
            reason = str(error)

            def function() -> None:
                _fail(reason)

            function.__doc__ = reason
        single = typer.Typer(add_completion=False, **_PLAIN)
        single.command(cmd_name)(function)
        return typer.main.get_command(single)


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    no_args_is_help=True,
    **_PLAIN,
    help="Benchmark image quality models: agreement with people, and sensitivity to local damage.",
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"iqa-eval {version('iqa-eval')}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command("list")
def listnames(
    what: Annotated[str, typer.Argument(help="models, datasets, protocols or degradations")],
) -> None:
    """List what can be named, and which package it comes from."""
    from .listing import listing

    for line in listing(what):
        typer.echo(line)


@app.command()
def score(
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.")],
    model: Annotated[str, typer.Option("--model", "-m", help="A model that gives scores.")],
    reference: Annotated[
        list[Path] | None, typer.Option("--reference", "-r", help="One, or one for each image.")
    ] = None,
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, for the model.")] = None,
    device: Device = "cpu",
) -> None:
    """Score images with one model; higher is better. Exit code 1 if one could not be scored."""
    from .image_files import expanded
    from .registry import load_model
    from .scoring import score as score_files

    files = expanded(images)
    adapter = load_model(model, **options(option))
    result = score_files(files, adapter, reference, device=device)
    for image, value, reason, warning in result.itertuples(index=False, name=None):
        if warning:
            typer.echo(f"warning: {image}: {warning}", err=True)
        typer.echo(f"{image}\t-\t{reason}" if reason else f"{image}\t{value:.6g}")
    raise typer.Exit(int(result["reason"].notna().any()))


app.command()(run)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A folder that run has written.")],
) -> None:
    """Write tables, figures and the page again from the records of a run."""
    from .records import read_records
    from .reports import terminal, write_report

    page = write_report(folder)
    terminal(read_records(folder / "records"))
    typer.echo(f"\nThe page with all tables and figures: {page}")


def _fail(reason: str) -> NoReturn:
    typer.echo(f"iqa-eval: {printable(reason)}", err=True)
    raise SystemExit(2)


def main() -> None:
    """Entry point: every expected error is one line, and so is every warning."""
    warnings.formatwarning = lambda text, *_, **__: f"warning: {' '.join(str(text).split())}\n"
    try:
        app()
    except (BrokenPlugin, ValueError, OSError) as error:
        _fail(message(error))
    except Exception as error:
        from .executors.processes import WorkerDied
        from .model import Unavailable
        from .store import StoreError

        if isinstance(error, WorkerDied | Unavailable | StoreError):
            _fail(message(error))
        raise


if __name__ == "__main__":
    main()
