"""What measures are called; one name may stand for two things under two protocols."""

from __future__ import annotations

from collections.abc import Mapping

from .parts import METRICS
from .relational_table import TITLES

_TITLES = {"lsi": "LSI", **TITLES, **METRICS}
# Its chances are of a type and of IoU; those of other protocols are of rankings.
_OF_PROTOCOL: Mapping[str, Mapping[str, str]] = {"relational": TITLES}


def metric_title(metric: str, protocol: str = "") -> str:
    """The title of ``metric``, as measured under ``protocol``."""
    own = _OF_PROTOCOL.get(protocol, {})
    words = metric.replace("_", " ")
    return own.get(metric) or _TITLES.get(metric, words[:1].upper() + words[1:])
