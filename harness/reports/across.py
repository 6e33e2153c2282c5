"""Groups of several datasets that one table may show side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from ..canonical import digest, slug
from ..records import Row
from .entries import (
    HEAD,
    Entry,
    entries_of,
    seen_mark,
    stays_in_line,
    taught_by_pseudo,
    variant_of,
)
from .groups import Group
from .labels import Variant
from .layout import Cell, Raw
from .parts import FEW

CIRCULAR = "the model, or close kin of it, helped to make the labels"
TAUGHT = (
    "the number rests on labels that were computed, not given by people, as those a head was "
    "fitted on"
)
NOT_CONVERGED = "not converged"  # what the reason of such a fit says


@dataclass(frozen=True)
class Across:
    """Groups under one protocol, its version and options, and one decoding.

    ``entries`` have the rows of one variant in all groups, and labels unique among them.
    """

    name: str  # safe in a path, unique among those of a report
    groups: tuple[Group, ...]
    entries: tuple[Entry, ...]

    @property
    def title(self) -> str:
        """Protocol, its options, the split where there is one only, and how many datasets."""
        studies = {group.study for group in self.groups}
        key = self.groups[0].key
        study = replace(self.groups[0], key=key._replace(split="all")).study
        count = len({group.key.dataset for group in self.groups})
        datasets = f"{count} datasets" if count > 1 else key.dataset
        return f"{studies.pop() if len(studies) == 1 else study} · {datasets}"

    @cached_property
    def _index(self) -> dict[tuple[str, Variant], Entry]:
        return {(g.name, variant_of(e.rows[0])): e for g in self.groups for e in g.entries}

    def entry(self, entry: Entry, group: Group) -> Entry | None:
        """The line of ``entry``'s model in ``group``, or None."""
        return self._index.get((group.name, variant_of(entry.rows[0])))

    @property
    def absent(self) -> tuple[Entry, ...]:
        """Models that lack numbers; those that have some elsewhere, with the dataset."""
        measured = {variant_of(entry.rows[0]) for entry in self.entries}
        found: dict[tuple[str, str, str], Entry] = {}
        for group in self.groups:
            for entry in group.absent:
                label = entry.label
                if variant_of(entry.rows[0]) in measured:
                    label += f" on {group.key.dataset}"
                found.setdefault((label, entry.reason, entry.command), replace(entry, label=label))
        return tuple(found.values())


def across(
    groups: Iterable[Group], apart: Callable[[Group], Hashable] = lambda group: (), least: int = 1
) -> tuple[Across, ...]:
    """``groups`` with numbers, together where protocol and ``apart`` are equal.

    None that has fewer than ``least`` datasets.
    """
    together: dict[Hashable, list[Group]] = defaultdict(list)
    for group in groups:
        if group.entries:
            key = group.key
            same = (key.protocol, key.protocol_version, key.protocol_options, key.decoding)
            together[same, apart(group)].append(group)
    found = []
    for own in together.values():
        if len({group.key.dataset for group in own}) < least:
            continue
        rows = [row for group in own for entry in group.entries for row in entry.rows]
        name = slug(own[0].key.protocol)
        found.append(Across(f"all-{name}", tuple(own), entries_of(rows, rows)))
    names = [each.name for each in found]
    return tuple(
        each
        if names.count(each.name) == 1
        else replace(each, name=f"{each.name}-{digest([g.name for g in each.groups])[:8]}")
        for each in found
    )


def cautions(row: Row | None) -> tuple[str, ...]:
    """What one must know of a single number, or ().

    Seen in training, circular, resting on pseudo-labels elsewhere, failed samples, a curve that
    was not fitted to the end.
    """
    if row is None or row.value is None:
        return ()
    words = [mark] if (mark := seen_mark(row.contamination)) else []
    words += [mark for mark in row.marks if mark.partition(" ")[0] == "circular"]
    if taught_by_pseudo(row):
        words.append(HEAD)
    if row.n_scored < row.n_expected:
        words.append(f"{row.n_scored}/{row.n_expected}")
    if NOT_CONVERGED in (row.reason or ""):
        words.append(NOT_CONVERGED)
    return tuple(words)


def star_notes(rows: Iterable[Row]) -> Iterator[str]:
    """What the words beside starred numbers say."""
    words = {word for row in rows for word in cautions(row)}
    if any(word.startswith("seen") for word in words):
        yield (
            "*seen: in training, the model met scenes (content), pictures (images) or labels of "
            "what the number rests on, which may flatter it."
        )
    if any(word.startswith("circular") for word in words):
        yield f"*circular: {CIRCULAR}."
    if HEAD in words:
        yield f"*{HEAD}: {TAUGHT}."
    if any("/" in word for word in words):
        yield "*n/N: so many of the samples were scored."
    if NOT_CONVERGED in words:
        yield f"*{NOT_CONVERGED}: the curve of the logistic was not fitted to the end."


def with_cautions(cell: Cell, words: tuple[str, ...], raw: tuple[Raw, ...] = ()) -> Cell:
    """The cell with a star, which stays where details do not fit, and the words as a detail."""
    text = f"*{cell.text}" if words else cell.text
    detail = " ".join(filter(None, (cell.detail, ", ".join(words))))
    return replace(cell, text=text, raw=(*cell.raw, *raw), detail=detail)


def marks_of_all(joint: Across) -> tuple[str, ...]:
    """Marks that every row has, but for those that set a model apart."""
    rows = [row for entry in joint.entries for row in entry.rows]
    shared = set[str](rows[0].marks).intersection(*(row.marks for row in rows))
    return tuple(mark for mark in rows[0].marks if mark in shared and not stays_in_line(mark))


def reading_notes(joint: Across, *metrics: str) -> Iterator[str]:
    """How intervals were made, and which datasets have few contents."""
    rows = [row for entry in joint.entries for row in entry.rows if row.metric in metrics]
    if methods := dict.fromkeys(row.ci_method for row in rows if row.ci_method):
        yield f"Intervals: {'; '.join(methods)}."
    few = dict.fromkeys(
        f"{row.dataset}{'' if row.subset == 'all' else f' {row.subset}'} {mark[len(FEW) :].strip()}"
        for row in rows
        for mark in row.marks
        if mark.startswith(FEW)
    )
    if few:
        yield (
            f"Few contents: {', '.join(few)}. Intervals are wide there, and the order of the "
            "lines is no finding."
        )
