"""Severities that make the damage equal: bisection on a real-valued severity, within a type.

*Equal damage*: the same PSNR inside the mask at every area and content of a type, that of the
full frame at ``Design.target_severity`` (median over the type's contents). *Equal energy*: the
same MSE of the whole image at every area of a ladder, such that most of its areas reach it
(the largest such, if several do). Some types have few levels: what no severity reaches
within the tolerance says so.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from tqdm import tqdm

from harness.atomic import write_atomic
from harness.cache import default_cache
from harness.canonical import digest
from harness.cells import LIBRARIES, library_version

from .damage_curve import DECIMALS, Curve, Wanted
from .design import Design
from .forked import forked
from .render import REQUIRES, pixels_hash
from .render import VERSION as RENDER_VERSION

# Raise it whenever a severity found here changes for the same pixels.
VERSION = "1"
_STEP = 10**-DECIMALS
_RENDERINGS = 12  # at most, at one area, beside those at whole severities
_PEAK = 20 * math.log10(255)  # dB


@dataclass(frozen=True)
class Found:
    """The target (dB of local PSNR, or MSE), and by area a severity or why there is none."""

    target: float
    severities: tuple[float | None, ...]
    reasons: tuple[str | None, ...]


def calibrated(
    wanted: Sequence[Wanted], design: Design, workers: int | None = None
) -> dict[Wanted, Found]:
    """Severities for every ladder, in [1, 5] with three decimals.

    Work is shared among processes by type (default: every core), which changes no result, and
    remembered in the user's cache. Of reached areas any two differ by no more than the design's
    tolerance. Raises ValueError for a content that cannot be read.
    """
    groups = defaultdict(list)
    for each in wanted:
        groups[each.type].append(each)
    folder = default_cache() / "probes" / "calibration"
    paths = {kind: folder / f"{_key(group, design)}.json" for kind, group in groups.items()}
    lacking = [kind for kind, path in paths.items() if not path.exists()]
    if lacking:
        folder.mkdir(parents=True, exist_ok=True)
    work = partial(_solved, groups=groups, design=design)
    with tqdm(desc="calibrating", total=len(lacking), unit="type", delay=2, leave=False) as bar:
        for kind, found in forked(work, lacking, workers):
            write_atomic(paths[kind], json.dumps(found).encode())
            bar.update()
    known: dict[Wanted, Found] = {}
    for kind, group in groups.items():
        rows = json.loads(paths[kind].read_bytes())
        for each, (target, severities, reasons) in zip(group, rows, strict=True):
            known[each] = Found(target, tuple(severities), tuple(reasons))
    return known


def _key(group: Sequence[Wanted], design: Design) -> str:
    """All that the severities of one type depend on."""
    libraries = [(name, library_version(name)) for name in sorted({*LIBRARIES, *REQUIRES})]
    rules = (design.severities, design.target_severity)
    tolerances = (design.damage_tolerance, design.energy_tolerance)
    ladders = [
        [w.kind, w.content.id, pixels_hash(w.content), w.type, w.masks, w.seed] for w in group
    ]
    return digest([VERSION, RENDER_VERSION, libraries, rules, tolerances, ladders])


Row = tuple[float, list[float | None], list[str | None]]


def _solved(kind: str, groups: dict[str, list[Wanted]], design: Design) -> list[Row]:
    """Target, severities and reasons of every ladder of a type."""
    group = groups[kind]
    curves = [Curve(each, design.severities) for each in group]
    middle = _PEAK - _median(curves, design.target_severity)
    return [
        _equal_damage(curve, round(middle, 2), design.damage_tolerance)
        if curve.wanted.kind == "equal-damage"
        else _equal_energy(curve, design.energy_tolerance)
        for curve in curves
    ]


def _median(curves: Sequence[Curve], severity: int) -> float:
    """The median over contents of the full frame's MSE at a severity, in dB."""
    by_content = {c.wanted.content.id: c.full(severity) for c in curves}
    return float(np.median(list(by_content.values())))


def _equal_damage(curve: Curve, target: float, tolerance: float) -> Row:
    # Half of it on either side, so that two areas differ by no more than all of it.
    found = [_solve(curve, i, _PEAK - target, tolerance / 2) for i in range(curve.n_areas)]
    reasons = [
        None
        if severity
        else f"equal damage: no severity from 1 to 5 has a local PSNR within {tolerance / 2:g} dB "
        f"of {target:.1f} dB (closest found: {_PEAK - closest:.1f} dB)"
        for severity, closest in found
    ]
    return target, [severity for severity, _ in found], reasons


def _equal_energy(curve: Curve, tolerance: float) -> Row:
    level = round(_common(curve), 2)
    target, half = 10 ** (level / 10), 5 * math.log10(1 + tolerance)
    found = [_solve(curve, i, level, half) for i in range(curve.n_areas)]
    reasons = [
        None
        if severity
        else f"equal energy: no severity from 1 to 5 has an MSE within {tolerance / 2:.1%} "
        f"of {target:.3g} (closest found: {10 ** (closest / 10):.3g})"
        for severity, closest in found
    ]
    return target, [severity for severity, _ in found], reasons


def _common(curve: Curve) -> float:
    """The level in dB that most areas reach; in the middle of the highest such range."""
    table = np.array(list(curve.levels.values()))
    low, high = table.min(axis=0), table.max(axis=0)
    middles = [(a + b) / 2 for a, b in pairwise(sorted({*low, *high}))] or [float(low[0])]
    return max(middles, key=lambda m: (int(((low <= m) & (m <= high)).sum()), m))


def _solve(curve: Curve, area: int, target: float, tolerance: float) -> tuple[float | None, float]:
    """The severity whose level is within ``tolerance`` of ``target`` (dB), and the closest level.

    Interpolates between the nearest known levels around the target and halves by turns. Where
    a drawn damage crosses the target several times, the tightest bracket is followed.
    """
    for turn in range(_RENDERINGS):
        known = sorted((s, row[area] - target) for s, row in curve.levels.items())
        if min(abs(gap) for _, gap in known) <= tolerance:
            break
        around = [
            (a, b) for a, b in pairwise(known) if a[1] * b[1] < 0 and b[0] - a[0] > 1.5 * _STEP
        ]
        if not around:
            break
        (a, gap_a), (b, gap_b) = min(around, key=lambda ab: abs(ab[0][1]) + abs(ab[1][1]))
        share = 0.5 if turn % 3 == 2 else gap_a / (gap_a - gap_b)
        curve.add(min(max(a + share * (b - a), a + _STEP), b - _STEP))
    gap, severity = min((abs(row[area] - target), s) for s, row in curve.levels.items())
    return (severity if gap <= tolerance else None), float(curve.levels[severity][area])
