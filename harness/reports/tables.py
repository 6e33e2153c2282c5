"""From groups of rows to tables: ranked by SRCC, by area, or model × metric for any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .areas import DETECTED, RATIO, areas
from .cross import tested_on, transfer_tables
from .entries import Entry
from .failures import gathered
from .fractions import fraction_tables, fractions
from .groups import RANKED_BY, Group, parse_subset
from .layout import (
    Cell,
    Column,
    Line,
    Table,
    count_cell,
    number,
    row_cell,
    text_cell,
    with_interval_keys,
)
from .matrix import Matrix, type_matrix
from .parts import (
    COUNT,
    MARKS,
    METRICS,
    MODE,
    MODEL,
    assemble,
    common_marks,
    marks_cell,
    seen_notes,
)
from .rank_tables import rank_tables
from .ranking import ranked_table
from .relational_table import TITLES, is_relational, relational_tables
from .sensitivity_table import detection_table, threshold_table
from .subsets import subset_table


def tables(group: Group) -> tuple[Table, ...]:
    """The tables of one group, the main one first."""
    if group.subsets("rank_low"):
        return rank_tables(group)
    if fractions(group):
        return fraction_tables(group)
    if tested_on(group):
        return transfer_tables(group)
    if group.is_ranked:
        main = ranked_table(group)
    elif areas(group, DETECTED):
        return _detection(group)
    elif any("area" in parse_subset(s) for s in group.subsets("response")):
        main = _by_area(group)
    elif group.subsets(RANKED_BY):
        return _by_subset(group)
    elif is_relational(group):
        return (*relational_tables(group), *_plain(group, TITLES)[1:])
    else:
        return _plain(group)
    matrix = type_matrix(group)
    return (main,) if matrix is None else (main, _by_type(group, matrix))


def _detection(group: Group) -> tuple[Table, ...]:
    """The main table of a set with harmless changes, and what it rests on, folded."""
    response = _by_area(gathered(group, "response"))
    response = replace(
        response,
        name=f"{group.name}.response",
        title=f"{group.title} · Response by area",
        absent=(),
        folded=True,
    )
    matrix, thresholds = type_matrix(group), threshold_table(group)
    return (
        detection_table(group),
        *([thresholds] if thresholds is not None else []),
        response,
        *([_by_type(group, matrix)] if matrix is not None else []),
    )


def _by_subset(group: Group) -> tuple[Table, ...]:
    """Models × subsets, where there is an SRCC on each of some and none over all samples."""
    headings = {s: s.removeprefix("type=") for s in group.subsets(RANKED_BY)}
    order = sorted(headings, key=lambda subset: (subset.startswith("type="), subset != "local"))
    headings = {subset: headings[subset] for subset in order}
    return tuple(
        subset_table(group, metric, headings, order[0], f"{METRICS[metric]} on")
        for metric in (RANKED_BY, "plcc")
        if metric in group.metrics
    )


def _by_area(group: Group) -> Table:
    """Rows are models; columns the response ratio and the mean response, by area."""
    group = group.only(lambda row: set(parse_subset(row.subset)) == {"area"})
    spans = {
        RATIO: ("Response ratio at area", areas(group, RATIO)),
        "response": ("Response at area", areas(group, "response")),
    }
    wanted = [(m, span, area) for m, (span, found) in spans.items() for area in found]
    common = common_marks(group)

    def line(entry: Entry) -> Line:
        counted = [r for a in spans["response"][1] if (r := entry.get("response", f"area={a}"))]
        return (
            text_cell(entry.label),
            *(row_cell(entry.get(m, f"area={a}"), with_interval=True) for m, _, a in wanted),
            count_cell(sum(r.n_scored for r in counted), sum(r.n_expected for r in counted)),
            text_cell(entry.rows[0].mode),
            marks_cell(entry, common),
        )

    columns = (
        MODEL,
        *(Column(a, with_interval_keys(f"{m}_area_{a}"), span=span) for m, span, a in wanted),
        COUNT,
        MODE,
        MARKS,
    )
    first, apart = group.ordered()
    return assemble(group, columns, [*map(line, first)], [*map(line, apart)])


def _by_type(group: Group, matrix: Matrix) -> Table:
    """Rows are types, columns models: the numbers behind a heat map."""
    left_out = ", ".join(matrix.left_out)
    return Table(
        f"{group.name}.types",
        f"{group.title} · {matrix.title}",
        (Column("Type", ("type",), "name"), *(Column(name, (name,)) for name in matrix.models)),
        tuple(
            (text_cell(name), *(Cell(number(v), (v,)) for v in values))
            for name, values in zip(matrix.types, matrix.values, strict=True)
        ),
        marks=common_marks(group),
        notes=(
            f"{matrix.reading}.",
            *([matrix.resting] if matrix.resting else []),
            *([f"Without such a value: {left_out}."] if left_out else []),
            *seen_notes((e.label, "", row) for e in group.entries for row in e.rows),
        ),
        folded=True,
    )


def _plain(group: Group, titles: Mapping[str, str] = METRICS) -> tuple[Table, ...]:
    """Model × metric, for protocols that this module does not know; other subsets folded."""
    # Those with a title in its order, then the others by name.
    order = {metric: i for i, metric in enumerate(titles)}
    metrics = sorted(group.metrics, key=lambda metric: (order.get(metric, len(order)), metric))
    common = common_marks(group)
    values = tuple(Column(titles.get(m, m), with_interval_keys(m)) for m in metrics)

    def line(entry: Entry, subset: str, *names: str) -> Line:
        entry = replace(entry, rows=tuple(row for row in entry.rows if row.subset == subset))
        rows = [entry.get(m, subset) for m in metrics]
        first = next((row for row in rows if row is not None), entry.rows[0])
        return (
            *(text_cell(name) for name in names),
            *(row_cell(row, with_interval=True) for row in rows),
            count_cell(first.n_scored, first.n_expected),
            marks_cell(entry, common),
        )

    def has(entry: Entry, subset: str) -> bool:
        return any(entry.get(m, subset) is not None for m in metrics)

    first, apart = group.ordered()
    table = assemble(
        group.only(lambda row: row.subset == "all"),
        (MODEL, *values, COUNT, MARKS),
        [line(e, "all", e.label) for e in first if has(e, "all")],
        [line(e, "all", e.label) for e in apart if has(e, "all")],
    )
    subsets = dict.fromkeys(s for m in metrics for s in group.subsets(m) if s != "all")
    if not subsets:
        return (table,)
    pairs = [(e, s) for e in (*first, *apart) for s in subsets if has(e, s)]
    folded = replace(
        table,
        name=f"{group.name}.subsets",
        title=f"{group.title} · by subset",
        columns=(MODEL, Column("Subset", ("subset",), "text"), *values, COUNT, MARKS),
        lines=tuple(line(e, s, e.label, s) for e, s in pairs),
        apart=(),
        absent=(),
        folded=True,
    )
    return (table, folded)
