"""How much of each probe's damage lies where a model looks: sensitivity, given that it is seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.protocols.agreement import join
from harness.protocols.base import Measure
from harness.sample import Sample

from .coverage import Coverage, seen_share
from .measure_rows import of_rates, of_table, subset_of
from .measures.detection import detection_rates, detections
from .measures.null import is_null
from .measures.over_contents import SHARE, mean, summarize
from .measures.response import visible_singles

if TYPE_CHECKING:
    import pandas as pd

LEAST = 0.9  # of the damaged pixels, for a probe that counts as seen


def seen_shares(
    probes: Iterable[Sample], coverages: Mapping[tuple[int, int], Coverage | str]
) -> dict[str, float]:
    """By id |mask ∩ coverage| / |mask|, of the probes whose size has a coverage."""
    found = {}
    for probe in probes:
        alpha = probe.source.alpha()
        if alpha is None or not (alpha >= 0.5).any():
            continue
        at = coverages.get((alpha.shape[1], alpha.shape[0]))
        if isinstance(at, Coverage):
            found[probe.id] = seen_share(at, alpha)
    return found


def rows(
    table: pd.DataFrame, shares: Mapping[str, float], seed: int, lacking: str | None = None
) -> Iterator[Measure]:
    """By area the share of damage in view, and the detection of damage that is (at least 0.9).

    ``lacking`` says why the coverage of some size is not known, or None: every row tells it.
    """
    for row in _rows(table, shares, seed):
        told = None if row.value is None and lacking else row.reason
        yield replace(row, reason=join(told, lacking))


def _rows(table: pd.DataFrame, shares: Mapping[str, float], seed: int) -> Iterator[Measure]:
    plain = visible_singles(table)
    plain = plain.assign(share=plain["id"].map(shares).astype(float))
    shown = summarize(plain, ["area"], lambda part: mean(part, "share", (), seed, SHARE))
    yield from of_table("in_view", shown, ["area"])
    if not is_null(table).any():
        return
    known = table.dropna(subset=["delta"])
    reason = detections(known).reason
    seen = plain[plain["share"] >= LEAST]
    for area in sorted(set(plain["area"])):
        here = seen[seen["area"] == area]
        subset = subset_of({"area": area})
        if here.empty:
            why = f"no probe has {LEAST:.0%} of its damage in view"
            yield Measure("detected_in_view", None, 0, 0, 0, subset, reason=why)
        else:
            rated = detection_rates(known, here.dropna(subset=["delta"]), ["area"], seed)
            yield from of_rates("detected_in_view", rated, ("area",), here, reason)
