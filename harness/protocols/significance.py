"""``significance``: which models differ on a dataset, and what that leaves of their order.

Models are compared under one protocol (``of=correlation``) on the samples that all of them
have scores of, paired: the same contents are drawn for all. Circular models, controls and
models with scores of fewer than half of the samples that another has are left out, with the
reason. The scores are held fixed: those of a linear probe are its mean test predictions.

Rows of each model, on ``of=PROTOCOL``:

- ``srcc`` on the common samples;
- ``rank_low``, ``rank_high``: the ranks that the tests leave open, from 1 + the number of
  significantly better models to M − the number of significantly worse ones (by SRCC);
- ``top_group``: 1 if it is not significantly worse than the model with the highest SRCC, else 0;
- ``resolvable_srcc_difference``: the median over all pairs of what follows.

And on ``of=PROTOCOL versus=MODEL``:

- ``srcc_difference``, ``plcc_difference``: this model less the other, with its 95 % interval;
- ``srcc_p_holm``, ``plcc_p_holm``: two-sided p of the paired bootstrap over contents, corrected
  by Holm's method over all pairs of the dataset, for each metric; significant from 0.05 down;
- ``resolvable_srcc_difference``: the smallest difference that the dataset can tell apart for
  this pair, with 80 % power in one two-sided test at 0.05: 2.80 bootstrap SDs of the difference.

Below 20 contents nothing is tested: every model may have any rank.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..sample import Dataset
from . import metrics
from .base import Comparison, Entrant, Measure, word
from .rank_rows import Common, rank_rows

UNRANKED = ("circular", "control")
_LEAST_SHARE = 0.5  # of the samples that the most complete model has scores of


def _evaluate(
    dataset: Dataset, entrants: tuple[Entrant, ...], seed: int
) -> Mapping[str, list[Measure]]:
    valued = {entrant.label for entrant in entrants if entrant.value is not None}
    rows: dict[str, list[Measure]] = defaultdict(list)
    for protocol in sorted({entrant.protocol for entrant in entrants}):
        own = sorted((e for e in entrants if e.protocol == protocol), key=lambda e: e.label)
        if len({entrant.label for entrant in own}) < len(own):
            raise ValueError(f"{protocol} was run with several options: compare them one by one")
        common, reasons = _comparable(dataset, own)
        if common.entrants:
            for label, measures in rank_rows(common, seed).items():
                rows[label] += measures
        for entrant in own:
            why = reasons.get(entrant.label)
            # Where another protocol gave a number, the record of this one says why it did not.
            if why and (entrant.value is not None or entrant.label not in valued):
                nothing = Measure("top_group", None, common.n_expected, 0, 0, reason=why)
                rows[entrant.label].append(replace(nothing, subset=f"of={word(protocol)}"))
    return rows


def _comparable(dataset: Dataset, entrants: Sequence[Entrant]) -> tuple[Common, dict[str, str]]:
    """Those of ``entrants`` to compare, and where; why the others are not, by label."""
    labeled = {s.id: s for s in dataset.samples if s.label is not None}
    reasons = {e.label: why for e in entrants if (why := _unranked(e))}
    scored = {e.label: labeled.keys() & e.scores for e in entrants if e.label not in reasons}
    most = max(map(len, scored.values()), default=0)
    for label, own in list(scored.items()):
        if len(own) < _LEAST_SHARE * most:
            reasons[label] = f"has scores of {len(own)} samples only, another model of {most}"
            del scored[label]
    ids = sorted(set.intersection(*scored.values())) if scored else []
    samples = tuple(labeled[name] for name in ids)
    labels = np.array([s.label for s in samples], np.float64)
    for entrant in entrants:
        if entrant.label in scored:
            scores = np.array([entrant.scores[name] for name in ids], np.float64)
            if why := metrics.srcc(scores, labels).reason:
                reasons[entrant.label] = f"on the samples that all models have scores of: {why}"
    kept = tuple(entrant for entrant in entrants if entrant.label not in reasons)
    if len(kept) == 1:
        reasons[kept[0].label] = f"no other model to compare it with under {kept[0].protocol}"
        kept = ()
    known = frozenset[str]().union(*scored.values())
    return Common(kept, samples, len(dataset.samples), known), reasons


def _unranked(entrant: Entrant) -> str | None:
    """Why ``entrant`` takes part in no ranking, or None."""
    for mark in entrant.marks:
        if mark.partition(" ")[0] in UNRANKED:
            return f"{mark}: shown, never ranked"
    return f"no SRCC under {entrant.protocol}" if entrant.value is None else None


SIGNIFICANCE = Comparison(
    name="significance",
    version="1",
    summary="paired bootstrap of differences, Holm-corrected: rank intervals, a top group",
    headline="top_group",
    evaluate=_evaluate,
)
