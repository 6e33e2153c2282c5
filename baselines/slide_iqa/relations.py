"""Which pairs of views attract, repel, or say nothing: our reading of the exclusion mechanism.

The paper names a Threshold-Bounded Exclusion Mechanism and gives no formula; this one rule holds
the plausible readings as settings. Of views i and j with active types T = {t : a(t) ≥ τ_min}:

- J = |T_i ∩ T_j| / |T_i ∪ T_j|, and 1 for two clean views (no coverage at all);
- d(t) = |log₂(max(a_i(t), τ_min) / max(a_j(t), τ_min))|, the gap in extent in octaves;
  Δ is its largest over T_i ∪ T_j, Δ_s over T_i ∩ T_j;
- L is the largest gap in severity over T_i ∩ T_j. The largest of nothing is 0.

positive: J = 1, Δ ≤ τ_p, L ≤ l_p.
excluded: not positive, and *near* (J = 1, Δ < τ_n, L < l_n), or *mixed* (0 < J < 1, Δ_s ≤ τ_p, each
unshared type covers at most τ_u), or with a *sliver* on either side (0 < max a < τ_min).
negative: all others.
"""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.pretraining.contrast import EXCLUDED, NEGATIVE, POSITIVE

from .config import SlideConfig
from .records import Records


def relations(records: Records, config: SlideConfig) -> Tensor:
    """``int8 [B, B]``, symmetric: POSITIVE, EXCLUDED or NEGATIVE; the diagonal is EXCLUDED.

    ``config.relation`` chooses among:
    "exclusion": the rule above. "type-only": all of J = 1 that is not positive is near, so the
    same types are never negatives. "coverage-only": slivers alone are excluded. "overlap": the
    gap of two crops of one image is -log₂ of the overlap of their masks (the octaves that nested
    masks of this overlap are apart). "none-positive": what the rule excludes is positive if the
    two views have any type in common, else negative. "none-negative": it is negative.
    """
    active = records.coverage >= config.least_coverage
    touched = (records.coverage > 0).any(1)
    sliver = touched & ~active.any(1)
    shared, unshared, gap, shared_gap, severity_gap, rest = _over_types(records, active, config)
    # A sliver and a clean view both have no active type, and are not the same.
    same = ~unshared & (shared | ~(touched[:, None] | touched))
    positive = same & (gap <= config.positive_gap) & (severity_gap <= config.positive_severity)
    near = same & (gap < config.negative_gap) & (severity_gap < config.negative_severity)
    mixed = shared & unshared & (shared_gap <= config.positive_gap)
    mixed &= rest <= config.unshared_coverage
    slivers = sliver[:, None] | sliver
    if config.relation == "type-only":
        near = same
    excluded = slivers if config.relation == "coverage-only" else near | mixed | slivers
    excluded = excluded & ~positive
    if config.relation == "none-positive":
        covered = (records.coverage > 0).float()
        positive = positive | (excluded & (covered @ covered.mT > 0))
    if config.relation.startswith("none"):
        excluded = torch.zeros_like(excluded)
    found = torch.full_like(positive, NEGATIVE, dtype=torch.int8)
    found = found.masked_fill(positive, POSITIVE).masked_fill(excluded, EXCLUDED)
    return found.fill_diagonal_(EXCLUDED)


def shares(relations: Tensor) -> dict[str, float]:
    """The shares of positive, excluded and negative among the pairs of two views, for the log."""
    pairs = len(relations) * (len(relations) - 1)
    positive, negative = ((relations == kind).sum().item() for kind in (POSITIVE, NEGATIVE))
    excluded = pairs - positive - negative
    counts = {"positive": positive, "excluded": excluded, "negative": negative}
    return {name: count / max(pairs, 1) for name, count in counts.items()}


def _over_types(records: Records, active: Tensor, config: SlideConfig) -> tuple[Tensor, ...]:
    """Of all pairs, each ``[B, B]``: any type shared, any unshared, Δ, Δ_s, L, and the largest
    coverage of an unshared type."""
    # Type by type: B x B x T numbers of a batch gathered over processes would be gigabytes.
    floored = records.coverage.clamp(min=config.least_coverage)
    twins = records.images[:, None] == records.images
    zeros = floored.new_zeros(len(floored), len(floored))
    shared, unshared = zeros.bool(), zeros.bool()
    gap, shared_gap, severity_gap, rest = zeros, zeros, zeros, zeros
    for t in range(floored.shape[1]):
        here, octaves = active[:, t], floored[:, t].log2()
        covered, severity = records.coverage[:, t], records.severity[:, t]
        both, either = here[:, None] & here, here[:, None] | here
        only = either & ~both
        apart = (octaves[:, None] - octaves).abs()
        if config.relation == "overlap":
            overlap = records.overlap[:, t].clamp(min=config.least_coverage)
            apart = torch.where(twins, -torch.minimum(overlap[:, None], overlap).log2(), apart)
        shared, unshared = shared | both, unshared | only
        gap = torch.maximum(gap, apart * either)
        shared_gap = torch.maximum(shared_gap, apart * both)
        severity_gap = torch.maximum(severity_gap, (severity[:, None] - severity).abs() * both)
        rest = torch.maximum(rest, torch.maximum(covered[:, None], covered) * only)
    return shared, unshared, gap, shared_gap, severity_gap, rest
