"""What papers print of the models here: each number, and the run here that stands for it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from ..canonical import canonical_json
from ..contamination import plain
from ..records import Row
from ..reports.labels import called
from . import Paper, paper_names, read_paper
from .schema import COST


@dataclass(frozen=True)
class Published:
    """A number in print, and what here stands for its model and protocol.

    ``options`` and ``protocol_options`` are canonical JSON. ``paper`` names the table of
    ``harness.papers``, "" where only a row says it, and ``method`` what the paper calls the model.
    ``notes`` tell how runs here differ from the paper's.
    """

    value: float
    metric: str
    source: str
    url: str
    remark: str
    paper: str
    title: str
    method: str
    model: str
    options: str
    dataset: str
    subset: str
    protocol: str
    protocol_options: str
    notes: tuple[str, ...]

    @property
    def setting(self) -> str:
        """Protocol and options that stand for the paper's, in words."""
        return called(self.protocol, json.loads(self.protocol_options))


def published_of(row: Row) -> tuple[Published, ...]:
    """What is in print for the model, dataset, protocol, subset and metric of ``row``.

    The options that a table names must be those of the row, which may have more: ``explain`` says
    so. A control, as is a network without training, has none. What differs least comes first.
    """
    if "control" in row.marks:
        return ()
    found = [each for each in published_numbers(row.model) if is_about(each, row)]
    found.sort(key=lambda each: len(differences(row, each)))
    source = row.published_source or "no source given"
    if row.published is not None and not any(
        each.value == row.published and source.startswith(each.source) for each in found
    ):
        found.insert(0, _own(row, row.published, source))
    return tuple(found)


def published_numbers(model: str) -> tuple[Published, ...]:
    """All that the tables of the package print of ``model``, but for its cost."""
    return _by_model().get(model, ())


def published_models() -> tuple[str, ...]:
    """Our names of the models that those tables have."""
    return tuple(_by_model())


def numbers_in(paper: Paper) -> Iterator[Published]:
    """What ``paper`` prints of models that are known here, but for their cost."""
    for cell in paper.cells:
        if cell.model is None or cell.protocol is None or cell.protocol.name == COST:
            continue
        note = paper.methods[cell.method].note
        own = [f"{cell.method}: {note}"] if note else []
        for metric, value in cell.published.items():
            yield Published(
                value=value,
                metric=metric,
                source=cell.source,
                url=cell.url,
                remark=cell.remark,
                paper=paper.name,
                title=paper.title,
                method=cell.method,
                model=cell.model.name,
                options=canonical_json(cell.model.options),
                dataset=cell.dataset,
                subset=cell.subset,
                protocol=cell.protocol.name,
                protocol_options=canonical_json(cell.protocol.options),
                notes=(*own, *_notes(paper, cell.dataset)),
            )


def _notes(paper: Paper, dataset: str) -> Iterator[str]:
    """Those of ``paper``, but for what is about another dataset: "SPAQ: …"."""
    others = {plain(name) for name in paper.datasets} - {plain(dataset)}
    return (note for note in paper.notes if plain(note.partition(":")[0]) not in others)


def is_about(published: Published, row: Row, *, protocol: bool = True) -> bool:
    """Whether ``row`` is what was measured here of ``published``, under whichever options."""
    named, has = json.loads(published.options), json.loads(row.options)
    return (
        published.model == row.model
        and published.metric == row.metric
        and published.subset == row.subset
        and plain(published.dataset) == plain(row.dataset)
        and (not protocol or published.protocol == row.protocol)
        and all(has.get(name) == value for name, value in named.items())
    )


def differences(row: Row, published: Published) -> tuple[str, ...]:
    """In what the model and the protocol of ``row`` are not those that stand for the paper's."""
    found = []
    if row.options != published.options:
        here = called(row.model, json.loads(row.options))
        there = called(published.model, json.loads(published.options))
        found.append(f"Measured of {here}; what stands for the paper's is {there}")
    here = called(row.protocol, json.loads(row.protocol_options))
    if here != published.setting:
        found.append(f"Measured under {here}; what stands for the paper's is {published.setting}")
    return tuple(found)


@lru_cache(maxsize=1)
def _by_model() -> Mapping[str, tuple[Published, ...]]:
    found: dict[str, list[Published]] = defaultdict(list)
    for name in paper_names():
        for each in numbers_in(read_paper(name)):
            found[each.model].append(each)
    return {model: tuple(own) for model, own in found.items()}


def _own(row: Row, value: float, source: str) -> Published:
    """What ``row`` itself says is in print."""
    return Published(
        value=value,
        metric=row.metric,
        source=source,
        url="",
        remark="",
        paper="",
        title="",
        method=row.model,
        model=row.model,
        options=row.options,
        dataset=row.dataset,
        subset=row.subset,
        protocol=row.protocol,
        protocol_options=row.protocol_options,
        notes=(),
    )
