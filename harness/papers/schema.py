"""What a file of a published table may say, checked, and the cells that it comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from ..suite import Named

COST = "cost"  # a protocol that needs no dataset: its cells name NO_DATASET
NO_DATASET = "–"
CORRELATIONS = frozenset({"srcc", "plcc", "plcc_logistic", "krcc"})


@dataclass(frozen=True)
class Cell:
    """What a paper says of one method on one dataset, and the run that would say it again.

    ``published`` maps metrics to values; it is empty for a model that the paper does not
    have. ``printed`` maps them to what stands under that heading in print, where it is read
    otherwise. ``model`` or ``protocol`` is None where there is none here.
    """

    method: str
    model: Named | None
    protocol: Named | None
    dataset: str
    others: tuple[str, ...]  # further datasets that the number rests on
    subset: str
    metrics: tuple[str, ...]
    published: dict[str, float] = field(default_factory=dict)
    printed: dict[str, float] = field(default_factory=dict)
    source: str = ""
    url: str = ""
    remark: str = ""


def _as_named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


Reference = Annotated[Named, BeforeValidator(_as_named)]  # a name, or a mapping with options


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Method(_Facts):
    """What stands here for a method; without a model its numbers are published only.

    ``model_on`` names datasets on which another model does, or the same with other options.
    """

    model: Reference | None = None
    model_on: dict[str, Reference] = {}
    protocol: Reference | None = None  # instead of the part's or the table's
    note: str = ""


class Part(_Facts):
    """Cells of one source and one setting. ``printed_as``: the headings over them in print."""

    source: str
    url: str = ""
    remark: str = ""
    subset: str = "all"
    others: tuple[str, ...] = ()
    protocol: Reference | None = None  # instead of the table's
    metrics: tuple[str, ...] = ("srcc", "plcc")
    printed_as: tuple[str, ...] = ()
    cells: dict[str, dict[str, tuple[float, ...]]]  # method → dataset → values

    @model_validator(mode="after")
    def _consistent(self) -> Part:
        if self.printed_as and sorted(self.printed_as) != sorted(self.metrics):
            raise ValueError(f"printed_as must name the metrics {', '.join(self.metrics)}")
        for method, row in self.cells.items():
            for dataset, values in row.items():
                if len(values) != len(self.metrics):
                    raise ValueError(
                        f"{method} on {dataset}: {len(values)} values for "
                        f"{len(self.metrics)} metrics"
                    )
                for metric, value in zip(self.metrics, values, strict=True):
                    if metric in CORRELATIONS and not 0 <= value <= 1:
                        raise ValueError(
                            f"{method} on {dataset}: {metric} {value} is not within 0 and 1 (a "
                            "correlation with DMOS is stored after negation)"
                        )
        return self


class Paper(_Facts):
    """One published table."""

    name: str
    title: str
    citation: str
    venue: str
    year: int
    url: str = ""
    protocol: Reference | None = None
    notes: tuple[str, ...] = ()  # where a run here differs from the paper's
    methods: dict[str, Method]
    parts: tuple[Part, ...]

    @model_validator(mode="after")
    def _complete(self) -> Paper:
        used = {method for part in self.parts for method in part.cells}
        if used != self.methods.keys():
            odd = sorted(used ^ self.methods.keys())[0]
            raise ValueError(f"{odd!r} must be among the methods and have cells")
        for name, facts in self.methods.items():
            for dataset in facts.model_on:
                if not any(dataset in part.cells.get(name, ()) for part in self.parts):
                    raise ValueError(f"{name} has no cell on {dataset!r}, which its model_on names")
        places = Counter((cell.method, cell.dataset, cell.subset) for cell in self.cells)
        for (method, dataset, subset), count in places.items():
            if count > 1:
                raise ValueError(f"{method} on {dataset} ({subset}) appears twice")
        return self

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell, in the order of the file."""
        return tuple(cell for part in self.parts for cell in self._cells(part))

    def _cells(self, part: Part) -> Iterator[Cell]:
        for name, row in part.cells.items():
            method = self.methods[name]
            for dataset, values in row.items():
                yield Cell(
                    method=name,
                    model=method.model_on.get(dataset, method.model),
                    protocol=method.protocol or part.protocol or self.protocol,
                    dataset=dataset,
                    others=part.others,
                    subset=part.subset,
                    metrics=part.metrics,
                    published=dict(zip(part.metrics, values, strict=True)),
                    printed=dict(zip(part.printed_as, values, strict=bool(part.printed_as))),
                    source=part.source,
                    url=part.url or self.url,
                    remark=part.remark,
                )

    @property
    def datasets(self) -> tuple[str, ...]:
        """Every dataset that a cell needs, once."""
        named = dict.fromkeys(d for c in self.cells for d in (c.dataset, *c.others))
        return tuple(name for name in named if name != NO_DATASET)
