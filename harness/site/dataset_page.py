"""The pages of datasets: what one is, what it can tell apart, and how models fare on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..canonical import slug
from ..collection.board import Board
from ..reports.cost_figure import cost_figure
from ..reports.figures import figures
from ..reports.groups import Group
from ..reports.layout import NONE, Cell, Column, Line, Table, text_cell
from ..reports.ranks import RESOLVABLE, Field, fields
from ..reports.style import Picture
from ..reports.tables import tables
from .facts import About, dataset_facts
from .pages import progress, render
from .unscored import Unscored, unscored


@dataclass(frozen=True)
class Study:
    """One comparison on a dataset. ``links`` lead from labels in the tables to models."""

    group: Group
    tables: tuple[Table, ...]
    pictures: tuple[Picture, ...]
    links: Mapping[str, str]


def dataset_pages(board: Board) -> dict[str, bytes]:
    """``datasets.html``, and for each dataset its page and figures."""
    groups: dict[str, list[Group]] = defaultdict(list)
    for group in board.groups:
        groups[group.key.dataset].append(group)
    files = {"datasets.html": _list(board, groups)}
    lost = unscored(board)
    for name, own in progress(groups.items(), "datasets"):
        files |= _files(board, name, own, lost)
    return files


def _files(board: Board, name: str, groups: Sequence[Group], lost: Unscored) -> dict[str, bytes]:
    studies = [_study(board, group) for group in groups]
    page = render(
        "dataset.html.j2",
        root="../",
        active="datasets",
        name=name,
        labels=dict.fromkeys(group.labels for group in groups if group.labels),
        versions=dataset_facts(board, groups, lost),
        powers=list(_powers(groups)),
        studies=studies,
    )
    drawn = (picture for study in studies for picture in study.pictures)
    return {
        f"datasets/{slug(name)}.html": page,
        **{f"figures/{picture.name}.svg": picture.svg for picture in drawn},
    }


def _study(board: Board, group: Group) -> Study:
    cost = cost_figure(group, board.costs)
    subjects = {entry.label: board.subject(entry) for entry in (*group.entries, *group.absent)}
    return Study(
        group,
        tables(group),
        (*figures(group), *([cost] if cost is not None else [])),
        {label: f"../models/{subject.slug}.html" for label, subject in subjects.items()},
    )


def _powers(groups: Sequence[Group]) -> Iterator[tuple[Group, Field, str]]:
    """Each comparison of models, and what of their differences it can tell, in words."""
    for group in groups:
        for field in fields(group):
            row = field.entries[0].get(RESOLVABLE, field.subset)
            reason = row.reason if row is not None else None
            yield group, field, field.resolution or f"Not known: {reason or 'nobody said why'}"


def _list(board: Board, groups: Mapping[str, Sequence[Group]]) -> bytes:
    """Every dataset, with its labels and sizes, and how much was measured on it."""
    columns = (
        Column("Dataset", ("dataset",), "name"),
        Column("Labels", ("label_kind",), "text"),
        Column("Samples", ("n_samples",)),
        Column("Contents", ("n_contents",)),
        Column("Resolves", (RESOLVABLE,)),
        Column("Models", ("models",)),
        Column("Protocols", ("protocols",)),
        Column("License", ("license",), "text"),
    )
    notes = (
        "Resolves: the SRCC difference that a paired test at 0.05 finds with 80 % power, the "
        "median over pairs of models; a smaller one is often missed.",
    )
    lines = tuple(_line(board, name, own) for name, own in sorted(groups.items()))
    return render(
        "datasets.html.j2",
        root="",
        active="datasets",
        table=Table("datasets", "All datasets", columns, lines, notes=notes),
        links={name: f"datasets/{slug(name)}.html" for name in groups},
    )


def _line(board: Board, name: str, groups: Sequence[Group]) -> Line:
    about = next(filter(None, (_about(board, group) for group in groups)), {})
    models = {board.subject(entry).slug for group in groups for entry in group.entries}
    protocols = sorted({group.key.protocol for group in groups if group.entries})
    known = [
        value
        for group in groups
        for field in fields(group)
        if (value := field.entries[0].value(RESOLVABLE, field.subset)) is not None
    ]
    resolves = min(known, default=None)
    return (
        text_cell(name),
        text_cell(", ".join(dict.fromkeys(group.labels for group in groups if group.labels))),
        _count(about.get("n_samples")),
        _count(about.get("n_contents")),
        Cell(NONE if resolves is None else f"{resolves:.3f}", (resolves,)),
        _count(len(models)),
        Cell(str(len(protocols)), (len(protocols),), ", ".join(protocols)),
        text_cell(str(about.get("license", ""))),
    )


def _about(board: Board, group: Group) -> About | None:
    rows = [row for entry in (*group.entries, *group.absent) for row in entry.rows]
    return next(filter(None, map(board.dataset, rows)), None)


def _count(value: int | None) -> Cell:
    return Cell(NONE if value is None else f"{value:,}", (value,))
