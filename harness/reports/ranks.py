"""Models that were compared with each other: their rank intervals, and who was left out."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..canonical import slug
from ..protocols.base import word
from ..protocols.intervals import FEW_CONTENTS
from .entries import Entry, variant_of
from .groups import RANKED_BY, Group, parse_subset
from .layout import NO_REASON, number
from .parts import FEW

RESOLVABLE = "resolvable_srcc_difference"
_RANKS = ("rank_low", "rank_high")


@dataclass(frozen=True)
class Field:
    """Models compared under one protocol, by falling SRCC; ``group`` has its rows alone.

    Each of ``entries`` was compared with all others. ``apart`` are models that were not: their
    ranks are among others, as those of another run are.
    """

    group: Group
    of: str
    entries: tuple[Entry, ...]
    apart: tuple[str, ...] = ()

    @property
    def subset(self) -> str:
        """Where a model's own rows are."""
        return f"of={self.of}"

    @property
    def compared(self) -> str:
        """The protocol under which they were compared, with its options where these are known."""
        return dict(self.group.settings).get(self.of, self.of)

    @property
    def resolution(self) -> str:
        """Which SRCC differences the dataset can tell apart, in words; "" where that is unknown."""
        value = self.entries[0].value(RESOLVABLE, self.subset)
        if value is None:
            return ""
        return (
            f"Resolvable SRCC difference, median over pairs: {number(value)} (80 % power in one "
            "test at 0.05); a smaller one is often missed"
        )

    @property
    def untested(self) -> str:
        """Why no two models were tested against each other; "" where some were."""
        p = [r for e in self.entries for r in e.rows if r.metric == "srcc_p_holm"]
        if not p or any(row.value is not None for row in p):
            return ""
        few = next((mark for mark in p[0].marks if mark.startswith(FEW)), "")
        if few:
            return f"{few[len(FEW) :].strip(' ()')} contents, {FEW_CONTENTS} are needed"
        return p[0].reason or NO_REASON

    def among(self, ranked: Iterable[Entry]) -> str:
        """Of how many models the tests are, where those are not the ``ranked`` ones; else ""."""
        own = {variant_of(entry.rows[0]): entry.label for entry in self.entries}
        shown = {variant_of(entry.rows[0]): entry.label for entry in ranked}
        without = [label for variant, label in shown.items() if variant not in own]
        more = [label for variant, label in own.items() if variant not in shown]
        if self.untested or not (without or more):
            return ""
        parts = [f"tested among {len(own)} models"]
        parts += [f"without {', '.join(without)}"] if without else []
        parts += [f"with {', '.join(more)}, not ranked here"] if more else []
        return ", ".join(parts)

    def ranks(self, entry: Entry) -> tuple[int, int]:
        """The ranks that are left open to ``entry``, both included."""
        low, high = (_known(entry, name, self.of) for name in _RANKS)
        return int(low), int(high)

    def in_top_group(self, entry: Entry) -> bool:
        """Whether ``entry`` may be the best."""
        return entry.value("top_group", self.subset) == 1


def fields(group: Group) -> tuple[Field, ...]:
    """One for each protocol whose models were compared, none where there was no comparison.

    Of models that were compared in several runs it is the largest comparison; none where two are
    as large, since their ranks have nothing to do with each other. A model without both ends of
    its ranks, or without an SRCC, takes no part.
    """
    protocols = dict.fromkeys(parse_subset(s).get("of") for s in group.subsets("rank_low"))
    found = []
    for of in filter(None, protocols):
        own = group.only(lambda row, of=of: parse_subset(row.subset).get("of") == of)  # type: ignore[misc]
        needed = (*_RANKS, RANKED_BY)
        ranked = [e for e in own.entries if all(e.value(n, f"of={of}") is not None for n in needed)]
        if together := _together(ranked, of):
            apart = [e for e in ranked if e not in together]
            own = replace(own, entries=tuple(e for e in own.entries if e not in apart))
            together = sorted(together, key=lambda e: _place(e, of))
            found.append(Field(own, of, tuple(together), tuple(e.label for e in apart)))
    return tuple(found)


def _together(ranked: Sequence[Entry], of: str) -> list[Entry]:
    """The most of ``ranked`` of which each was compared with all others, and with no one else."""
    names = called(ranked)
    sets: dict[frozenset[Entry | str], list[Entry]] = defaultdict(list)
    for entry in ranked:
        subsets = (parse_subset(r.subset) for r in entry.rows if r.metric == "srcc_difference")
        rivals = [subset["versus"] for subset in subsets if subset.get("of") == of]
        sets[frozenset([entry, *(names.get(rival, rival) for rival in rivals)])].append(entry)
    whole = [own for members, own in sets.items() if members == set(own)]
    most = max(map(len, whole), default=0)
    largest = [own for own in whole if len(own) == most]
    return largest[0] if len(largest) == 1 else []


def called(entries: Iterable[Entry]) -> dict[str, Entry]:
    """What subsets call a model → its line: a name, or a slug where others share the name."""
    found: dict[str, Entry] = {}
    for entry in entries:
        row = entry.rows[0]
        found.setdefault(word(row.model), entry)
        found[word(slug(row.model, json.loads(row.options)))] = entry
    return found


def comparison(group: Group, groups: Iterable[Group]) -> Field | None:
    """Which models of ``group`` differ: the one comparison among ``groups`` that is about it.

    Rows do not say which options of a protocol were compared: None where it had several.
    """
    same = [each for each in groups if _pixels(each) == _pixels(group)]
    rivals = [g for g in same if g.is_ranked and g.key.protocol == group.key.protocol]
    of = word(group.key.protocol)
    found = [field for each in same for field in fields(each) if field.of == of]
    return found[0] if len(found) == len(rivals) == 1 else None


def name(field: Field) -> str:
    """Of its table and figure; safe in a path."""
    return f"{field.group.name}.{slug(field.of)}"


def title(field: Field) -> str:
    """Dataset, labels, and what was compared."""
    return f"{field.group.title} of {field.compared}"


def _pixels(group: Group) -> tuple[str, ...]:
    """What was compared on: the dataset, decoded in one way, and its labels."""
    key = group.key
    return key.dataset, key.images_hash, key.labels_hash, key.decoding


def interval_text(low: int, high: int) -> str:
    """``2–4``, or one rank alone."""
    return str(low) if low == high else f"{low}–{high}"


def _place(entry: Entry, of: str) -> tuple[float, str]:
    return -_known(entry, RANKED_BY, of), entry.label


def _known(entry: Entry, metric: str, of: str) -> float:
    """A value that ``fields`` asks of whoever takes part."""
    value = entry.value(metric, f"of={of}")
    assert value is not None
    return value
