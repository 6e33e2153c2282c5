"""Cross-dataset results as tables: one of each training dataset, and train × test for all."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

from .across import (
    Across,
    cautions,
    marks_of_all,
    reading_notes,
    star_notes,
    with_cautions,
)
from .entries import Entry
from .groups import RANKED_BY, Group, parse_subset
from .layout import Column, Line, Table, row_cell, text_cell, with_interval_keys
from .parts import CONTAMINATION, METRICS, MODEL
from .published import published_cells, published_columns, published_notes, published_places
from .subsets import subset_table

_METRICS = (RANKED_BY, "plcc", "plcc_logistic")


def tested_on(group: Group) -> dict[str, str]:
    """Subsets that are other datasets, with their names, in alphabetical order."""
    found = {s: parse_subset(s) for s in group.subsets(RANKED_BY)}
    return {s: found[s]["test"] for s in sorted(found) if set(found[s]) == {"test"}}


def transfer_tables(group: Group) -> tuple[Table, ...]:
    """One training dataset: model × test dataset. Folded, as the joint table holds it, too."""
    headings = tested_on(group)
    first = next(iter(headings))
    return tuple(
        replace(subset_table(group, metric, headings, first, f"{METRICS[metric]} on"), folded=True)
        for metric in _METRICS
        if metric in group.metrics
    )


def disputed(groups: Sequence[Group]) -> Callable[[Group], Hashable]:
    """Of a group, its hashes of those datasets that differ in images or labels among ``groups``."""
    worlds = {group.name: _world(group) for group in groups}
    hashes: dict[str, set[tuple[str, ...]]] = {}
    for own in worlds.values():
        for name, found in own.items():
            hashes.setdefault(name, set()).add(found)
    several = {name for name, found in hashes.items() if len(found) > 1}
    return lambda group: tuple(sorted(p for p in worlds[group.name].items() if p[0] in several))


def cross_tables(across: Across) -> tuple[Table, ...]:
    """Lines are model and training dataset, columns test datasets: SRCC; and, folded, PLCC."""
    return tuple(
        _matrix(across, metric)
        for metric in _METRICS
        if any(metric in group.metrics for group in across.groups)
    )


@dataclass(frozen=True)
class Panel:
    """One model's matrix: ``values[i][j]`` is fitted on ``train[i]`` and tested on ``test[j]``."""

    entry: Entry
    train: tuple[str, ...]
    test: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]


def panels(across: Across) -> tuple[Panel, ...]:
    """The SRCC of every model; none unless there are at least two datasets each way."""
    train, test = _train(across), _tests(across)
    if len(train) < 2 or len(test) < 2:
        return ()
    return tuple(
        Panel(
            entry,
            tuple(train),
            tuple(test.values()),
            tuple(
                tuple(own.value(RANKED_BY, s) if own else None for s in test)
                for own in (across.entry(entry, group) for group in train.values())
            ),
        )
        for entry in _ordered(across)
    )


def _matrix(across: Across, metric: str) -> Table:
    title = METRICS.get(metric, metric)
    test, main = _tests(across), metric == RANKED_BY
    order = _ordered(across)
    places = published_places(order, [(metric, s, name) for s, name in test.items()])
    columns = (
        MODEL,
        Column("Fitted on", ("train",), "text"),
        *(
            Column(
                name,
                (*with_interval_keys(f"{metric}_{name}"), f"n_scored_{name}", f"n_expected_{name}"),
                span=f"{title} on",
            )
            for name in test.values()
        ),
        *published_columns(places, f"{title} published"),
        CONTAMINATION,
    )

    def lines(entry: Entry) -> Iterator[Line]:
        for name, group in _train(across).items():
            if (own := across.entry(entry, group)) is not None:
                rows = [own.get(metric, subset) for subset in test]
                yield (
                    text_cell(entry.label),
                    text_cell(name),
                    *(
                        with_cautions(
                            row_cell(row, with_interval=True),
                            cautions(row),
                            (row.n_scored, row.n_expected) if row else (None, None),
                        )
                        for row in rows
                    ),
                    *published_cells(own, places),
                    text_cell(own.contamination),
                )

    return Table(
        across.name if main else f"{across.name}.{metric}",
        f"{across.title} · {title}",
        columns,
        tuple(line for e in order if not e.set_apart for line in lines(e)),
        tuple(line for e in order if e.set_apart for line in lines(e)),
        across.absent if main else (),
        marks_of_all(across),
        (
            "Lines: the dataset that the head is fitted on; columns: the one that it is tested "
            "on, to which N and intervals belong.",
            *star_notes(r for e in order for r in e.rows if r.metric == metric),
            *reading_notes(across, metric),
            *published_notes((e.label, row) for e in order for row in e.rows),
        ),
        folded=not main,
    )


def _world(group: Group) -> dict[str, tuple[str, ...]]:
    """All datasets that the group rests on, with the hashes of their images and labels."""
    key = group.key
    found: dict[str, tuple[str, ...]] = {key.dataset: (key.images_hash, key.labels_hash)}
    for others in {row.others for entry in group.entries for row in entry.rows}:
        found |= {name: tuple(hashes) for name, hashes in json.loads(others).items()}
    return found


def _train(across: Across) -> dict[str, Group]:
    return {group.key.dataset: group for group in across.groups}


def _tests(across: Across) -> dict[str, str]:
    found = {s: name for group in across.groups for s, name in tested_on(group).items()}
    return dict(sorted(found.items()))


def _ordered(across: Across) -> Sequence[Entry]:
    """Models with more numbers first, then by falling mean SRCC."""

    def key(entry: Entry) -> tuple[bool, int, float, str]:
        values = [r.value for r in entry.rows if r.metric == RANKED_BY and r.value is not None]
        mean = sum(values) / len(values) if values else 0.0
        return (entry.set_apart, -len(values), -mean, entry.label)

    return sorted(across.entries, key=key)
