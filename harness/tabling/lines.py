"""The lines of a described table: models as they were run, and what they are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from json import loads

from ..records import Row
from ..reports.entries import variant_of
from ..reports.labels import Variant, called, labels
from .spec import Line, Spec


@dataclass(frozen=True)
class Named:
    """One line: a model as it was run, or, without a ``variant``, one that no record names.

    ``pattern`` is the one that it was found by, or "".
    """

    label: str
    variant: Variant | None
    pattern: str

    @property
    def by_pattern(self) -> bool:
        """Whether nobody asked for it by name."""
        return bool(self.pattern)


def lines_of(spec: Spec, rows: Iterable[Row]) -> list[Named]:
    """The lines that ``spec`` asks for, in its order and then by label; a model is in the first
    one that fits it.

    ValueError where two would have one name.
    """
    variants = sorted({variant_of(row) for row in rows})
    found: list[tuple[int, Line, Variant | None]] = []
    for i, line in enumerate(spec.rows):
        taken = [variant for *_, variant in found]
        own = [v for v in variants if v not in taken and _fits(line, v)]
        found += [(i, line, v) for v in own]
        if not own and not line.is_pattern:
            found.append((i, line, None))
    sizes = Counter(i for i, *_ in found)
    renamed = {v: v._replace(model=line.name or v.model) for _, line, v in found if v}
    labeled = labels(renamed.values())

    def label(i: int, line: Line, variant: Variant | None) -> str:
        """Its name, where that is given; of several variants of one name, what tells them."""
        if variant is None or (line.name and sizes[i] == 1):
            return line.name or called(line.model, line.options)
        return labeled[renamed[variant]]

    told = sorted(((i, label(i, line, v), line, v) for i, line, v in found), key=lambda t: t[:2])
    named = [
        Named(name, variant, line.model if line.is_pattern else "")
        for _, name, line, variant in told
    ]
    for name, times in Counter(one.label for one in named).items():
        if times > 1:
            raise ValueError(f"{spec.name}: two lines are called {name!r}: give one a name")
    return named


def unfound(spec: Spec, rows: Iterable[Row]) -> list[str]:
    """The patterns of ``spec`` that no model in ``rows`` fits."""
    variants = {variant_of(row) for row in rows}
    lines = (line for line in spec.rows if line.is_pattern)
    return [line.model for line in lines if not any(_fits(line, v) for v in variants)]


def _fits(line: Line, variant: Variant) -> bool:
    has = loads(variant.options)
    given = all(has.get(name) == value for name, value in line.options.items())
    return given and fnmatchcase(variant.model, line.model)
