"""``iqa-eval gate``: may the candidate replace the baseline? The exit code says it."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from .gating import Declaration, Report

SHOWN = 20  # lines of a table in the terminal
_EXAMPLES = {"summary": "gate.md", "junit": "gate.xml", "html": "gate.html"}

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
        float | None, typer.Option(help="A drop that does not matter; default 0.005.")
    ] = None,
    summary: SummaryFile = None,
    junit: JunitFile = None,
) -> None:
    """Compare two sets of records: do they reproduce, and is the candidate as good?

    Exit code 0: fine; 1: regressed, or not reproduced; 2: not comparable.
    """
    from .gating import gate as judge

    check_margin(margin)
    check_files(summary=summary, junit=junit)
    wanted = _declaration(declare, metric, changed, margin)
    deliver(judge(baseline, candidate, wanted, strict), summary, junit)


def check_margin(margin: float | None) -> None:
    """Raise ValueError for a margin that nothing could exceed."""
    if margin is not None and not 0 <= margin < math.inf:
        raise ValueError(f"--margin {margin}: give a finite number, 0 or more")


def check_files(**paths: Path | None) -> None:
    """Raise ValueError, before any work, if a file could not be written; by option."""
    for option, path in paths.items():
        if path is None:
            continue
        if path.is_dir():
            example = path / _EXAMPLES[option]
            raise ValueError(f"--{option} {path}: a folder; name a file, e.g. {example}")
        there = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
        if not there.is_dir():
            raise ValueError(f"--{option} {path}: {there} is no folder")
        if not os.access(there, os.W_OK | os.X_OK):
            raise ValueError(f"--{option} {path}: {there} cannot be written to")


def deliver(report: Report, summary: Path | None, junit: Path | None, unwritten: str = "") -> None:
    """Print the report, write the files that are asked for, and exit with its code.

    Raises ValueError, after all that can be done, for what could not be written; ``unwritten``
    is what was not already.
    """
    from .gating import junit as as_xml
    from .gating import markdown_summary

    _show(report)
    files = (
        ("summary", summary, lambda: markdown_summary(report).encode()),
        ("junit", junit, lambda: as_xml(report)),
    )
    failed = [write(option, path, content()) for option, path, content in files if path]
    if failed := [why for why in (unwritten, *failed) if why]:
        raise ValueError("; ".join(failed))
    raise typer.Exit(report.code)


def write(option: str, path: Path, content: bytes) -> str:
    """Write a file that an option asks for; why it could not be written, or ""."""
    from .atomic import write_atomic

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
    except OSError as error:  # names a temporary file
        return f"--{option} {path}: not written: {error.strerror or error}"
    return ""


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
