"""Type × model: what a heat map shows and the folded table behind it holds."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from .groups import RANKED_BY, Group, parse_subset

PREFERRED_AREA = "1/16"
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
    )


def _largest(values: list[float | None]) -> float:
    return max(LEAST, *(value for value in values if value is not None))


def _mean(values: tuple[float | None, ...], scales: list[float]) -> float:
    shades = [v / scale for v, scale in zip(values, scales, strict=True) if v is not None]
    return sum(shades) / len(shades) if shades else float("-inf")
