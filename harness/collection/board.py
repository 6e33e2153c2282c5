"""All that the pages of the site are made of, read once: records and what lies beside them."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..about import about_paths, card_path, read_card, read_dataset
from ..canonical import digest, slug
from ..records import Row, read_records
from ..reports.costs import read_costs
from ..reports.entries import Entry, variant_of
from ..reports.groups import Group, group
from ..reports.labels import Variant, labels

if TYPE_CHECKING:
    from ..papers.in_print import Published

COSTS = "costs.csv"  # what `iqa-eval cost --out` writes, beside the folder of records
PICTURES = "pictures"  # a folder for each model, by its slug: what to show of it
PROBES = "probes"  # what `iqa-eval probe gallery` writes


@dataclass(frozen=True)
class Subject:
    """One variant of a model, a line of the leaderboard. ``slug`` and ``label`` are unique.

    ``slug`` names its page; it is that of its records, where no other variant has the same.
    """

    slug: str
    label: str
    rows: tuple[Row, ...]
    card: Mapping[str, Any] | None


@dataclass(frozen=True)
class Board:
    """What is known: ``rows`` with their ``groups``; ``subjects`` by label; ``costs`` as read.

    ``folder`` holds the records, with ``scores`` and ``samples``.
    """

    folder: Path
    rows: tuple[Row, ...]
    groups: tuple[Group, ...]
    subjects: tuple[Subject, ...]
    datasets: Mapping[str, Mapping[str, Any]]  # by the path that ``about_paths`` gives
    costs: tuple[Mapping[str, str], ...]

    def subject(self, of: Row | Entry) -> Subject:
        """The line of the leaderboard that a row, or an entry of a group, belongs to."""
        return self._by_variant[variant_of(of if isinstance(of, Row) else of.rows[0])]

    def dataset(self, row: Row) -> Mapping[str, Any] | None:
        """What is told of the dataset of ``row``, or None."""
        return self.datasets.get(about_paths(row)[1])

    def published(self, row: Row) -> tuple[Published, ...]:
        """What papers print for the very number of ``row``."""
        from ..papers.in_print import published_of

        return published_of(row)

    @property
    def galleries(self) -> Path | None:
        """The folder of pictures that are kept beside the records, if there is one."""
        return self._beside(PICTURES)

    @property
    def probes(self) -> Path | None:
        """The gallery of probes that is kept beside the records, if there is one."""
        folder = self._beside(PROBES)  # which may be somebody's folder of another kind
        return folder if folder and (folder / "index.json").is_file() else None

    def _beside(self, name: str) -> Path | None:
        folder = self.folder.parent / name
        return folder if folder.is_dir() else None

    @cached_property
    def _by_variant(self) -> Mapping[Variant, Subject]:
        return {variant_of(row): subject for subject in self.subjects for row in subject.rows}


def read_board(records: Path) -> Board:
    """The board of a folder of records.

    Raises FileNotFoundError if it holds none, ValueError for a file that cannot be read.
    """
    rows = read_records(records)
    if not rows:
        raise FileNotFoundError(
            f"{records} holds no records; keep some with: iqa-eval results add OUT "
            f"--records {records}"
        )
    told = (path for path in sorted((records / "datasets").glob("*.json")))
    datasets = {f"datasets/{path.name}": read_dataset(path) for path in told}
    return Board(
        records, rows, tuple(group(rows)), _subjects(records, rows), datasets, _costs(records)
    )


def model_slug(row: Row) -> str:
    """What the model of ``row`` is called in paths, as its folder of records is."""
    return slug(row.model, json.loads(row.options))


def lies_below(path: Path, folder: Path) -> bool:
    """Whether no link takes ``path`` out of ``folder``: pages show it to others."""
    return path.resolve().is_relative_to(folder.resolve())


def _subjects(records: Path, rows: tuple[Row, ...]) -> tuple[Subject, ...]:
    of: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        of[model_slug(row)].append(row)
    parts = {name: _variants(own) for name, own in sorted(of.items())}
    named = labels(variant for own in parts.values() for variant in own)
    found = []
    taken: set[str] = set()  # without case: on some systems a file has one name in either
    for name, variants in parts.items():
        path = records / card_path(name)
        card = read_card(path) if path.is_file() else None
        for variant, own in variants.items():
            alone = len(variants) == 1
            page = name if alone and name.lower() not in taken else f"{name}--{digest(variant)[:8]}"
            taken.add(page.lower())
            about = card if alone or (card is not None and _is_of(card, variant)) else None
            found.append(Subject(page, named[variant], tuple(own), about))
    return tuple(sorted(found, key=lambda subject: (subject.label.lower(), subject.slug)))


def _variants(rows: Sequence[Row]) -> Mapping[Variant, list[Row]]:
    """The ``rows`` of one slug by variant.

    A model that could not be loaded has no version: its rows are with the first that has numbers.
    """
    measured = {variant_of(row) for row in rows if row.value is not None}
    known = {v for row in rows if (v := variant_of(row)).model_version} | measured
    first = min(known, key=lambda v: (v not in measured, v), default=None)
    found: dict[Variant, list[Row]] = defaultdict(list)
    for row in rows:
        own = variant_of(row)
        found[own if own in known or first is None else first].append(row)
    return dict(sorted(found.items()))


def _is_of(card: Mapping[str, Any], variant: Variant) -> bool:
    """Whether ``card`` names the version and the weights of ``variant``."""
    weights = "+".join(each["sha256"] for each in card["weights"])
    return (card["version"], weights) == (variant.model_version, variant.weights)


def _costs(records: Path) -> tuple[Mapping[str, str], ...]:
    path = records.parent / COSTS
    if not path.is_file():
        return ()
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = tuple(csv.DictReader(file))
        read_costs(lines)
    except (csv.Error, ValueError) as error:
        raise ValueError(f"{path} is not what iqa-eval cost --out writes: {error}") from error
    return lines
