"""The leaderboard as plain data, small enough to stand in its page: models, studies, cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..canonical import slug
from ..collection.board import Board
from ..records import Row
from ..reports.across import Across, across, cautions
from ..reports.costs import ModelCost, read_costs
from ..reports.entries import PSEUDO, Entry, seen_mark, sets_apart, stays_in_line
from ..reports.groups import RANKED_BY, Group
from ..reports.layout import NO_REASON
from ..reports.summary import by_heading
from .facts import mode_of
from .headlines import Headline, first_of, headlines
from .standing import methods, pairs, standings, told
from .unscored import Unscored, unscored
from .unscored import version as version_of

COMPARISON = "significance"  # a protocol that compares models: its rows stand beside others'


def studies(board: Board) -> tuple[Across, ...]:
    """What a table can be about: one protocol with its options, on all datasets.

    Those that rank by SRCC come first, of them the plain correlation of scores.
    """
    found = across(g for g in board.groups if g.key.protocol != COMPARISON)

    def place(each: Across) -> tuple[bool, bool, str, str]:
        protocol = each.groups[0].key.protocol
        ranked = any(group.is_ranked for group in each.groups)
        return not ranked, protocol != "correlation", protocol, each.name

    return tuple(sorted((each for each in found if headlines(each.groups)), key=place))


def leaderboard(board: Board) -> dict[str, Any]:
    """Every number that the table may show, as JSON has it; lists stand for records.

    ``models``: slug, label, name, mode, and parameters, MACs and images a second or None.
    ``studies``: metrics, and datasets with their cells, by the place of the model in ``models``:
    for each metric None, a reason, or the number of its facts in ``facts``, the value and, where
    there is one, the interval.
    """
    number = {subject.slug: k for k, subject in enumerate(board.subjects)}
    costs = read_costs(board.costs)
    joint = studies(board)
    titles = Counter(map(_title, joint))
    lost = unscored(board)
    return {
        "models": [
            [s.slug, s.label, s.rows[0].model, mode_of(s), _cost(costs.of(s.rows[0]))]
            for s in board.subjects
        ],
        "cost": costs.setting.told if costs.setting else "",
        "studies": [
            _study(board, each, number, lost, told=titles[_title(each)] > 1) for each in joint
        ],
    }


def _cost(cost: ModelCost | None) -> list[float] | None:
    return None if cost is None else [cost.parameters, cost.macs, cost.images_per_second]


def compared(board: Board) -> dict[str, dict[str, Any]]:
    """Pairs of models by the ids of study, dataset and metric, each once.

    A list of places in ``models``, difference, interval, p, and why there is no p.
    """
    number = {subject.slug: k for k, subject in enumerate(board.subjects)}
    found: dict[str, dict[str, Any]] = {}
    for joint in studies(board):
        for name, group in by_heading(joint).items():
            own = {
                metric: [[number[each.one], number[each.other], *each[2:]] for each in tested]
                for metric, tested in pairs(board, group).items()
            }
            if own:
                found.setdefault(_id(joint), {})[slug(name)] = own
    return found


def _study(
    board: Board, joint: Across, number: Mapping[str, int], lost: Unscored, told: bool
) -> dict[str, Any]:
    metrics = headlines(joint.groups)
    version = f", version {joint.groups[0].key.protocol_version}" if told else ""
    return {
        "id": _id(joint),
        "title": f"{_title(joint)}{version}",
        "ranked": RANKED_BY if any(m.id == RANKED_BY for m in metrics) else None,
        "metrics": [[m.id, m.title, m.better, m.has_mean] for m in metrics],
        "first": metrics.index(first_of(metrics)),
        "datasets": [
            _dataset(board, name, group, metrics, number)
            | {"unscored": lost.get(version_of(group.entries[0].rows[0]), "")}
            for name, group in by_heading(joint).items()
        ],
    }


def _id(joint: Across) -> str:
    return joint.name.removeprefix("all-")


def _title(joint: Across) -> str:
    return joint.title.rpartition(" · ")[0]


def _dataset(
    board: Board,
    name: str,
    group: Group,
    metrics: Sequence[Headline],
    number: Mapping[str, int],
) -> dict[str, Any]:
    wanted = {(m.metric, m.subset) for m in metrics}
    pseudo = group.key.label_kind == "pseudo"  # which the heading says
    shown = group.only(lambda row: (row.metric, row.subset) in wanted)
    common = [_common(shown, metric) for metric in metrics]
    facts: dict[tuple[Any, ...], int] = {}
    cells: dict[int, list[Any]] = {}
    published: list[list[Any]] = []
    sources: dict[tuple[str, str], int] = {}
    for entry in shown.entries:
        place = number[board.subject(entry).slug]
        rows = [entry.get(m.metric, m.subset) for m in metrics]
        cells[place] = [_cell(row, own, facts) for row, own in zip(rows, common, strict=True)]
        for k, row in enumerate(rows):
            if row is not None and row.value is not None:
                for each in board.published(row):
                    source = sources.setdefault((each.source, each.paper), len(sources))
                    published.append([place, k, each.value, source])
    return {
        "id": slug(name),
        "title": name,
        "page": f"datasets/{slug(group.key.dataset)}.html",
        "labels": group.labels,
        "pseudo": pseudo,
        "marks": [[m for m in own if not (pseudo and m == PSEUDO)] for own in common],
        "methods": [_methods(shown.entries, metric) for metric in metrics],
        "facts": list(facts),
        "cells": cells,
        "published": published,
        "sources": list(sources),
        "absent": {
            number[board.subject(entry).slug]: [entry.reason or NO_REASON, entry.command]
            for entry in group.absent
        },
        "told": told(board, group),
        "paired": methods(board, group),
        "standing": {number[name]: ranks for name, ranks in standings(board, group).items()},
    }


def _common(group: Group, of: Headline) -> tuple[str, ...]:
    """Marks of every number, said once over the column; what qualifies a model stays with it."""
    found = (entry.get(of.metric, of.subset) for entry in group.entries)
    rows = [row for row in found if row is not None and row.value is not None]
    if not rows:
        return ()
    shared = set(rows[0].marks).intersection(*(row.marks for row in rows))
    return tuple(m for m in rows[0].marks if m in shared and not stays_in_line(m))


def _cell(
    row: Row | None, common: Sequence[str], facts: dict[tuple[Any, ...], int]
) -> list[Any] | str | None:
    if row is None:
        return None
    if row.value is None:
        return row.reason or NO_REASON
    marks = tuple(mark for mark in row.marks if mark not in common)
    marks += (seen,) if (seen := seen_mark(row.contamination)) else ()
    own = (
        *(row.n_scored, row.n_expected, row.contamination, marks, cautions(row)),
        any(map(sets_apart, row.marks)),
    )
    ends = () if row.ci_low is None or row.ci_high is None else (row.ci_low, row.ci_high)
    return [facts.setdefault(own, len(facts)), *map(_short, (row.value, *ends))]


def _short(value: float) -> float:
    """Nine digits: enough to be read as all tables have it, and shorter than all."""
    return float(f"{value:.9g}")


def _methods(entries: Iterable[Entry], of: Headline) -> list[str]:
    """How the intervals of one number were made, or why there is none."""
    rows = (entry.get(of.metric, of.subset) for entry in entries)
    made = (row.ci_method for row in rows if row and row.value is not None)
    return list(dict.fromkeys(filter(None, made)))
