"""What joins several datasets: a summary of each protocol, and cross-dataset results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .across import Across, across
from .cross import cross_tables, disputed, tested_on
from .groups import Group
from .layout import Table
from .summary import summary_table


@dataclass(frozen=True)
class Overview:
    """A section above the datasets. ``is_summary`` where its first table is one for papers."""

    across: Across
    tables: tuple[Table, ...]
    is_summary: bool


def overviews(groups: Iterable[Group]) -> tuple[Overview, ...]:
    """Summaries of protocols that rank models on two datasets or more, then cross-dataset."""
    groups = tuple(groups)
    fitted = [group for group in groups if tested_on(group)]
    ranked = across((group for group in groups if group.is_ranked), least=2)
    crossed = across(fitted, disputed(fitted))
    return (
        *(Overview(each, (summary_table(each),), True) for each in ranked),
        *(Overview(each, cross_tables(each), False) for each in crossed),
    )
