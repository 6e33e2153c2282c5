"""Type × model: what a heat map shows and the folded table behind it holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..records import Row
from .groups import RANKED_BY, Group, parse_subset
from .layout import number

PREFERRED_AREA = "1/16"
_TESTED = re.compile(r"splits? \((?:\d+/)+(\d+)\)")  # the share of a test part, in percent
LEAST = 0.1  # SDs; a model whose largest response is below this has noticed next to nothing


@dataclass(frozen=True)
class Matrix:
    """``values[i][j]`` belongs to ``types[i]`` and ``models[j]``; None where there is none.

    Drawn at full shade where it reaches ``scales[j]``.
    """

    title: str
    reading: str  # what a value is
    shading: str  # what full shade is
    types: tuple[str, ...]
    models: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    scales: tuple[float, ...]
    apart: tuple[bool, ...]  # for each model: circular or a control
    left_out: tuple[str, ...]  # models that have no such values
    resting: str  # on how many pictures a value rests, and how sure it is; "" where unknown


def type_matrix(group: Group) -> Matrix | None:
    """The values by type of ``group``, types with dark shades first; None if there are none."""
    if RANKED_BY in group.metrics:
        subsets = {
            parse_subset(s)["type"]: s
            for s in group.subsets(RANKED_BY)
            if set(parse_subset(s)) == {"type"}
        }
        return _matrix(
            group,
            RANKED_BY,
            subsets,
            title="SRCC by type of distortion",
            reading="SRCC among the pictures of one type alone",
            shading="1",
        )
    by_area: dict[str, dict[str, str]] = {}
    for subset in group.subsets("response"):
        part = parse_subset(subset)
        if set(part) == {"type", "area"}:
            by_area.setdefault(part["area"], {})[part["type"]] = subset
    if not by_area:
        return None
    area = PREFERRED_AREA if PREFERRED_AREA in by_area else min(by_area, key=Fraction)
    return _matrix(
        group,
        "response",
        by_area[area],
        title=f"Response by type of distortion, {area} of the picture damaged",
        reading="Mean response to one type, in SDs of the model's own scores",
        shading=f"the model's own largest response, or {LEAST} SD where that is less",
    )


def _matrix(
    group: Group,
    metric: str,
    subsets: dict[str, str],
    title: str,
    reading: str,
    shading: str,
) -> Matrix | None:
    first, apart = group.ordered()
    columns = {e: [e.value(metric, s) for s in subsets.values()] for e in (*first, *apart)}
    shown = {e: values for e, values in columns.items() if any(v is not None for v in values)}
    if not shown:
        return None
    scales = [1.0 if metric == RANKED_BY else _largest(values) for values in shown.values()]
    lines = dict(zip(subsets, zip(*shown.values(), strict=True), strict=True))
    order = sorted(lines, key=lambda name: (-_mean(lines[name], scales), name))
    return Matrix(
        title,
        reading,
        shading,
        tuple(order),
        tuple(entry.label for entry in shown),
        tuple(lines[name] for name in order),
        tuple(scales),
        tuple(entry.set_apart for entry in shown),
        tuple(entry.label for entry in columns if entry not in shown),
        _resting(
            row
            for entry in shown
            for subset in subsets.values()
            if metric == RANKED_BY and (row := entry.get(metric, subset)) is not None
        ),
    )


def _resting(found: Iterable[Row]) -> str:
    """How many pictures a correlation is of, and how wide its interval: few are next to nothing."""
    rows = [row for row in found if row.value is not None]
    if not rows:
        return ""
    told = f"A type has {_span([str(n) for n in sorted({row.n_scored for row in rows})])} pictures"
    if shares := {share[1] for row in rows if (share := _TESTED.search(row.split))}:
        told += f", of which a split tests about {' or '.join(sorted(shares))} %"
    ends = [
        (row.ci_low, row.ci_high)
        for row in rows
        if row.ci_low is not None and row.ci_high is not None
    ]
    if ends:
        widths = sorted(number(high - low) for low, high in ends)
        told += f"; the intervals, which the records have, are {_span(widths)} wide"
    return f"{told}."


def _span(ordered: Sequence[str]) -> str:
    return ordered[0] if ordered[0] == ordered[-1] else f"{ordered[0]} to {ordered[-1]}"


def _largest(values: list[float | None]) -> float:
    return max(LEAST, *(value for value in values if value is not None))


def _mean(values: tuple[float | None, ...], scales: list[float]) -> float:
    shades = [v / scale for v, scale in zip(values, scales, strict=True) if v is not None]
    return sum(shades) / len(shades) if shades else float("-inf")
