"""Which rows a gate tests: declared beforehand, by a file, by metrics, or the headlines.

A file of declarations is YAML; what a row's pattern leaves out may be anything::

    margin: 0.005
    rows:
      - {metric: srcc}
      - {model: my-model, dataset: koniq10k, protocol: linear-probe, metric: plcc, margin: 0.01}
    changed: [my-model]  # models that are meant to give other scores
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..protocols.base import Comparison, Protocol
from ..registry import BrokenPlugin, load_protocol
from ..reports.best import BETTER, Better
from ..yaml_text import read_yaml
from .pairs import Pair
from .verdict import MARGIN


class Pattern(BaseModel):
    """Rows of the baseline. Without a ``subset``, those of a record's widest subsets: "all", or
    those that fewest conditions make, such as "area=1/4"."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: str | None = None
    dataset: str | None = None
    protocol: str | None = None
    split: str | None = None
    subset: str | None = None
    metric: str
    margin: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    def __str__(self) -> str:
        return ", ".join(f"{k}={v}" for k, v in self if v is not None and k != "margin")


class Declaration(BaseModel):
    """What is tested, with which margin, and which models are meant to have changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    margin: float = Field(default=MARGIN, ge=0, allow_inf_nan=False)
    rows: tuple[Pattern, ...] = ()  # none: the headlines
    changed: tuple[str, ...] = ()


def read_declaration(path: Path) -> Declaration:
    """The file's content. Raises ValueError, which names it, if it is none."""
    content = read_yaml(path.read_bytes(), path)
    try:
        return Declaration.model_validate(content or {})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{path}: {where or 'content'}: {first['msg']}") from error


def declared(pairs: Sequence[Pair], wanted: Declaration) -> list[tuple[Pair, float]]:
    """The pairs to test, each with its margin; where two patterns match, the first one's.

    Rows without a number in the baseline are none. Raises ValueError for a pattern of no row.
    """
    found: dict[int, float] = {}
    for pattern in wanted.rows:
        rows = _matching(pairs, pattern)
        if not rows:
            raise ValueError(f"declared, but no number of the baseline: {pattern}")
        for i in rows:
            found.setdefault(i, wanted.margin if pattern.margin is None else pattern.margin)
    return [(pairs[i], margin) for i, margin in sorted(found.items())]


def headlines(pairs: Sequence[Pair]) -> list[Pattern]:
    """A pattern for the headline of each protocol of the baseline that has a number."""
    valued: Mapping[str, set[str]] = defaultdict(set)
    for pair in pairs:
        if pair.old.value is not None:
            valued[pair.place.protocol].add(pair.place.metric)
    found = ((name, headline(name)) for name in sorted(valued))
    return [Pattern(protocol=name, metric=m) for name, m in found if m in valued[name]]


@cache
def headline(protocol: str) -> str:
    """The metric that a protocol is known by; SRCC for one that is not installed here."""
    try:
        return load_protocol(protocol).headline
    except (BrokenPlugin, ValueError):
        return "srcc"


@cache
def better_end(protocol: str, metric: str) -> Better:
    """Which end of ``metric`` is the better one: 1 higher, -1 lower, 0 where none is known to be.

    That of a known name is known; of a name of its own, the protocol says it of its headline.
    """
    if metric in BETTER:
        return BETTER[metric]
    try:
        found = load_protocol(protocol)
    except (BrokenPlugin, ValueError):
        return 0
    return found.better if isinstance(found, Protocol) and found.headline == metric else 0


@cache
def compares_models(protocol: str) -> bool:
    """Whether its rows depend on which models were run beside: those say nothing of one model."""
    try:
        return isinstance(load_protocol(protocol), Comparison)
    except (BrokenPlugin, ValueError):
        return False


def _matching(pairs: Sequence[Pair], pattern: Pattern) -> list[int]:
    asked = {name: value for name, value in pattern if value is not None and name != "margin"}
    found = [
        i
        for i, pair in enumerate(pairs)
        if pair.old.value is not None
        and all(getattr(pair.place, name) == value for name, value in asked.items())
    ]
    if pattern.subset is not None:
        return found
    widest: dict[tuple[str, ...], int] = {}
    for i in found:
        study, conditions = pairs[i].place[:6], _conditions(pairs[i].place.subset)
        widest[study] = min(conditions, widest.get(study, conditions))
    return [i for i in found if _conditions(pairs[i].place.subset) == widest[pairs[i].place[:6]]]


def _conditions(subset: str) -> int:
    """How many conditions make the subset: none for "all"."""
    return 0 if subset == "all" else len(subset.split())
