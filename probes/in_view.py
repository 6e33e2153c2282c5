"""How much of each probe's damage lies where a model looks: sensitivity, given that it is seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from harness.protocols.base import Measure
from harness.sample import Sample

from .coverage import Coverage, seen_share
from .measures.detection import detection_rates, detections
from .measures.null import is_null
from .measures.over_contents import SHARE, mean, summarize
from .sensitivity_rows import of_rates, of_table, subset_of

if TYPE_CHECKING:
    import pandas as pd

LEAST = 0.9  # of the damaged pixels, for a probe that counts as seen


def seen_shares(
    probes: Iterable[Sample], coverages: Mapping[tuple[int, int], Coverage]
) -> dict[str, float]:
    """By id |mask ∩ coverage| / |mask|, of the probes whose size was measured."""
    found = {}
    for probe in probes:
        alpha = probe.source.alpha()
        if alpha is None or not (alpha >= 0.5).any():
            continue
        if (at := coverages.get((alpha.shape[1], alpha.shape[0]))) is not None:
            found[probe.id] = seen_share(at, alpha)
    return found


def rows(table: pd.DataFrame, shares: Mapping[str, float], seed: int) -> Iterator[Measure]:
    """By area the share of damage in view, and the detection of damage that is (at least 0.9)."""
    plain = table[(table["role"] == "probe") & (table["ladder"] == "plain") & (table["n"] == 1)]
    plain = plain[plain["visible"] != "no"]
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
