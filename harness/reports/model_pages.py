"""A page for each model: what one probe set with harmless changes says of it alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..canonical import slug
from .area_table import area_table
from .areas import DETECTED, areas
from .cell_figure import cell_figure
from .entries import Entry, variant_of
from .groups import Group
from .labels import Variant
from .sensitivity_table import detection_table, threshold_table
from .site import Study
from .style import Picture, style
from .threshold_figure import own_threshold_figure
from .thresholds import severities


@dataclass(frozen=True)
class ModelPage:
    """``path`` is relative to the report; a study is one probe set."""

    path: str
    label: str
    studies: tuple[Study, ...]


def model_pages(groups: Iterable[Group]) -> tuple[ModelPage, ...]:
    """One for each model with detection rows, in the order of the tables."""
    found: dict[Variant, list[tuple[Group, Entry]]] = defaultdict(list)
    for group in groups:
        if areas(group, DETECTED):
            first, apart = group.ordered()
            for entry in (*first, *apart):
                found[variant_of(entry.rows[0])].append((group, entry))
    pages = []
    with style():
        for variant, places in found.items():
            label = places[0][1].label
            name = slug(label, variant._asdict())
            studies = tuple(_study(group, entry, name) for group, entry in places)
            pages.append(ModelPage(f"models/{name}.html", label, studies))
    return tuple(pages)


def links(pages: Iterable[ModelPage], group: Group) -> tuple[tuple[str, str], ...]:
    """Labels and paths of the pages that have a part about ``group``."""
    return tuple(
        (page.label, page.path)
        for page in pages
        if any(study.group.key == group.key for study in page.studies)
    )


def _study(group: Group, entry: Entry, name: str) -> Study:
    own = replace(group, name=f"{group.name}.{name}", entries=(entry,), absent=())
    pictures: list[Picture | None] = [cell_figure(own, entry)]
    if severities(own):
        pictures.append(own_threshold_figure(own, entry))
    tables = (detection_table(own), threshold_table(own), area_table(own, entry))
    return Study(
        own,
        tuple(table for table in tables if table is not None),
        tuple(picture for picture in pictures if picture is not None),
    )
