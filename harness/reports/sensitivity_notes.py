"""What one must know to read detection and thresholds: the words under tables and figures."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from .areas import DETECTED
from .entries import Entry
from .groups import Group, parse_subset

NO_INTERVAL = "°"  # what figures put after a number without one
THRESHOLD = (
    "Threshold: the damaged area, as a share of the picture, at which 75 % of the damage of one "
    "type and severity would be detected; shown is the median of these, so half of the types and "
    "severities are noticed at that area, not three quarters of all damage. Below all areas "
    "tested it is “< 1/64”; above all, “never”. The area is that of the mask: some types, such as "
    "color blocks and impulse noise, change only a part of the pixels in it."
)
LSI = (
    "LSI, the localized sensitivity index: the drop of the score as a share of its full-frame "
    "drop, averaged over log area from 1/64 to 1. Proportional to the area: 0.246; blind to the "
    "extent: 1. It says nothing of a model that does not detect."
)
SHARES = (
    "Direction: share of the detected that are scored worse. Ordered: share of the pairs at one "
    "mask (or one severity) of which the more severe (or larger) damage is scored worse. Band "
    "share: the drop from 2 pixels on either side of the mask's edge alone, as a share of the "
    "filled mask's. It can be small only where that band is small beside the mask: at 384 pixels "
    "a side and 1/64 it has a quarter to half of the mask's area, and more if the mask is thin; "
    "at 1/4, less than a tenth."
)
_DETECTED = (
    "Detected: share of the probes that move the score by more than 95 % of the harmless changes "
    "(±1 level of dither, a shift by 1 pixel, JPEG at quality 98) do on the other contents; to "
    "full-reference models the shift is one of both pictures. False alarms: the same share of the "
    "harmless changes themselves. What is detected no more often than that has not been noticed."
)
_MUCH = 0.5  # of a type's probes


def detected_note(group: Group) -> str:
    """What "detected" means, and of which probes."""
    return f"{_DETECTED} {seen_alone(group.entries)}"


def seen_alone(entries: Iterable[Entry]) -> str:
    """That detection leaves out what nobody sees; how many by area, and what types most.

    ``response`` counts every plain probe, ``detected`` those that can be seen.
    """
    lost = _left_out(entries)
    some = [f"{n} of {whole} at {area}" for (kind, area), (n, whole) in lost.items() if not kind]
    much = [
        f"{kind} ({100 * n / whole:.0f} % at {area})"
        for (kind, area), (n, whole) in lost.items()
        if kind and n > _MUCH * whole
    ]
    return (
        "Of damage that can be seen: probes with a local PSNR above 45 dB and ΔE₀₀ below 1 are "
        f"left out{', ' * bool(some)}{', '.join(some)}"
        f"{'; most of ' * bool(much)}{', '.join(much)}."
    )


def _left_out(entries: Iterable[Entry]) -> dict[tuple[str, str], tuple[int, int]]:
    """(type or "", area) → how many probes, of how many; the same for all models."""
    told = [e for e in entries if any(row.metric == DETECTED for row in e.rows)]
    found = {}
    for row in told[0].rows if told else ():
        part = parse_subset(row.subset)
        if row.metric == "response" and "area" in part and set(part) <= {"type", "area"}:
            seen = told[0].get(DETECTED, row.subset)
            if n := row.n_expected - (seen.n_expected if seen else 0):
                found[part.get("type", ""), part["area"]] = n, row.n_expected
    return dict(sorted(found.items(), key=lambda item: (item[0][0], Fraction(item[0][1]))))
