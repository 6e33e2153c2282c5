"""From a described table and all records to the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ..canonical import slug
from ..records import Row
from ..registry import unknown
from ..reports.best import Better, better, with_best
from ..reports.entries import HEAD, Entry, sets_apart
from ..reports.groups import group
from ..reports.layout import Cell, Column, Line, Note, Table, text_cell
from ..reports.parts import FEW, MODEL, unknown_notes
from .cells import apart_note, beside, empty_cell, rank_cell, rank_keys, value_cell, value_keys
from .lines import Named, lines_of, unfound
from .names import check_names
from .places import Place, is_known, places
from .spec import Spec

_PUBLISHED = ("published", "measured", "difference")
_SHOWN = 3  # models of a pattern without a line


def spec_table(spec: Spec, rows: Sequence[Row]) -> Table:
    """The table that ``spec`` describes, of ``rows``.

    A model that is named has a line even without any number; of those that only fit a pattern,
    the ones that were not measured stand below. ValueError where rows could be meant that are
    never compared, for an ``order`` that is no column, or for a name that is none.
    """
    check_names(spec, rows)
    return _Layout(spec, tuple(rows)).table


@dataclass(frozen=True)
class _Layout:
    spec: Spec
    rows: tuple[Row, ...]

    @cached_property
    def places(self) -> tuple[Place, ...]:
        return places(self.spec, group(self.rows))

    @cached_property
    def named(self) -> list[Named]:
        return lines_of(self.spec, self.rows)

    @property
    def table(self) -> Table:
        named = self._ordered(self.named)
        shown = [each for each in named if not each.by_pattern or self._rows(each)]
        apart = [each for each in shown if self._set_apart(each)]
        first = [each for each in shown if each not in apart]
        columns = (MODEL, *(column for place in self.places for column in self._columns(place)))
        ends = (0, *(end for place in self.places for end in self._ends(place)))
        return Table(
            slug(self.spec.name),
            self.spec.title,
            columns,
            with_best([self._line(each) for each in first], ends),
            tuple(map(self._line, apart)),
            tuple(self._absent(named)),
            self._shared,
            tuple(self._notes(shown)),
        )

    def _line(self, named: Named) -> Line:
        name = replace(text_cell(named.label), notes=tuple(self._why_apart(named)))
        return (name, *(cell for place in self.places for cell in self._cells(place, named)))

    def _cells(self, place: Place, named: Named) -> Iterator[Cell]:
        row = place.row(named.variant) if named.variant else None
        entry = place.entry(named.variant) if named.variant else None
        if row is None or not is_known(row):
            reason = place.reason(named.variant)
            yield from (empty_cell(reason, len(c.keys)) for c in self._columns(place))
        elif row.metric == "rank_low":
            assert entry is not None
            of = place.subset
            if place.untested:
                yield empty_cell(f"not tested: {place.untested}", len(rank_keys("")))
                return
            yield rank_cell(row, entry.get("rank_high", of), entry.get("top_group", of))
        else:
            measured = value_cell(row, interval=self.spec.show != "value", shared=self._shared)
            measured = replace(measured, ranked=entry is None or not entry.set_apart)
            yield from beside(row, measured) if self._is_beside(place) else (measured,)

    def _columns(self, place: Place) -> tuple[Column, ...]:
        key = place.heading
        span = place.span
        if place.is_pseudo:
            span = f"{span}: pseudo-labels" if span else "pseudo-labels"
        if place.metric == "rank_low":
            return (Column(place.title, rank_keys(key), "text", span),)
        if not self._is_beside(place):
            return (Column(place.title, value_keys(key), span=span),)
        keys = (
            (f"{key}_published", f"{key}_source"),
            value_keys(key),
            (f"{key}_difference", f"{key}_why"),
        )
        span = f"{span} · {place.title}" if span else place.title
        return tuple(
            Column(title, own, span=span) for title, own in zip(_PUBLISHED, keys, strict=True)
        )

    def _ends(self, place: Place) -> tuple[Better, ...]:
        end = better(place.metric)
        return (0, end, 0) if self._is_beside(place) else (end,)

    def _is_beside(self, place: Place) -> bool:
        return self.spec.show == "published" and place.metric != "rank_low"

    def _ordered(self, named: list[Named]) -> list[Named]:
        if self.spec.order is None:
            return named
        headings = {place.heading: place for place in self.places}
        if self.spec.order not in headings:
            why = unknown("column", self.spec.order, map(repr, headings))  # they may have commas
            raise ValueError(f"{self.spec.name}: order: {why}")
        place = headings[self.spec.order]
        rises = better(place.metric) < 0 or place.metric == "rank_low"

        def key(one: Named) -> tuple[bool, bool, float]:
            row = place.row(one.variant) if one.variant else None
            entry = place.entry(one.variant) if one.variant else None
            value = row.value if row else None
            unranked = entry is not None and entry.set_apart
            return value is None, unranked, 0 if value is None else value if rises else -value

        return sorted(named, key=key)

    def _rows(self, named: Named) -> list[Row]:
        """The rows whose numbers a line shows."""
        found = (place.row(named.variant) for place in self.places if named.variant)
        return [row for row in found if row is not None and is_known(row)]

    def _set_apart(self, named: Named) -> bool:
        """Whether none of its numbers may be ranked among those of their columns."""
        entries = self._entries(named)
        return bool(entries) and all(entry.set_apart for entry in entries)

    def _entries(self, named: Named) -> list[Entry]:
        found = (
            place.entry(named.variant)
            for place in self.places
            if named.variant and is_known(place.row(named.variant))
        )
        return [entry for entry in found if entry is not None]

    def _why_apart(self, named: Named) -> Iterator[Note]:
        if self._set_apart(named):
            marks = dict.fromkeys(m for entry in self._entries(named) for m in entry.marks)
            yield from map(apart_note, filter(sets_apart, marks))

    @cached_property
    def _shared(self) -> tuple[str, ...]:
        """Marks of every number of the table."""
        rows = [row for one in self.named for row in self._rows(one)]
        if not rows:
            return ()
        common = set(rows[0].marks).intersection(*(row.marks for row in rows))
        return tuple(m for m in rows[0].marks if m in common and not (sets_apart(m) or m == HEAD))

    def _absent(self, named: Iterable[Named]) -> Iterator[Entry]:
        """Models that fit a pattern and have reasons where others have numbers."""
        for one in named:
            if one.by_pattern and one.variant and not self._rows(one):
                rows = [r for place in self.places for r in place.rows(one.variant) if r.reason]
                if rows:
                    yield Entry(one.label, tuple(dict.fromkeys(rows)))

    def _without_lines(self) -> Iterator[str]:
        """Patterns that give no line, and why."""
        for pattern in unfound(self.spec, self.rows):
            yield f"{pattern!r}: no record of such a model."
        of: dict[str, list[Named]] = {}
        for one in self.named:
            of.setdefault(one.pattern, []).append(one)
        for pattern, found in of.items():
            if pattern and not any(map(self._rows, found)) and not any(self._absent(found)):
                why = dict.fromkeys(p.reason(one.variant) for one in found for p in self.places)
                names = [one.label for one in found[:_SHOWN]]
                names += [f"{len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
                yield f"{pattern!r} ({', '.join(names)}): {'; '.join(why)}."

    def _notes(self, shown: Iterable[Named]) -> Iterator[str]:
        yield from self.spec.notes
        yield from self._without_lines()
        rows = [(one.label, row) for one in shown for row in self._rows(one)]
        if self.spec.show != "value":
            methods = dict.fromkeys(row.ci_method for _, row in rows if row.ci_method)
            if methods:
                yield f"Intervals: {'; '.join(methods)}."
        if any(mark.startswith(FEW) for _, row in rows for mark in row.marks):
            yield "Few contents: intervals are wide, and the order of the lines is no finding."
        if any(place.is_pseudo for place in self.places):
            yield "Pseudo-labels were computed, not given by people."
        yield from unknown_notes(rows)
