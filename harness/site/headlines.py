"""Which numbers of a protocol the leaderboard offers, what they are called, and which are good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ..reports.areas import areas
from ..reports.best import BETTER, better
from ..reports.groups import Group, parse_subset
from ..reports.matrix import PREFERRED_AREA
from ..reports.subsets import SPREAD
from ..reports.titles import metric_title

_PARTS = {"by=direct": "one compared directly with the other"}  # where their names say too little
# In units of the labels or of the scores: no mean over datasets.
_IN_UNITS = ("rmse", "score_antisymmetry_error", "score_identity_error")
_ON_REST = {"test": "rest"}.items()  # beside a share of the labels: tested on all others
# Parts of which there are many: they stand on the pages of models and datasets.
_ELSEWHERE = {"area", "type", "mask", "severity", "harmless", "seen", "mask_seen", "content"}


@dataclass(frozen=True)
class Headline:
    """One number that a table shows of each model. ``better``: 1 higher, −1 lower, 0 neither.

    ``protocol`` is for its title alone.
    """

    metric: str
    subset: str
    protocol: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        """Its name in a link."""
        return self.metric if self.subset == "all" else f"{self.metric} {self.subset}"

    @property
    def title(self) -> str:
        title = metric_title(self.metric, self.protocol)
        if self.subset == "all":
            return title
        parts = parse_subset(self.subset)
        if share := parts.get("fraction"):
            on = ", tested on all other images" if parts.items() >= _ON_REST else ""
            return f"{title} with {share} of the labels{on}"
        area = parts.get("area")
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
                parse_subset(each.subset).items() >= _ON_REST,
            ),
        )
    )


def first_of(found: Sequence[Headline]) -> Headline:
    """The one to show where nobody has chosen."""
    preferred = (each for each in found if each.metric == found[0].metric)
    return next((e for e in preferred if e.subset == f"area={PREFERRED_AREA}"), found[0])


def _of(group: Group) -> Iterator[Headline]:
    protocol = group.key.protocol
    for metric in group.metrics:
        subsets = group.subsets(metric)
        if metric.startswith("threshold") or metric.endswith(SPREAD):
            continue
        if "all" in subsets:
            yield Headline(metric, "all", protocol)
            continue
        yield from (Headline(metric, f"area={area}", protocol) for area in areas(group, metric))
        for subset in subsets:
            keys = parse_subset(subset).keys()
            alone = " " not in subset or keys == {"fraction", "test"}
            if alone and not keys & _ELSEWHERE:
                yield Headline(metric, subset, protocol)
