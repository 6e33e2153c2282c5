"""Published beside measured, as one table for terminals, Markdown and CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import portable
from ..papers.results import SPREAD, Result
from ..protocols.base import Measure
from ..reproduce import Reproduction
from ..suite import Named
from .comparison_notes import named, notes
from .console import PIPED, print_sized, table_text
from .labels import called
from .layout import NONE, Cell, Column, Line, Table, interval, number, text_cell
from .parts import METRICS
from .published import amount, difference_cell

_SETTING = Column("Setting", ("subset",), "name")
_COLUMNS = (
    Column("Dataset", ("dataset",), "name"),
    _SETTING,
    Column("Method", ("method", "model", "protocol"), "name"),
    Column("Metric", ("metric",), "name"),
    Column("Published", ("published", "as_printed", "source", "url", "remark")),
    Column(
        "Measured",
        ("measured", "ci_low", "ci_high", "split_sd", "missing", "reason", "command"),
    ),
    Column("Difference", ("difference",)),
    Column("Published inside", ("published_in_interval",)),
    Column("N", ("n_scored", "n_expected", "marks")),
)


def comparison_table(found: Reproduction) -> Table:
    """One line for each dataset, setting, method and metric; these in the order of the paper.

    The difference is measured − published. A value that is missing is a dash, with what is
    missing; the notes say why, and how to get it.
    """
    paper = found.paper
    lines = [line for result in _in_order(found.results) for line in _lines(result)]
    at = _COLUMNS.index(_SETTING)
    plain = all(line[at].raw == ("all",) for line in lines)
    shown = [i for i in range(len(_COLUMNS)) if not (plain and i == at)]
    return Table(
        name=paper.name,
        title=f"{paper.name}: {paper.title} ({paper.venue} {paper.year})",
        columns=tuple(_COLUMNS[i] for i in shown),
        lines=tuple(tuple(line[i] for i in shown) for line in lines),
        notes=tuple(notes(found)),
    )


def comparison_text(found: Reproduction, width: int = PIPED, color: bool = False) -> str:
    """The table for a terminal ``width`` columns wide; with ANSI styles if ``color``."""
    return table_text(comparison_table(found), width, color)


def print_comparison(found: Reproduction) -> None:
    """Print the table, as wide and as colorful as the terminal allows."""
    print_sized(lambda width, color: comparison_text(found, width, color))


def _in_order(results: Sequence[Result]) -> list[Result]:
    """Methods side by side on one dataset and setting, each in order of appearance."""
    cells = [result.cell for result in results]
    datasets = list(dict.fromkeys(cell.dataset for cell in cells))
    settings = list(dict.fromkeys(cell.subset for cell in cells))
    methods = list(dict.fromkeys(cell.method for cell in cells))
    return sorted(
        results,
        key=lambda result: (
            datasets.index(result.cell.dataset),
            settings.index(result.cell.subset),
            methods.index(result.cell.method),
        ),
    )


def _lines(result: Result) -> Iterator[Line]:
    cell = result.cell
    for metric in cell.metrics:
        measured, published = result.measures.get(metric), cell.published.get(metric)
        printed = cell.printed.get(metric)
        yield (
            text_cell(cell.dataset),
            Cell(NONE if cell.subset == "all" else cell.subset, (cell.subset,)),
            Cell(cell.method, (cell.method, _model(cell.model), named(cell.protocol))),
            Cell(METRICS.get(metric, metric.replace("_", " ")), (metric,)),
            Cell(
                amount(metric, published),
                (published, printed, cell.source, cell.url, cell.remark),
            ),
            _measured(metric, measured, result),
            _difference(metric, measured, published),
            _inside(measured, published),
            _count(measured),
        )


def _model(model: Named | None) -> str:
    return "" if model is None else called(model.name, portable(model.options))


def _measured(metric: str, found: Measure | None, result: Result) -> Cell:
    if found is not None and found.value is not None:
        spread = result.measures.get(f"{metric}{SPREAD}")
        sd = None if spread is None else spread.value
        detail = interval(found.ci_low, found.ci_high) or ("" if sd is None else f"SD {number(sd)}")
        raw = (found.value, found.ci_low, found.ci_high, sd, "", "", "")
        return Cell(amount(metric, found.value), raw, detail)
    missing = result.missing
    what = ", ".join(dict.fromkeys(each.what for each in missing))
    reasons = "; ".join(dict.fromkeys(each.reason for each in missing))
    commands = "; ".join(dict.fromkeys(each.command for each in missing if each.command))
    return Cell(NONE, (None, None, None, None, what, reasons, commands), what)


def _difference(metric: str, found: Measure | None, published: float | None) -> Cell:
    if found is None or found.value is None or published is None:
        return Cell(NONE, (None,))
    return difference_cell(metric, found.value, published)


def _inside(found: Measure | None, published: float | None) -> Cell:
    if found is None or found.ci_low is None or found.ci_high is None or published is None:
        return Cell(NONE, (None,))
    if found.n_failed:
        return Cell("incomplete", ("incomplete",))
    inside = "yes" if found.ci_low <= published <= found.ci_high else "no"
    return Cell(inside, (inside,))


def _count(found: Measure | None) -> Cell:
    if found is None:
        return Cell(NONE, (None, None, None))
    n, of = found.n_scored, found.n_expected
    text = (str(n) if n == of else f"{n}/{of}") if of else NONE
    return Cell(text, (n, of, "; ".join(found.marks)))
