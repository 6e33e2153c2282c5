"""The curves of data efficiency hold what papers print."""

from __future__ import annotations

import re
from dataclasses import replace

from harness.records import Row
from harness.reports.figures import figures
from harness.reports.fractions import fraction_tables
from harness.reports.groups import group
from tests.harness.reports.conftest import base_row


def drawing(rows: list[Row]) -> str:
    found = next(
        g for g in group(rows) if g.key.dataset == "koniq10k" and "fixed 20%" in g.key.split
    )
    (picture,) = (p for p in figures(found) if p.name.endswith(".fractions"))
    return picture.svg.decode()


def open_markers(svg: str) -> int:
    """How many markers are drawn with an outline alone, but for the one in the legend."""
    return len(re.findall(r'<use [^>]*style="fill-opacity: 0|<use [^>]*style="fill: none', svg))


def test_published_points_are_open_markers_in_their_place(suite_rows: list[Row]) -> None:
    own = [r for r in suite_rows if (r.dataset, r.protocol) == ("koniq10k", "data-efficiency")]
    assert sum(r.published is not None for r in own if r.metric == "srcc") == 3
    without = [replace(row, published=None, published_source=None) for row in own]
    told, bare = drawing(own), drawing(without)
    assert "<!-- published" in told
    assert "published" not in bare
    assert open_markers(told) - open_markers(bare) == 3 + 1


def test_a_few_shares_all_stand_in_the_narrow_table() -> None:
    rows = [
        base_row("a", "demo", "data-efficiency", subset=f"fraction={share}%")
        for share in (25, 50, 75)
    ]
    (table,) = fraction_tables(group(rows)[0])
    shares = [column for column in table.columns if column.title.endswith("%")]
    assert [(column.title, column.spare) for column in shares] == [
        ("25%", False), ("50%", False), ("75%", False),
    ]  # fmt: skip
    assert "figure" not in table.notes[0]
