"""Which rows may stand in one table: those about the same pixels, labels, protocol and split."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..canonical import canonical_json, digest, slug
from ..protocols.base import word
from ..records import Row
from .entries import Entry, entries_of, marks_of, variant_of
from .labels import called

RANKED_BY = "srcc"

LABELS = {
    "mos": "MOS",
    "dmos": "DMOS",
    "pseudo": "pseudo-labels (not human opinion)",
    "ordinal": "ordinal labels",
    "given": "labels as given",
    "none": "no labels",
}


class Key(NamedTuple):
    """Rows that differ in any of these are never compared in one table.

    ``others`` holds those other datasets only whose hashes are not the same in all rows.
    """

    dataset: str
    protocol: str
    split: str
    protocol_version: str
    protocol_options: str
    decoding: str
    others: str
    images_hash: str
    labels_hash: str
    label_kind: str


@dataclass(frozen=True)
class Group:
    """One comparison. ``entries`` have numbers; ``absent`` were skipped or failed."""

    key: Key
    name: str  # safe in a path, unique among the groups of a report
    entries: tuple[Entry, ...]
    absent: tuple[Entry, ...]
    # What subsets call a protocol with options → the two in words.
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        """Dataset, kind of label, protocol and split: what a number must not be read without."""
        labels = f": {self.labels}" if self.labels else ""
        return f"{self.key.dataset}{labels} · {self.study}"

    @property
    def study(self) -> str:
        """Protocol, its options and split."""
        key = self.key
        given = json.loads(key.protocol_options)
        options = [f"{name} {value}" for name, value in given.items()]
        said = ("all", *given.values())  # an option may be the name of the split
        return ", ".join([key.protocol, *options, *([key.split] if key.split not in said else [])])

    @property
    def labels(self) -> str:
        """What the labels are, in words; "" for a dataset that could not be read."""
        kind = self.key.label_kind
        return LABELS.get(kind, kind) if self.key.images_hash else ""

    def only(self, wanted: Callable[[Row], bool]) -> Group:
        """The group with the wanted rows alone, and the entries that have such rows."""
        parts = (replace(e, rows=tuple(filter(wanted, e.rows))) for e in self.entries)
        return replace(self, entries=tuple(part for part in parts if part.rows))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics with a value somewhere, in alphabetical order."""
        rows = (row for entry in self.entries for row in entry.rows)
        return tuple(sorted({row.metric for row in rows if row.value is not None}))

    @property
    def is_ranked(self) -> bool:
        """Whether there is an SRCC over all samples to rank by."""
        return "all" in self.subsets(RANKED_BY)

    def ordered(self, subset: str = "all") -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
        """Entries by falling SRCC (by name without one), and those that stand apart below them."""
        falling = sorted(self.entries, key=lambda entry: (-_headline(entry, subset), entry.label))
        first = tuple(
            e
            for e in falling
            if not (e.set_apart or (self.is_ranked and e.value(RANKED_BY) is None))
        )
        return first, tuple(e for e in falling if e not in first)

    def subsets(self, metric: str) -> tuple[str, ...]:
        """Subsets on which ``metric`` has a value, in order of appearance."""
        rows = (row for entry in self.entries for row in entry.rows if row.metric == metric)
        return tuple(dict.fromkeys(row.subset for row in rows if row.value is not None))


def parse_subset(subset: str) -> dict[str, str]:
    """``"type=jpeg area=1/16"`` as a mapping; words without "=" are left out."""
    return dict(part.split("=", 1) for part in subset.split() if "=" in part)


def group(rows: Iterable[Row]) -> tuple[Group, ...]:
    """Groups in the order of dataset and protocol, those without any number at the end.

    A variant without any value under a (dataset, protocol) is listed as absent in each of its
    groups: a skip has no split, and often no hashes, of its own.
    """
    studies: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        marks = marks_of(row)
        shown = row if marks == row.marks else replace(row, marks=marks)
        studies[row.dataset, row.protocol].append(shown)
    found = [(part, study) for _, study in sorted(studies.items()) for part in _groups(study)]
    taken = Counter(_name(key) for (key, _, _), _ in found)
    settings = _settings(key for (key, _, _), _ in found)
    groups = [
        Group(
            key,
            _name(key) if taken[_name(key)] == 1 else f"{_name(key)}-{digest(key)[:8]}",
            entries_of(measured, study),
            entries_of(absent, study),
            settings,
        )
        for (key, measured, absent), study in found
    ]
    return tuple(sorted(groups, key=lambda one: not one.entries))


def _settings(keys: Iterable[Key]) -> tuple[tuple[str, str], ...]:
    given = {(key.protocol, key.protocol_options): json.loads(key.protocol_options) for key in keys}
    told = {
        word(slug(name, options)): called(name, options)
        for (name, _), options in given.items()
        if options
    }
    return tuple(sorted(told.items()))


def _groups(study: Sequence[Row]) -> list[tuple[Key, list[Row], list[Row]]]:
    """The groups of one (dataset, protocol): key, rows of measured and of absent variants."""
    valued = {variant_of(row) for row in study if row.value is not None}
    absent = [row for row in study if variant_of(row) not in valued]
    measured: dict[Key, list[Row]] = defaultdict(list)
    disputed = _disputed(study)
    for row in study:
        if variant_of(row) in valued:
            measured[_key(row, disputed)].append(row)
    if not measured:
        # One with hashes, if any.
        return [(max(_key(row, disputed) for row in absent), [], absent)]
    options = {key.protocol_options for key in measured}

    def of(key: Key) -> list[Row]:
        """A reason under some options says nothing of others that have a group of their own."""
        elsewhere = options - {key.protocol_options}
        return [row for row in absent if row.protocol_options not in elsewhere]

    return [(key, part, of(key)) for key, part in sorted(measured.items())]


def _headline(entry: Entry, subset: str) -> float:
    value = entry.value(RANKED_BY, subset)
    return float("-inf") if value is None else value


def _disputed(study: Sequence[Row]) -> set[str]:
    """Names of other datasets that stand for different images or labels in different rows.

    A row that needs no other dataset agrees with one that does: a score beside one from a head
    that was fitted on another dataset.
    """
    hashes: dict[str, set[str]] = defaultdict(set)
    for row in study:
        for name, found in json.loads(row.others or "{}").items():
            hashes[name].add(canonical_json(found))
    return {name for name, found in hashes.items() if len(found) > 1}


def _key(row: Row, disputed: set[str]) -> Key:
    others = {n: h for n, h in json.loads(row.others or "{}").items() if n in disputed}
    return Key(*(getattr(row, name) for name in Key._fields))._replace(
        others=canonical_json(others)
    )


def _name(key: Key) -> str:
    parts = (key.dataset, key.protocol, *([] if key.split == "all" else [key.split]))
    return "-".join(slug(part) for part in parts)
