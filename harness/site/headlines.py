"""Which numbers of a protocol the leaderboard offers, what they are called, and which are good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..reports.areas import areas
from ..reports.best import BETTER, better
from ..reports.groups import Group, parse_subset
from ..reports.matrix import PREFERRED_AREA
from ..reports.parts import METRICS
from ..reports.relational_table import TITLES
from ..reports.subsets import SPREAD

_TITLES = {"lsi": "LSI", **TITLES, **METRICS}
_PARTS = {"by=direct": "one compared directly with the other"}  # where their names say too little
# In units of the labels or of the scores: no mean over datasets.
_IN_UNITS = ("rmse", "score_antisymmetry_error", "score_identity_error")
# Parts of which there are many: they stand on the pages of models and datasets.
_ELSEWHERE = {"area", "type", "mask", "severity", "harmless", "seen", "mask_seen", "content"}


@dataclass(frozen=True)
class Headline:
    """One number that a table shows of each model. ``better``: 1 higher, −1 lower, 0 neither."""

    metric: str
    subset: str

    @property
    def id(self) -> str:
        """Its name in a link."""
        return self.metric if self.subset == "all" else f"{self.metric} {self.subset}"

    @property
    def title(self) -> str:
        title = _TITLES.get(self.metric, self.metric.replace("_", " ").capitalize())
        if self.subset == "all":
            return title
        area = parse_subset(self.subset).get("area")
        part = _PARTS.get(self.subset, self.subset.replace("=", " "))
        return f"{title} at area {area}" if area else f"{title}, {part}"

    @property
    def better(self) -> int:
        return better(self.metric)

    @property
    def has_mean(self) -> bool:
        """Whether numbers of several datasets may be averaged."""
        return self.better != 0 and self.metric not in _IN_UNITS


def headlines(groups: Iterable[Group]) -> tuple[Headline, ...]:
    """Those of ``groups``, the first to be shown first: of all samples, or of one part alone.

    Where a metric has no value over all samples, its parts are offered, such as areas.
    """
    found = dict.fromkeys(each for group in groups for each in _of(group))
    order = list(BETTER)
    return tuple(
        sorted(
            found,
            key=lambda each: (
                order.index(each.metric) if each.metric in order else len(order),
                each.metric,
                each.subset != "all",
            ),
        )
    )


def first_of(found: Sequence[Headline]) -> Headline:
    """The one to show where nobody has chosen."""
    preferred = (each for each in found if each.metric == found[0].metric)
    return next((e for e in preferred if e.subset == f"area={PREFERRED_AREA}"), found[0])


def _of(group: Group) -> Iterator[Headline]:
    for metric in group.metrics:
        subsets = group.subsets(metric)
        if metric.startswith("threshold") or metric.endswith(SPREAD):
            continue
        if "all" in subsets:
            yield Headline(metric, "all")
            continue
        yield from (Headline(metric, f"area={area}") for area in areas(group, metric))
        for subset in subsets:
            if " " not in subset and not parse_subset(subset).keys() & _ELSEWHERE:
                yield Headline(metric, subset)
