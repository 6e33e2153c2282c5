"""The tables of what models tell of two versions of a scene: which is better, where, what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ..records import Row
from .entries import Entry
from .groups import Group
from .layout import (
    Cell,
    Column,
    Line,
    Table,
    count_cell,
    row_cell,
    text_cell,
    with_interval_keys,
)
from .parts import COUNT, FEW, MARKS, MODEL, assemble, common_marks, marks_cell


class _Shown(NamedTuple):
    """One column: ``metric`` on ``subset``; see ``Column`` for the rest."""

    title: str
    metric: str
    subset: str = "all"
    span: str = ""
    spare: bool = False

    @property
    def key(self) -> str:
        return self.metric if self.subset == "all" else f"{self.metric}_{self.subset}"


_TAU, _RIGHT, _WAY = "kendall_tau", "pair_accuracy", "direction_accuracy"
_RANKING = (
    _Shown("Pair accuracy", _RIGHT),
    _Shown("Kendall τ", _TAU),
    _Shown("trainable", _RIGHT, "types=trainable", "Pairs of types:", spare=True),
    _Shown("held-out", _RIGHT, "types=held-out", "Pairs of types:", spare=True),
    _Shown("pair accuracy", _RIGHT, "order=severity", "By severity:"),
    _Shown("Kendall τ", _TAU, "order=severity", "By severity:"),
    _Shown("pair accuracy", _RIGHT, "by=direct", "Directly:"),
    _Shown("direction", _WAY, "by=direct", "Directly:"),
)
_MAPS = (  # of images with one number of damages, whose subset is filled in
    _Shown("AUROC", "auroc", span="Own channel"),
    _Shown("IoU", "iou", span="Own channel"),
    _Shown("AUROC", "any_auroc", span="All channels"),
    _Shown("IoU", "any_iou", span="All channels"),
    _Shown("type", "type_accuracy", span="Right"),
    _Shown("direction", _WAY, span="Right"),
    _Shown("Leakage", "leakage", span=" "),
    _Shown("MAE", "mae", span=" "),
    _Shown("type", "type_chance", span="By chance:", spare=True),
    _Shown("IoU", "mask_share", span="By chance:", spare=True),
    _Shown("MAE", "mae_flat", span="By chance:", spare=True),
)
_ERRORS = (
    _Shown("anti-symmetry", "antisymmetry_error", span="Maps:"),
    _Shown("identity", "identity_error", span="Maps:"),
    _Shown("anti-symmetry", "score_antisymmetry_error", span="Score:"),
    _Shown("identity", "score_identity_error", span="Score:"),
)
_MAPS_TOLD = (
    "Own channel: the one that is about a type; all channels: the largest |F − 0.5| of all. IoU is "
    "at one threshold for all damage, chosen on the other contents of the set; by chance it is "
    "that of marking everything. Right type: its channel is the largest inside the mask; right "
    "direction: it is on the right side of 0.5 there. AUROC is 0.5 by chance; so is direction by a "
    "coin, while a map that leans one way is right on all types that lie that way. Leakage: mean "
    "|F − 0.5| inside the mask of the channels of absent types. MAE: of a type's channel, by "
    "chance that of 0.5 everywhere. N counts damages, of which an image may have several."
)
_RANKING_TOLD = (
    "Pairs are of one scene; each image is scored beside the pristine one, or directly beside the "
    "other, where a score that knows no direction is right in half of the cases."
)
_ERRORS_TOLD = (
    "Maps: |F(t, r) + F(r, t) − 1| and |F(I, I) − 0.5|. Score: |s(t, r) + s(r, t)| and |s(I, I)|, "
    "which are 0 for a score that tells which of two is better."
)
_COUNTS = {"": "one damage", "damages=2": "two damages", "damages=3": "three damages"}
_HELD_OUT = "types=held-out"
_KINDS = {"types=trainable": "trainable types", _HELD_OUT: "held-out types"}
_OURS = {_TAU, *(shown.metric for shown in (*_ERRORS, _MAPS[2]))}


TITLES = {
    shown.metric: f"{shown.span} {shown.title}".strip()
    for shown in (*_RANKING[:2], *_MAPS, *_ERRORS)
}
"""Of each metric, where it is a column of a table of all of them."""


def is_relational(group: Group) -> bool:
    """Whether the group has metrics that only ``relational`` measures."""
    return not _OURS.isdisjoint(group.metrics)


def relational_tables(group: Group) -> tuple[Table, ...]:
    """Ranking, maps by the number and kind of damages, consistency: those that have a value.

    Of maps, lines are about the same damage only where the types are of one kind.
    """
    maps = [
        (
            f"maps-{number} {kind}".replace(" ", "-"),
            f"Maps of {number} of {kind}",
            tuple(shown._replace(subset=f"{count} {types}".strip()) for shown in _MAPS),
            _MAPS_TOLD,
        )
        for count, number in _COUNTS.items()
        for types, kind in _KINDS.items()
    ]
    wanted = (
        ("ranking", "Which is better", _RANKING, _RANKING_TOLD),
        *maps,
        ("consistency", "Largest errors of anti-symmetry and identity", _ERRORS, _ERRORS_TOLD),
    )
    found = [
        _table(group, name, title, columns, told)
        for name, title, columns, told in wanted
        if any(shown.subset in group.subsets(shown.metric) for shown in columns)
    ]
    first, *rest = found
    return (replace(first, name=group.name), *(replace(table, absent=()) for table in rest))


def _table(group: Group, name: str, title: str, wanted: Sequence[_Shown], told: str) -> Table:
    """Rows are the models with one of the ``wanted`` values, best first by the first one.

    ``told`` says what the columns mean.
    """
    wanted = [shown for shown in wanted if shown.subset in group.subsets(shown.metric)]
    keys = {(shown.metric, shown.subset) for shown in wanted}
    part = group.only(lambda row: (row.metric, row.subset) in keys)
    valued = [e for e in part.entries if any(row.value is not None for row in e.rows)]
    part = replace(part, entries=tuple(map(_told_few, valued)))
    common = common_marks(part)

    def line(entry: Entry) -> Line:
        rows = [entry.get(shown.metric, shown.subset) for shown in wanted]
        count = next(row for row in rows if row is not None)
        return (
            text_cell(entry.label),
            *map(_cell, rows),
            count_cell(count.n_scored, count.n_expected),
            marks_cell(entry, common),
        )

    sign = 1 if wanted[0].metric.endswith("_error") else -1

    def best_first(entry: Entry) -> float:
        value = entry.value(wanted[0].metric, wanted[0].subset)
        return float("inf") if value is None else sign * value

    columns = (
        MODEL,
        *(Column(s.title, with_interval_keys(s.key), span=s.span, spare=s.spare) for s in wanted),
        COUNT,
        MARKS,
    )
    first, apart = (sorted(entries, key=best_first) for entries in part.ordered())
    table = assemble(part, columns, [*map(line, first)], [*map(line, apart)])
    return replace(
        table,
        name=f"{group.name}.{name}",
        title=f"{group.title} · {title}",
        notes=(told, *table.notes),
        folded=name.startswith("maps-three"),  # two in one picture are the telling case
    )


def _told_few(entry: Entry) -> Entry:
    """``entry`` whose marks say which contents are few: held-out types are not on all of them."""

    def told(row: Row) -> Row:
        if _HELD_OUT not in row.subset.split():
            return row
        marks = (
            f"{m[:-1]} of held-out types)" if m.startswith(FEW) and m.endswith(")") else m
            for m in row.marks
        )
        return replace(row, marks=tuple(marks))

    return replace(entry, rows=tuple(map(told, entry.rows)))


def _cell(row: Row | None) -> Cell:
    """Errors are mostly of rounding: three decimals would show them as 0."""
    if row is None or row.value is None or not row.metric.endswith("_error"):
        return row_cell(row, with_interval=True)
    return replace(row_cell(row, with_interval=True), text=f"{row.value:.3g}".replace("-", "−"))
