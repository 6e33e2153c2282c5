"""Areas at which a metric is known, as they are written in subsets."""

from __future__ import annotations

from fractions import Fraction

from .groups import Group, parse_subset

RATIO = "response_ratio"
DETECTED = "detected"


def areas(group: Group, metric: str) -> tuple[str, ...]:
    """Areas at which ``metric`` is known over all types, smallest first, as written.

    Not area 1 for a ratio to area 1, which is 1 by its definition.
    """
    found = [parse_subset(s) for s in group.subsets(metric)]
    known = {p["area"] for p in found if set(p) == {"area"}}
    if metric == RATIO:
        known = {area for area in known if Fraction(area) < 1}
    return tuple(sorted(known, key=Fraction))


def percent(area: str) -> str:
    """``"1/16"`` as ``"6.25 %"``, to three digits."""
    return f"{100 * float(Fraction(area)):.3g} %"
