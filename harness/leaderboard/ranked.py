"""The main table of a ranked group: what the leaderboard says of each model on one dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..collection.board import Board
from ..papers.in_print import differences
from ..records import Row
from ..reports.costs import Costs, large
from ..reports.entries import Entry, variant_of
from ..reports.groups import RANKED_BY, Group
from ..reports.labels import Variant
from ..reports.layout import NONE, Cell, Column, Line, Table
from ..reports.parts import MODEL
from ..reports.rank_tables import reading, standing_cells
from ..reports.ranking import ranked_table
from ..reports.ranks import Field, comparison

_METRICS = (RANKED_BY, "plcc")
_RANKS = (
    Column("Rank interval", ("rank_low", "rank_high"), "text"),
    Column("Top group", ("top_group",), "text"),
)
_COSTS = (
    Column("Parameters", ("parameters",)),
    Column("MACs", ("macs",)),
    Column("Images/s", ("images_per_second",)),
)


def leaderboard_table(board: Board, group: Group, costs: Costs) -> Table:
    """SRCC and PLCC, beside what papers print; rank intervals and costs where they are known."""
    group = with_published(board, group)
    printed = {r.metric for e in group.entries for r in e.rows if r.published is not None}
    table = ranked_table(group.only(lambda row: row.metric in {*_METRICS, *printed}))
    entries = {entry.label: entry for entry in group.entries}
    if (field := comparison(group, board.groups)) is not None:
        table = _with_ranks(table, field, entries)
    if any(costs.of(entry.rows[0]) for entry in group.entries):
        table = _with_costs(table, costs, entries)
    return table


def with_published(board: Board, group: Group) -> Group:
    """``group`` with what papers print of its numbers, where its rows do not say it."""

    def told(row: Row) -> Row:
        if row.published is not None or row.value is None:
            return row
        printed = board.published(row)
        if not printed:
            return row
        first, *others = printed
        words = [first.source, *differences(row, first)]
        words += [f"also {other.value:.3f} in {other.source}" for other in others]
        return replace(row, published=first.value, published_source="; ".join(words))

    entries = (replace(e, rows=tuple(map(told, e.rows))) for e in group.entries)
    return replace(group, entries=tuple(entries))


def _with_ranks(table: Table, field: Field, entries: dict[str, Entry]) -> Table:
    compared: dict[Variant, Entry] = {variant_of(e.rows[0]): e for e in field.entries}

    def cells(label: str) -> Line:
        return standing_cells(field, compared.get(variant_of(entries[label].rows[0])))

    among = field.among(entries[line[table.columns.index(MODEL)].text] for line in table.lines)
    told = (f"Rank interval and top group: {among}.",) if among else ()
    notes = (*table.notes, *told, *reading(field))
    return _wider(replace(table, notes=notes), _RANKS, cells, 1 + table.columns.index(MODEL))


def _with_costs(table: Table, costs: Costs, entries: dict[str, Entry]) -> Table:
    assert costs.setting is not None

    def cells(label: str) -> Line:
        cost = costs.of(entries[label].rows[0])
        if cost is None:
            return (Cell(NONE, (None,)),) * len(_COSTS)
        counts = (Cell(large(n), (n,)) for n in (cost.parameters, cost.macs))
        return (*counts, Cell(f"{cost.images_per_second:,.1f}", (cost.images_per_second,)))

    note = (
        f"Costs: of models without options, of one image (or pair) at {costs.setting.told}; a "
        "dash: not measured, or none in torch."
    )
    table = replace(table, notes=(*table.notes, note))
    return _wider(table, _COSTS, cells, len(table.columns))


def _wider(
    table: Table, columns: tuple[Column, ...], cells: Callable[[str], Line], at: int
) -> Table:
    """``table`` with ``columns`` put in ``at`` a place; ``cells`` has them by a model's label."""
    name = table.columns.index(MODEL)

    def wider(line: Line) -> Line:
        return (*line[:at], *cells(line[name].text), *line[at:])

    by = table.sorted_by
    return replace(
        table,
        columns=(*table.columns[:at], *columns, *table.columns[at:]),
        lines=tuple(map(wider, table.lines)),
        apart=tuple(map(wider, table.apart)),
        sorted_by=by if by is None or by < at else by + len(columns),
    )
