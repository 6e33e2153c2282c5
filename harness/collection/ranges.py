"""Between which ends the values of a metric can lie."""

from __future__ import annotations

import math

from ..protocols.metrics import RANGES

_ANY = (-math.inf, math.inf)
_SHARE = (0.0, 1.0)
_POSITIVE = (0.0, math.inf)

# By the last words of a metric's name; of several that fit, the longest holds.
_BY_ENDING: dict[str, tuple[float, float]] = {
    **RANGES,
    **dict.fromkeys(("kendall_tau", "srcc_mean", "plcc_mean"), (-1.0, 1.0)),
    **dict.fromkeys(("srcc_difference", "plcc_difference"), (-2.0, 2.0)),
    **dict.fromkeys(("auroc", "ap", "iou", "iou_oracle", "pointing", "pointing_chance"), _SHARE),
    **dict.fromkeys(("accuracy", "detected", "false_alarms", "in_view", "mask_share"), _SHARE),
    **dict.fromkeys(("type_map", "type_chance", "type_prevalence", "threshold"), _SHARE),
    **dict.fromkeys(("ordered_by_area", "ordered_by_severity", "threshold_median"), _SHARE),
    **dict.fromkeys(("split_sd", "mae", "error", "alpha"), _POSITIVE),
    **dict.fromkeys(("top_group", "p_holm"), _SHARE),
    **dict.fromkeys(("rank_low", "rank_high"), (1.0, math.inf)),
    "r2": (-math.inf, 1.0),
}


def range_of(metric: str) -> tuple[float, float]:
    """The least and the largest value that ``metric`` can have; infinite where none is known."""
    words = metric.split("_")
    endings = ("_".join(words[i:]) for i in range(len(words)))
    return next((_BY_ENDING[name] for name in endings if name in _BY_ENDING), _ANY)
