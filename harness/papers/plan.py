"""Which cells of a table can be measured here, and what the others lack."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from .. import registry, requirements
from ..canonical import canonical_json
from ..cost_options import for_cost
from ..jobs import key
from ..model import Model
from ..protocols.base import Protocol
from ..requirements import Missing, Sources
from ..sample import Dataset
from ..suite import Named
from .schema import COST, NO_DATASET, Cell, Paper

# Of a method, or of what a table measures: a model of its name may be here, measured elsewhere.
PUBLISHED_ONLY = "nothing here stands for it in this table: published only"
Thing = Model | Dataset | Protocol
Identity = tuple[str, str, str]  # what rows say of model, options and dataset


@dataclass(frozen=True)
class Plan:
    """Cells with all that they need, by ``key``: each loaded once, or why there is none."""

    paper: Paper
    cells: tuple[Cell, ...]
    things: Mapping[str, Thing | Missing]
    notices: tuple[str, ...]  # what datasets had to say, e.g. that some images are missing

    def missing(self, cell: Cell) -> tuple[Missing, ...]:
        """All that ``cell`` lacks; empty where it can be measured."""
        lacking = [t for n in needs(cell) if isinstance(t := self.things[key(*n)], Missing)]
        if cell.model is None or cell.protocol is None:
            lacking.append(Missing("implementation", cell.method, PUBLISHED_ONLY))
        return tuple(lacking)

    @property
    def groups(self) -> dict[str, list[Cell]]:
        """The cells that one suite each can measure, by their ``group``."""
        groups: dict[str, list[Cell]] = {}
        for cell in self.cells:
            if cell.protocol is not None and cell.protocol.name != COST and not self.missing(cell):
                groups.setdefault(self.group(cell), []).append(cell)
        return groups

    def group(self, cell: Cell) -> str:
        """The ``key`` of the protocol of ``cell``, with its dataset where that has a model apart.

        A suite runs each model on each dataset, and that model is for this one alone.
        """
        assert cell.protocol is not None
        method = self.paper.methods.get(cell.method)
        apart = method is not None and cell.dataset in method.model_on
        return key("protocols", cell.protocol) + (f" on {cell.dataset}" if apart else "")

    def identity(self, cell: Cell) -> Identity:
        """What tells the rows of ``cell``, which lacks nothing, from those of other cells."""
        assert cell.model is not None
        model = self.things[key("models", cell.model)]
        dataset = self.things[key("datasets", Named(name=cell.dataset))]
        assert isinstance(model, Model)
        assert isinstance(dataset, Dataset)
        return model.card.name, canonical_json(dict(model.card.options or {})), dataset.name


def select(paper: Paper, names: Sequence[str]) -> tuple[Cell, ...]:
    """The cells of the methods called ``names`` (default: all), and those of other models."""
    if not names:
        return paper.cells
    # A method that is measured in a way of its own says nothing of how others are.
    usual = [cell for cell in paper.cells if paper.methods[cell.method].protocol is None]
    chosen: list[Cell] = []
    for name in names:
        same = [
            cell
            for cell in paper.cells
            if name.casefold() == cell.method.casefold() or (cell.model and name == cell.model.name)
        ]
        if not same and name.partition(":")[0] not in registry.entries("models"):
            methods = ", ".join(paper.methods)
            raise ValueError(f"{name!r} is neither a line of {paper.name} ({methods}) nor a model")
        chosen += same or _cells_of(name, usual)
    return tuple(chosen)


def _cells_of(model: str, like: Iterable[Cell]) -> Iterator[Cell]:
    """Cells of a model that a paper does not have, in the settings of ``like``, each once."""
    seen = []
    for cell in like:
        own = Cell(
            method=model,
            model=Named(name=model),
            protocol=cell.protocol,
            dataset=cell.dataset,
            others=cell.others,
            subset=cell.subset,
            metrics=cell.metrics,
        )
        if own not in seen:
            seen.append(own)
            yield own


def make_plan(paper: Paper, cells: Iterable[Cell], sources: Sources) -> Plan:
    """Load what ``cells`` need."""
    cells = tuple(_as_costed(_with_split_files(cell, sources)) for cell in cells)
    things: dict[str, Thing | Missing] = {}
    notices: list[str] = []
    for cell in cells:
        for kind, named in needs(cell):
            if (name := key(kind, named)) in things:
                continue
            if kind == "models":
                things[name] = requirements.model(named)
            elif kind == "protocols":
                things[name] = requirements.protocol(named)
            else:
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    things[name] = requirements.dataset(named.name, sources)
                notices += [str(w.message) for w in caught if w.category is UserWarning]
    return Plan(paper, cells, things, tuple(notices))


def _with_split_files(cell: Cell, sources: Sources) -> Cell:
    if cell.protocol is None or (folder := sources.split_files(cell.dataset)) is None:
        return cell
    return replace(cell, protocol=cell.protocol.model_copy(update={"splits": str(folder)}))


def _as_costed(cell: Cell) -> Cell:
    """``cell`` with the options of ``for_cost`` where it is of the protocol COST."""
    if cell.protocol is None or cell.protocol.name != COST or cell.model is None:
        return cell
    with suppress(registry.UnknownName, registry.BrokenPlugin):  # said where it is loaded
        options = for_cost(cell.model.name, cell.model.options)
        return replace(cell, model=Named(name=cell.model.name, **options))
    return cell


def needs(cell: Cell) -> Iterator[tuple[str, Named]]:
    """Kind and name of each thing that measuring ``cell`` takes."""
    if cell.protocol is not None and cell.protocol.name != COST:
        yield "protocols", cell.protocol
    if cell.model is not None:
        yield "models", cell.model
        named = (name for name in (cell.dataset, *cell.others) if name != NO_DATASET)
        yield from (("datasets", Named(name=name)) for name in named)
