"""What records say of the cells of a published table."""

from __future__ import annotations

import json
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..contamination import plain
from ..papers.in_print import Published, differences, is_about, numbers_in
from ..papers.plan import PUBLISHED_ONLY
from ..papers.results import Result
from ..papers.schema import COST, Cell, Paper
from ..protocols.base import Measure
from ..records import Row
from ..reports.entries import TO_GET_IT
from ..reproduce import Reproduction
from ..requirements import Missing

Key = tuple[str, str, str, str]  # method, dataset, subset, metric


@dataclass(frozen=True)
class Measured:
    """A paper with, for each of its numbers that was measured here, the row.

    ``published`` has those that could be; ``reproduction`` says of every cell what it lacks.
    """

    paper: Paper
    rows: Mapping[Key, Row]
    published: Mapping[Key, Published]
    reproduction: Reproduction


def measured(paper: Paper, rows: Iterable[Row], typed: str | None = None) -> Measured:
    """Look for the cells of ``paper`` among all ``rows``; of several rows, the likest stands.

    A control, as is a network without training, never stands for a method. ``typed`` is what one
    types to name the paper, by default its name.
    """
    of_model: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if "control" not in row.marks:
            of_model[row.model].append(row)
    published = {(p.method, p.dataset, p.subset, p.metric): p for p in numbers_in(paper)}
    found: dict[Key, Row] = {}
    for key, printed in published.items():
        own = [r for r in of_model[printed.model] if r.value is not None and is_about(printed, r)]
        if own:
            found[key] = min(own, key=lambda row: len(differences(row, printed)))
    results = tuple(_result(typed or paper.name, cell, found, of_model) for cell in paper.cells)
    return Measured(paper, found, published, Reproduction(paper, results, ()))


def key_of(cell: Cell, metric: str) -> Key:
    """What tells one number of a paper from the others."""
    return (cell.method, cell.dataset, cell.subset, metric)


def _result(
    typed: str, cell: Cell, found: Mapping[Key, Row], of_model: Mapping[str, Sequence[Row]]
) -> Result:
    rows = {m: found[key] for m in cell.metrics if (key := key_of(cell, m)) in found}
    measures = {metric: _measure(row) for metric, row in rows.items()}
    if len(rows) == len(cell.metrics):
        return Result(cell, measures, ())
    own = of_model.get(cell.model.name, ()) if cell.model else ()
    return Result(cell, measures, (_missing(typed, cell, own),))


def _measure(row: Row) -> Measure:
    """Its marks and remarks stand as footnotes with the cell."""
    return Measure(
        row.metric, row.value, row.n_expected, row.n_scored, row.n_failed,
        row.subset, row.split, row.ci_low, row.ci_high, row.ci_method,
    )  # fmt: skip


def _missing(typed: str, cell: Cell, rows: Iterable[Row]) -> Missing:
    if cell.model is None or cell.protocol is None:
        return Missing("implementation", cell.method, PUBLISHED_ONLY)
    if cell.protocol.name == COST:
        why, how = "records hold no costs", f"iqa-eval reproduce {shlex.quote(typed)}"
        return Missing("result", cell.method, why, how)
    for row in rows:
        if row.value is None and row.reason and _is_of(row, cell):
            reason, _, command = row.reason.partition(TO_GET_IT)
            about = f"{cell.method} on {cell.dataset}"
            return Missing("result", about, reason, command or None)
    how = f"iqa-eval reproduce {shlex.quote(typed)} --root DATA"
    return Missing("result", cell.method, "no record", how)


def _is_of(row: Row, cell: Cell) -> bool:
    """Whether ``row`` is about the model, dataset and protocol of ``cell``."""
    assert cell.model is not None
    assert cell.protocol is not None
    has = json.loads(row.options)
    return (
        plain(row.dataset) == plain(cell.dataset)
        and row.protocol == cell.protocol.name
        and all(has.get(name) == value for name, value in cell.model.options.items())
    )
