"""``iqa-eval gate``: may the candidate replace the baseline? The exit code says it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from .gating import Declaration, Report

SHOWN = 20  # lines of a table in the terminal

Strict = Annotated[bool, typer.Option("--strict", help="Fail where the outcome is open.")]
SummaryFile = Annotated[Path | None, typer.Option(help="Write the summary there, as Markdown.")]
JunitFile = Annotated[Path | None, typer.Option(help="Write all findings there, as JUnit XML.")]


def gate(
    baseline: Annotated[Path, typer.Option(help="A folder that run has written, or its records.")],
    candidate: Annotated[Path, typer.Option(help="Another one, to be judged by it.")],
    strict: Strict = False,
    declare: Annotated[
        Path | None, typer.Option(help="YAML: the rows to test, margins, models that changed.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="Test rows of it, not the headlines; repeat, or A,B.")
    ] = None,
    changed: Annotated[
        list[str] | None,
        typer.Option(help="A model that is meant to give other scores; repeat, or A,B."),
    ] = None,
    margin: Annotated[
        float | None, typer.Option(min=0, help="A drop that does not matter; default 0.005.")
    ] = None,
    summary: SummaryFile = None,
    junit: JunitFile = None,
) -> None:
    """Compare two sets of records: do they reproduce, and is the candidate as good?

    Exit code 0: fine; 1: regressed, or not reproduced; 2: not comparable.
    """
    from .gating import gate as judge

    wanted = _declaration(declare, metric, changed, margin)
    deliver(judge(baseline, candidate, wanted, strict), summary, junit)


def deliver(report: Report, summary: Path | None, junit: Path | None) -> None:
    """Print the report, write the files that are asked for, and exit with its code."""
    from .atomic import write_atomic
    from .gating import junit as as_xml
    from .gating import markdown_summary

    _show(report)
    files = ((summary, lambda: markdown_summary(report).encode()), (junit, lambda: as_xml(report)))
    for path, content in files:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, content())
    raise typer.Exit(report.code)


def _declaration(
    file: Path | None, metrics: list[str] | None, changed: list[str] | None, margin: float | None
) -> Declaration:
    from .cli_options import names
    from .gating import Declaration, Pattern, read_declaration

    if file is not None and metrics:
        raise ValueError("--declare and --metric both say which rows are tested: give one")
    wanted = Declaration() if file is None else read_declaration(file)
    update: dict[str, object] = {"changed": (*wanted.changed, *names(changed))}
    if metrics:
        update["rows"] = tuple(Pattern(metric=name) for name in names(metrics))
    if margin is not None:
        update["margin"] = margin
    return wanted.model_copy(update=update)


def _show(report: Report) -> None:
    """The tables in the terminal, or lines of a fixed width; the outcome comes last."""
    from rich.console import Console

    from .gating import counts, tables
    from .reports.console import PIPED, print_table

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPED
    for table in tables(report, most=SHOWN):
        print_table(console, table)
    for note in report.notes:
        typer.echo(f"note: {note}")
    for question in report.questions:
        typer.echo(f"{question}: {counts(report, question)}")
    typer.echo(f"gate: {report.outcome}")
