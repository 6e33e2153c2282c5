"""``iqa-eval results``: records that are kept for good: adding, checking, merging and asking."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .collection.printing import FORMS, table_text
from .errors import printable

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Keep records for good: add, validate, merge; query, compare and explain them.",
)

KEPT = Path("results/records")
SHOWN = ("model", "dataset", "protocol", "split", "subset", "metric", "value", "ci_low", "ci_high")

Kept = Annotated[Path, typer.Option("--records", help="Folder of the records that are kept.")]
Form = Annotated[Literal["table", "csv", "json"], typer.Option("--format", help="How to print.")]


@app.command()
def add(
    source: Annotated[Path, typer.Argument(help="A folder that run has written.")],
    records: Kept = KEPT,
    replace: Annotated[
        bool, typer.Option("--replace", help="Even what was made of the same, and differs.")
    ] = False,
    labels: Annotated[
        bool, typer.Option("--labels", help="Copy labels, too, if their license lets you.")
    ] = False,
) -> None:
    """Copy the records of a run, with their scores. Exit code 1, and nothing copied, if refused.

    A record is refused if the one that is kept was made of the same weights, images, labels and
    versions, and says something else, or of newer versions. Where they differ by rounding alone,
    the one that is kept stays; of two comparisons of models, the larger one.
    """
    from .collection import add as copy

    changes = copy(source, records, replace=replace, labels=labels)
    for change in changes:
        if change.what != "equal":
            why = f": {change.why}" if change.why else ""
            typer.echo(f"{change.what:<8}  {printable(change.place)}{printable(why)}")
    found = [change.what for change in changes]
    counts = [f"{found.count(what)} {what}" for what in ("new", "equal", "replaced", "refused")]
    counts += [f"{found.count('kept')} kept"] if "kept" in found else []
    typer.echo(", ".join(counts))
    if "refused" in found:
        typer.echo(f"nothing was copied to {records}; --replace takes the new ones", err=True)
        raise typer.Exit(1)


@app.command()
def validate(
    records: Annotated[Path, typer.Argument(help="Folder of records, or of a run.")] = KEPT,
) -> None:
    """Check places, bytes, digests, score files and numbers. Exit code 1 if anything is wrong.

    Correlations are computed again where the labels are there, as they are beside a run.
    """
    from .collection import validate as check
    from .collection.folders import places, records_folder
    from .errors import count

    folder = records_folder(records)
    faults = check(folder)
    for fault in faults:
        typer.echo(
            f"{'note ' if fault.remark else 'WRONG'} {printable(f'{fault.place}: {fault.text}')}"
        )
    n = len(places(folder))
    bad = len({fault.place for fault in faults if not fault.remark})
    typer.echo(f"{count(n, 'record')}, {bad or 'none'} with something wrong")
    raise typer.Exit(1 if bad else 0)


@app.command()
def merge(
    sources: Annotated[list[Path], typer.Argument(help="Folders of records, or of runs.")],
    out: Annotated[Path, typer.Option(help="Folder to write to; what it holds takes part.")],
) -> None:
    """Put records of several people together. Exit code 1, and nothing written, on conflicts.

    Records that differ by rounding alone, as on another kind of processor, are no conflict.
    """
    from .collection import merge as join
    from .errors import count

    merged = join(sources, out)
    for line in merged.kept:
        typer.echo(f"kept      {printable(line)}")
    for each in merged.conflicts:
        typer.echo(f"conflict  {printable(f'{each.place}: {each.one} → {each.other}: {each.why}')}")
    if merged.conflicts:
        typer.echo(
            f"{count(len(merged.conflicts), 'conflict')}, nothing was written to {out}; to take "
            "one side: iqa-eval results add FOLDER --records OTHER --replace",
            err=True,
        )
        raise typer.Exit(1)
    typer.echo(f"{count(merged.n_records, 'record')} in {out}")


@app.command()
def query(
    conditions: Annotated[
        list[str] | None, typer.Argument(help="FIELD=VALUE, e.g. metric=srcc 'model=pyiqa:*'.")
    ] = None,
    records: Kept = KEPT,
    sql: Annotated[
        str | None, typer.Option(help="A query of the table records, in the SQL of SQLite.")
    ] = None,
    columns: Annotated[
        list[str] | None, typer.Option(help="Fields to show; repeat, or A,B; all: every field.")
    ] = None,
    form: Form = "table",
) -> None:
    """Print the rows for which every condition holds; of several on one field, any."""
    from .cli_options import names
    from .collection import select
    from .collection import sql as ask
    from .collection.querying import known_field

    rows = select(records, conditions or ())
    if sql is not None:
        rows = ask(rows, sql)
    known = [str(name) for name in rows.columns]
    asked = names(columns) or (known if sql is not None else list(SHOWN))
    if asked != ["all"]:
        rows = rows[[known_field(name, known) for name in asked]]
    typer.echo(FORMS[form](rows), nl=False)


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A model, by name, label or slug.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The model to compare it with.")],
    records: Kept = KEPT,
    datasets: Annotated[
        list[str] | None, typer.Option("--dataset", help="Only these; repeat, or A,B.")
    ] = None,
    protocols: Annotated[
        list[str] | None, typer.Option("--protocol", help="Only these; repeat, or A,B.")
    ] = None,
    form: Form = "table",
) -> None:
    """Is A better than B, and how sure? The paired difference wherever both were measured."""
    from .answers.compare import compared, facts, remarks, shown
    from .cli_options import names
    from .collection.board import read_board
    from .collection.folders import records_folder

    board = read_board(records_folder(records))
    found = compared(board, a, b, names(datasets), names(protocols))
    if form != "table":
        typer.echo(FORMS[form](facts(found)), nl=False)
        return
    typer.echo(printable(found.summary))
    typer.echo(printable(f"A: {found.a.label}"))
    typer.echo(printable(f"B: {found.b.label}"))
    if found.lines:
        typer.echo(table_text(shown(found)))
    for remark in remarks(found):
        typer.echo(printable(remark))


@app.command()
def explain(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="By name, label or slug.")],
    dataset: Annotated[
        str | None, typer.Argument(metavar="[DATASET]", help="Only the numbers on this one.")
    ] = None,
    paper: Annotated[
        str | None, typer.Option(help="A published table, e.g. arniqa-table1, or a .yaml file.")
    ] = None,
    records: Kept = KEPT,
) -> None:
    """Why is a number not the paper's? What is in print, what was measured, and how they differ."""
    from .answers.explain import explained
    from .collection.board import read_board
    from .collection.folders import records_folder
    from .gating.pairs import packages_of

    folder = records_folder(records)
    for line in explained(read_board(folder), model, dataset, paper, packages_of(folder)):
        typer.echo(printable(line))
