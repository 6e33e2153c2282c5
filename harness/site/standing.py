"""What paired tests leave of an order: rank intervals, top groups, and every pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ..collection.board import Board, Subject, model_slug
from ..protocols.base import word
from ..reports.entries import Entry
from ..reports.groups import RANKED_BY, Group, parse_subset
from ..reports.ranks import Field, comparison

ALPHA = 0.05  # from which p down a difference is called one
METRICS = ("srcc", "plcc")  # whose differences are tested


class Standing(NamedTuple):
    """The ranks that are left open, both included, and whether it may be the best."""

    low: int
    high: int
    top: bool


class Pair(NamedTuple):
    """One model less another: difference, interval, corrected p, and why there is no p."""

    one: str
    other: str
    difference: float
    low: float | None
    high: float | None
    p: float | None
    reason: str | None


def standings(board: Board, group: Group) -> dict[str, Standing]:
    """By model, what is left of the order that ``group`` has by SRCC; none without a test."""
    field = comparison(group, board.groups)
    if field is None or field.untested:
        return {}
    return {
        board.subject(entry).slug: Standing(*field.ranks(entry), field.in_top_group(entry))
        for entry in field.entries
    }


def told(board: Board, group: Group) -> str:
    """What to know of the standings of ``group``: nothing was tested, or not the models shown."""
    field = comparison(group, board.groups)
    if field is None:
        return ""
    if field.untested:
        return f"not tested: {field.untested}"
    return field.among(e for e in group.ordered()[0] if e.value(RANKED_BY) is not None)


def methods(board: Board, group: Group) -> dict[str, list[str]]:
    """By metric, how the intervals of ``pairs`` were made."""
    field = comparison(group, board.groups)
    rows = [row for entry in field.entries for row in entry.rows] if field else []
    found: dict[str, dict[str, None]] = {metric: {} for metric in METRICS}
    for metric, own in found.items():
        of = (row for row in rows if row.metric == f"{metric}_difference")
        own.update(dict.fromkeys(row.ci_method for row in of if row.ci_method))
    return {metric: list(own) for metric, own in found.items() if own}


def pairs(board: Board, group: Group) -> Mapping[str, list[Pair]]:
    """By metric, every pair that was compared in ``group``, once: the first slug is the lesser."""
    field = comparison(group, board.groups)
    if field is None:
        return {}
    found = {metric: list(_pairs(board, field, metric)) for metric in METRICS}
    return {metric: own for metric, own in found.items() if own}


def _pairs(board: Board, field: Field, metric: str) -> Iterator[Pair]:
    names = called_in(board, field.entries)
    for entry in field.entries:
        one = board.subject(entry).slug
        for row in entry.rows:
            if row.metric != f"{metric}_difference" or row.value is None:
                continue
            rival = names.get(parse_subset(row.subset)["versus"])
            if rival is not None and one < rival.slug:
                tested = entry.get(f"{metric}_p_holm", row.subset)
                p, why = (tested.value, tested.reason) if tested else (None, None)
                why = field.untested or why
                yield Pair(one, rival.slug, row.value, row.ci_low, row.ci_high, p, why)


def called_in(board: Board, entries: Iterable[Entry]) -> dict[str, Subject]:
    """What subsets call a model → its line: a name, or a slug where others share the name."""
    found: dict[str, Subject] = {}
    of = [(entry.rows[0], model_slug(entry.rows[0])) for entry in entries]
    times = Counter(name for _, name in of)
    for row, name in of:
        if times[name] == 1:  # of two versions, nothing says which one was met
            found.setdefault(word(row.model), board.subject(row))
            found[word(name)] = board.subject(row)
    return found
