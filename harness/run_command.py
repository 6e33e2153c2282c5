"""``iqa-eval run``: models × datasets × protocols, and what a run leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .cli_options import names, options, options_of, require_known

Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps …")]
Out = Annotated[Path, typer.Option(help="Folder for records, tables, figures and the page.")]
REASONS = 8  # at most, where a run gave no number


def run(
    suite: Annotated[
        Path | None, typer.Argument(help="A suite file (YAML), or probes-default, probes-full.")
    ] = None,
    models: Annotated[
        list[str] | None, typer.Option("--models", help="Names; repeat, or A,B.")
    ] = None,
    datasets: Annotated[
        list[str] | None, typer.Option("--datasets", help="Names, or a .csv / .parquet table.")
    ] = None,
    protocols: Annotated[list[str] | None, typer.Option("--protocols", help="Names.")] = None,
    out: Out = Path("results/run"),
    root: Annotated[Path | None, typer.Option(help="Folder of the datasets' images.")] = None,
    model_option: Annotated[
        list[str] | None, typer.Option(help="MODEL.NAME=VALUE, e.g. arniqa.head=koniq10k.")
    ] = None,
    dataset_option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, for the datasets, e.g. better=lower.")
    ] = None,
    protocol_option: Annotated[
        list[str] | None,
        typer.Option(help="PROTOCOL.NAME=VALUE, e.g. linear-probe.splits=official."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Fixes all that is drawn; default 0.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default: every core.")] = None,
    device: Device = "cpu",
    cache: Annotated[Path | None, typer.Option(help="Where finished work is kept.")] = None,
    retry_failed: Annotated[bool, typer.Option(help="Try recorded failures again.")] = False,
) -> None:
    """Run models × datasets × protocols; write records, tables, figures and a page.

    Exit code 1 if there is no number at all, or if every image of a dataset failed with one of the
    models; what does not apply, or is not here, is 0, with a line that says so.
    """
    from .suite import Suite, make_suite, read_suite

    given = {"models": names(models), "datasets": names(datasets), "protocols": names(protocols)}
    if suite is not None and not given["models"] and model_option:
        raise ValueError("a suite file names options of its models itself")
    of_models = options_of("model", given["models"], model_option)
    chosen = [{"name": name, **of_models[name]} for name in given["models"]]
    if root is not None and not root.expanduser().exists():  # before a record is replaced
        raise ValueError(f"{root}: no such folder; --root is that of the datasets' images")
    if suite is not None:
        others = (datasets, protocols, root, seed, dataset_option, protocol_option)
        if any(other not in (None, []) for other in others):
            raise ValueError(
                "a suite file names datasets, protocols, options, seed and roots itself"
            )
        plan = read_suite(suite, chosen)
    else:
        if not given["models"] or not given["datasets"]:
            raise ValueError("name --models and --datasets, or give a suite file")
        at = {"root": str(root)} if root else {}
        usual = Suite.model_fields["protocols"].default
        given["protocols"] = given["protocols"] or [named.name for named in usual]
        of_datasets = options(dataset_option, "--dataset-option", "every dataset")
        of_protocols = options_of("protocol", given["protocols"], protocol_option)
        content = {
            "models": chosen,
            "datasets": [{"name": n, **at, **of_datasets} for n in given["datasets"]],
            "protocols": [{"name": n, **of_protocols[n]} for n in given["protocols"]],
        }
        plan = make_suite("run", {**content, "seed": seed or 0})
    require_known(plan)
    show(plan, out, workers=workers, device=device, cache=cache, retry_failed=retry_failed)


def show(suite: Any, out: Path, **settings: Any) -> None:
    """Run ``suite``, write its report, print its tables.

    Exit code 1 if it gave no number, or if every image of a dataset failed with one of the models.
    """
    from .none_scored import none_scored
    from .reports import terminal, write_report
    from .runner import run_suite

    rows = run_suite(suite, out=out, **settings)
    terminal(rows)
    page = write_report(out)
    typer.echo(f"\nThe page with all tables and figures: {page}")
    if all(row.value is None for row in rows):
        reasons = dict.fromkeys(row.reason for row in rows if row.reason)
        for reason in list(reasons)[:REASONS]:
            typer.echo(f"no number: {reason}", err=True)
        raise typer.Exit(1)
    failed = none_scored(rows, out / "records")
    for line in failed[:REASONS]:
        typer.echo(f"failed: {line}", err=True)
    if failed:
        raise typer.Exit(1)
