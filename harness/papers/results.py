"""Measure the cells of a plan, protocol by protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import message
from ..jobs import key
from ..model import Model
from ..protocols.base import Measure
from ..records import Row
from ..requirements import Missing
from ..runner import run_suite
from ..suite import Named, Suite
from .plan import Identity, Plan, needs
from .schema import COST, Cell

SPREAD = "_split_sd"


@dataclass(frozen=True)
class Result:
    """A cell with what was measured of it, by metric, and what it lacks.

    Beside the cell's metrics there may be their spreads over splits (the metric, and SPREAD).
    Marks are those of the row, and its contamination.
    """

    cell: Cell
    measures: Mapping[str, Measure]
    missing: tuple[Missing, ...]

    @property
    def is_measured(self) -> bool:
        return any(measure.value is not None for measure in self.measures.values())


def results(plan: Plan, seed: int, settings: Mapping[str, Any]) -> Iterator[Result]:
    """One for each cell of ``plan``, in its order; ``settings`` are those of ``run_suite``."""
    rows = {name: _run(plan, cells, seed, settings) for name, cells in plan.groups.items()}
    for cell in plan.cells:
        if cell.protocol is None or plan.missing(cell):
            yield Result(cell, {}, plan.missing(cell))
        elif cell.protocol.name == COST:
            yield _cost(plan, cell, settings.get("device", "cpu"))
        else:
            yield _of_rows(plan, cell, rows[plan.group(cell)])


def _run(
    plan: Plan, cells: Sequence[Cell], seed: int, settings: Mapping[str, Any]
) -> tuple[Row, ...]:
    """Run the protocol of ``cells`` on all their models and datasets, as one suite."""
    named: dict[str, dict[str, Named]] = {"models": {}, "datasets": {}, "protocols": {}}
    values: dict[tuple[str, ...], tuple[float, str]] = {}
    for cell in cells:
        for kind, each in needs(cell):
            named[kind][key(kind, each)] = each
        for metric, value in cell.published.items():
            place = (*plan.identity(cell), cell.subset, metric)
            values[place] = (value, "; ".join(filter(None, (cell.source, cell.remark, cell.url))))

    def published(row: Row) -> tuple[float, str] | None:
        return values.get((*_identity(row), row.subset, row.metric))

    suite = Suite(
        name=plan.paper.name,
        **{kind: tuple(found.values()) for kind, found in named.items()},  # type: ignore[arg-type]
        seed=seed,
    )
    loaded = {name: thing for name, thing in plan.things.items() if not isinstance(thing, Missing)}
    return run_suite(suite, objects=loaded, published=published, **settings)


def _identity(row: Row) -> Identity:
    return row.model, row.options, row.dataset


def _of_rows(plan: Plan, cell: Cell, rows: Sequence[Row]) -> Result:
    identity = plan.identity(cell)
    own = [row for row in rows if _identity(row) == identity]
    wanted = {*cell.metrics, *(f"{metric}{SPREAD}" for metric in cell.metrics)}
    found = {r.metric: _measure(r) for r in own if r.subset == cell.subset and r.metric in wanted}
    lacking = [m for m in cell.metrics if m not in found or found[m].value is None]
    if not lacking:
        return Result(cell, found, ())
    reasons = [m.reason for m in found.values() if m.value is None and m.reason]
    if all(row.value is None for row in own):  # a skip, or a failure, has one row for all
        reasons += [row.reason for row in own if row.reason]
    why = next(iter(reasons), f"{cell.protocol} gave no {lacking[0]} on {cell.subset}")
    return Result(cell, found, (Missing("result", f"{cell.method} on {cell.dataset}", why),))


def _measure(row: Row) -> Measure:
    seen = () if row.contamination == "none" else (f"contamination: {row.contamination}",)
    return Measure(
        metric=row.metric,
        value=row.value,
        n_expected=row.n_expected,
        n_scored=row.n_scored,
        n_failed=row.n_failed,
        subset=row.subset,
        split=row.split,
        ci_low=row.ci_low,
        ci_high=row.ci_high,
        ci_method=row.ci_method,
        reason=row.reason,
        marks=(*row.marks, *seen),
    )


def _cost(plan: Plan, cell: Cell, device: str) -> Result:
    """Counts, and the speed on this machine, which is another than the paper's."""
    from ..cost import cost

    assert cell.model is not None
    assert cell.protocol is not None
    model = plan.things[key("models", cell.model)]
    assert isinstance(model, Model)
    asked = cell.protocol.options
    try:
        (one,) = cost(model, [(asked["width"], asked["height"])], [asked["batch"]], device)
        why = one.reason
    except ValueError as error:
        one, why = None, message(error)
    if one is None or one.counts is None or one.speed is None:
        return Result(cell, {}, (Missing("result", cell.method, why or "no cost"),))
    values = {
        "parameters": one.counts.parameters,
        "macs_modules": one.counts.macs_modules,
        "macs_full": one.counts.macs_full,
        "images_per_second": one.speed.images_per_second,
    }
    mark = f"measured on {device}, {one.width} × {one.height}, {one.batch} at once"
    return Result(
        cell,
        {m: Measure(m, float(values[m]), 0, 0, 0, marks=(mark,)) for m in cell.metrics},
        (),
    )
