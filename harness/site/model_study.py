"""One model under one protocol on one dataset: a section of the model's page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ..collection.board import Board, Subject
from ..reports.areas import DETECTED, RATIO, areas
from ..reports.cell_figure import cell_figure
from ..reports.entries import Entry
from ..reports.fraction_figure import fraction_figure
from ..reports.fractions import has_curve
from ..reports.groups import Group
from ..reports.layout import Table
from ..reports.response_figure import response_figure
from ..reports.style import Picture
from ..reports.threshold_figure import own_threshold_figure
from ..reports.thresholds import severities
from .model_tables import Bars, bars, numbers, standing
from .standing import called_in


@dataclass(frozen=True)
class ModelStudy:
    """``name`` is that of the group, and of its section on the page of the dataset.

    ``links`` lead from labels of other models in the tables to their pages.
    """

    name: str
    title: str
    dataset: str
    labels: str
    tables: tuple[Table, ...]
    pictures: tuple[Picture, ...]
    bars: Bars | None
    links: Mapping[str, str]


def model_studies(board: Board, subject: Subject) -> Iterator[ModelStudy]:
    """One for each group that has numbers of ``subject``. Wants ``style``."""
    for group in board.groups:
        for entry in group.entries:
            if board.subject(entry) is subject:
                yield _study(board, subject, group, entry)


def _study(board: Board, subject: Subject, group: Group, entry: Entry) -> ModelStudy:
    own = replace(group, name=f"{group.name}.{subject.slug}", entries=(entry,), absent=())
    others = called_in(board, group.entries)
    versus = standing(group, entry, lambda name: others[name].label if name in others else name)
    return ModelStudy(
        group.name,
        group.study,
        group.key.dataset,
        group.labels,
        (*versus, *numbers(own, entry)),
        tuple(_pictures(own, entry)),
        None if areas(own, DETECTED) else bars(entry),
        {o.label: f"{o.slug}.html" for o in others.values() if o is not subject},
    )


def _pictures(own: Group, entry: Entry) -> Iterator[Picture]:
    if areas(own, DETECTED):
        if (cells := cell_figure(own, entry)) is not None:
            yield cells
        if severities(own):
            yield own_threshold_figure(own, entry)
    elif areas(own, RATIO):
        yield response_figure(own)
    if has_curve(own):
        yield fraction_figure(own)
