"""Where the rows of a column are, and why a model has none there."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from ..canonical import canonical_json, slug
from ..protocols.base import word
from ..records import Row
from ..reports.entries import Entry, variant_of
from ..reports.groups import Group
from ..reports.labels import Variant, called
from ..reports.ranks import fields
from ..reports.thresholds import THRESHOLD, threshold_of
from ..reports.titles import metric_title
from .spec import COMPARISON, RANKS, Heading, Spec, written

_HINTS = {"split": "say which with split:"}


@dataclass(frozen=True)
class Place:
    """One column: the rows it asks for, and those groups of all records that it may be about.

    ``group`` is the one that has its numbers, or None.
    """

    dataset: str
    protocol: str
    options: str  # canonical JSON
    subset: str
    metric: str
    title: str
    span: str
    studies: tuple[Group, ...]
    group: Group | None

    @property
    def heading(self) -> str:
        """What the column is called in full."""
        return f"{self.span} {self.title}".strip()

    @property
    def setting(self) -> str:
        """Protocol and options in words."""
        return called(self.protocol, json.loads(self.options))

    @property
    def is_pseudo(self) -> bool:
        """Whether its numbers rest on labels that were computed."""
        return self.group is not None and self.group.key.label_kind == "pseudo"

    @cached_property
    def untested(self) -> str:
        """Of ranks, why no model was tested against another; "" where some were."""
        found = fields(self.group) if self.group else ()
        return next((field.untested for field in found if field.subset == self.subset), "")

    @cached_property
    def _entries(self) -> Mapping[Variant, Entry]:
        entries = self.group.entries if self.group else ()
        return {variant_of(entry.rows[0]): entry for entry in entries}

    def entry(self, variant: Variant) -> Entry | None:
        """The numbers of a model here, or None."""
        return self._entries.get(variant)

    def row(self, variant: Variant) -> Row | None:
        """The row of a model, if it has a value or a reason of its own."""
        entry = self.entry(variant)
        return None if entry is None else entry.get(self.metric, self.subset)

    @cached_property
    def _recorded(self) -> Mapping[Variant, Mapping[Row, None]]:
        found: dict[Variant, dict[Row, None]] = defaultdict(dict)
        for group in self.studies:
            for entry in (*group.entries, *group.absent):
                for row in entry.rows:
                    if row.protocol_options == self.options:
                        found[variant_of(row)][row] = None
        return found

    def rows(self, variant: Variant) -> tuple[Row, ...]:
        """All that is recorded of a model under the protocol and its options."""
        return tuple(self._recorded.get(variant, ()))

    def reason(self, variant: Variant | None) -> str:
        """Why there is no number of a model; None is one that no record names."""
        rows = self.rows(variant) if variant else ()
        row = self.row(variant) if variant else None
        if row is not None and row.reason:
            return row.reason
        if rows and all(row.value is None for row in rows):
            return next((row.reason for row in rows if row.reason), "no reason given")
        if rows:
            return f"no {metric_title(self.metric, self.protocol)} on {self.subset}"
        return f"no record on {self.dataset} under {self.setting}{self._elsewhere(variant)}"

    def _elsewhere(self, variant: Variant | None) -> str:
        """With which other options of the protocol there are numbers of a model."""
        found = sorted(
            {
                row.protocol_options
                for group in self.studies
                for entry in group.entries
                for row in entry.rows
                if variant_of(row) == variant and row.value is not None
            }
        )
        if not found:
            return ""
        each = (written(self.protocol, json.loads(options)) for options in found)
        return f", but there is one with other options: write protocol: {' or '.join(each)}"


def is_known(row: Row | None) -> bool:
    """Whether there is a value, or, of a threshold, a bound."""
    if row is None or row.value is not None:
        return row is not None
    return row.metric.startswith(THRESHOLD) and threshold_of(row).is_known


def places(spec: Spec, groups: Iterable[Group]) -> tuple[Place, ...]:
    """The columns of ``spec``, in order. ValueError where two groups could be meant, which are
    never compared, or where two columns have one name."""
    groups = tuple(groups)
    several = len({heading.protocol.name for heading in spec.columns}) > 1
    found = tuple(
        _place(heading, metric, groups, several)
        for heading in spec.columns
        for metric in ([heading.metric] if heading.metric else spec.metrics)
    )
    names = [place.heading for place in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{spec.name}: two columns are called {name!r}: give one a heading")
    for dataset in dict.fromkeys(place.dataset for place in found):
        keys = {place.group.key for place in found if place.group and place.dataset == dataset}
        for field in ("images_hash", "labels_hash"):
            if len({getattr(key, field) for key in keys}) > 1:
                raise ValueError(f"{spec.name}: columns on {dataset} differ in {field}")
    return found


def _place(heading: Heading, metric: str, groups: tuple[Group, ...], several: bool) -> Place:
    name, options = heading.protocol.name, heading.protocol.options
    protocol, subset, given = name, heading.subset, canonical_json(options)
    title = heading.heading or metric_title(metric, name)
    span = heading.span if heading.span is not None else ", ".join(_span(heading, several))
    if metric == RANKS:
        title = heading.heading or "Rank interval"
        protocol, given, metric = COMPARISON, "{}", "rank_low"
        subset = f"of={word(slug(name, options) if options else name)}"
    studies = tuple(
        group
        for group in groups
        if (group.key.dataset, group.key.protocol) == (heading.dataset, protocol)
    )
    own = [
        group
        for group in studies
        if group.key.protocol_options == given
        and (heading.split in (None, group.key.split) or protocol == COMPARISON)
        and any(is_known(entry.get(metric, subset)) for entry in group.entries)
    ]
    if len(own) > 1:
        raise ValueError(f"the column {f'{span} {title}'.strip()!r}: {_ambiguous(own)}")
    group = own[0] if own else None
    return Place(heading.dataset, protocol, given, subset, metric, title, span, studies, group)


def _span(heading: Heading, several: bool) -> Iterator[str]:
    yield heading.dataset
    if several:
        yield heading.protocol.name
    if heading.split is not None:
        yield heading.split
    if heading.subset != "all":
        yield heading.subset


def _ambiguous(groups: list[Group]) -> str:
    keys = [group.key for group in groups]
    field, values = next(
        (name, found)
        for name, found in zip(keys[0]._fields, zip(*keys, strict=True), strict=True)
        if len(set(found)) > 1
    )
    hint = _HINTS.get(field, "they are never compared: name a folder with one of them")
    return f"its rows differ in {field} ({'; '.join(sorted(set(values)))}); {hint}"
