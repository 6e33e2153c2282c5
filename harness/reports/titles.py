"""What measures are called; one name may stand for two things under two protocols."""

from __future__ import annotations

from collections.abc import Mapping

from .parts import METRICS
from .relational_table import TITLES
from .subsets import SPREAD

_TITLES = {"lsi": "LSI", **TITLES, **METRICS}
_OVER_SPLITS = {"_mean": "mean over splits", SPREAD: "SD over splits"}
# Its chances are of a type and of IoU; those of other protocols are of rankings.
_OF_PROTOCOL: Mapping[str, Mapping[str, str]] = {"relational": TITLES}


def metric_title(metric: str, protocol: str = "") -> str:
    """The title of ``metric``, as measured under ``protocol``."""
    own = _OF_PROTOCOL.get(protocol, {})
    for end, told in _OVER_SPLITS.items():
        if metric.endswith(end):
            return f"{metric_title(metric.removesuffix(end), protocol)}, {told}"
    words = metric.replace("_", " ")
    return own.get(metric) or _TITLES.get(metric, words[:1].upper() + words[1:])
