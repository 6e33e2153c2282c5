"""From groups of rows to tables: ranked by SRCC, by area, or model × metric for any other."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from .entries import Entry
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
from .parts import COUNT, MARKS, METRICS, MODE, MODEL, RANK, assemble, common_marks, marks_cell

RATIO = "response_ratio"


def tables(group: Group) -> tuple[Table, ...]:
    """The tables of one group, the main one first."""
    if group.is_ranked:
        main = _ranked(group)
    elif any("area" in parse_subset(s) for s in group.subsets("response")):
        main = _by_area(group)
    else:
        return _plain(group)
    matrix = type_matrix(group)
    return (main,) if matrix is None else (main, _by_type(group, matrix))


def areas(group: Group, metric: str) -> tuple[str, ...]:
    """Areas at which ``metric`` is known over all types, smallest first, as written.

    Not area 1 for a ratio to area 1, which is 1 by its definition.
    """
    found = [parse_subset(s) for s in group.subsets(metric)]
    known = {p["area"] for p in found if set(p) == {"area"}}
    if metric == RATIO:
        known = {area for area in known if Fraction(area) < 1}
    return tuple(sorted(known, key=Fraction))


def _ranked(group: Group) -> Table:
    """Rows are models by falling SRCC; circular models and controls stand below, unranked."""
    group = group.only(lambda row: row.subset == "all")
    ranked, apart = group.ordered()
    known = [m for m in METRICS if m in group.metrics]
    metrics = known + [m for m in group.metrics if m not in METRICS]
    common = common_marks(group)
    columns = (
        RANK,
        MODEL,
        *(
            Column(METRICS.get(m, m), with_interval_keys(m) if m == RANKED_BY else (m,))
            for m in metrics
        ),
        COUNT,
        MODE,
        Column("Contamination", ("contamination",), "text"),
        MARKS,
    )

    def line(entry: Entry, rank: int | None) -> Line:
        first = entry.get(RANKED_BY) or entry.rows[0]
        return (
            Cell("–" if rank is None else str(rank), (rank,)),
            text_cell(entry.label),
            *(row_cell(entry.get(m), with_interval=m == RANKED_BY) for m in metrics),
            count_cell(first.n_scored, first.n_expected),
            text_cell(first.mode),
            text_cell(first.contamination),
            marks_cell(entry, common),
        )

    values = [entry.value(RANKED_BY) for entry in ranked]
    return assemble(
        group,
        columns,
        [line(e, 1 + values.index(v)) for e, v in zip(ranked, values, strict=True)],
        [line(e, None) for e in apart],
        metric=RANKED_BY,
        sorted_by=2,
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
            *([f"Without such a value: {left_out}."] if left_out else []),
        ),
        folded=True,
    )


def _plain(group: Group) -> tuple[Table, ...]:
    """Model × metric, for protocols that this module does not know; other subsets folded."""
    metrics = group.metrics
    common = common_marks(group)
    values = tuple(Column(METRICS.get(m, m), with_interval_keys(m)) for m in metrics)

    def line(entry: Entry, subset: str, *names: str) -> Line:
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
