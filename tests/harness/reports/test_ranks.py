"""Rank intervals: the table says what the rows say, and the figure does not need color."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from xml.etree import ElementTree

import pytest

from harness.records import Row
from harness.reports.console import as_text
from harness.reports.figures import figures
from harness.reports.formats import markdown, table_csv
from harness.reports.groups import Group, group
from harness.reports.ranks import fields, interval_text
from harness.reports.style import COLORS, MUTED
from harness.reports.tables import tables

MakeRow = Callable[..., Row]
# SRCC, rank interval, top group
STANDING = {"ours": (0.91, 1, 2, 1), "theirs": (0.9, 1, 3, 1), "old": (0.84, 2, 3, 0)}


def compared(row: MakeRow, of: str = "correlation", resolvable: float | None = 0.033) -> list[Row]:
    rows = []
    for model, (srcc, low, high, top) in STANDING.items():
        make = partial(row, model, "d", "significance", marks=(), subset=f"of={of}")
        ends = {"ci_low": srcc - 0.02, "ci_high": srcc + 0.01, "ci_method": "bootstrap"}
        rows += [
            make(metric="srcc", value=srcc, **ends),
            make(metric="rank_low", value=low),
            make(metric="rank_high", value=high),
            make(metric="top_group", value=top),
            make(metric="resolvable_srcc_difference", value=resolvable),
        ]
        for other in (name for name in STANDING if name != model):
            make = partial(make, subset=f"of={of} versus={other}")
            p = 0.0002 if "old" in (model, other) else 0.31
            rows += [
                make(metric="srcc_difference", value=srcc - STANDING[other][0]),
                make(metric="plcc_difference", value=0.5),
                make(metric="srcc_p_holm", value=p),
                make(metric="resolvable_srcc_difference", value=0.04),
            ]
    return rows


def one(rows: list[Row]) -> Group:
    (found,) = group(rows)
    return found


def test_standing(row: MakeRow) -> None:
    table, pairs = tables(one(compared(row)))
    assert table.name == "d-significance.correlation"
    assert table.title.endswith("significance of correlation")
    assert [[cell.text for cell in line][:5] for line in table.lines] == [
        ["1–2", "ours", "0.910", "yes", "480/480"],
        ["1–3", "theirs", "0.900", "yes", "480/480"],
        ["2–3", "old", "0.840", "–", "480/480"],
    ]
    assert not table.folded
    assert pairs.folded
    assert any("median over pairs: 0.033" in note for note in table.notes)
    assert "Intervals: bootstrap." in table.notes


def test_every_pair_once_the_better_first(row: MakeRow) -> None:
    _, pairs = tables(one(compared(row)))
    lines = list(csv.DictReader(io.StringIO(table_csv(pairs))))
    assert [(line["model"], line["versus"]) for line in lines] == [
        *(("ours", "theirs"), ("ours", "old")),
        ("theirs", "old"),
    ]
    assert [float(line["srcc_difference"]) for line in lines] == pytest.approx([0.01, 0.07, 0.06])
    assert [line["srcc_p_holm"] for line in lines] == ["0.31", "0.0002", "0.0002"]
    assert "\\<0.001" in markdown(pairs)


def test_equal_models_are_one_pair(row: MakeRow) -> None:
    rows = [replace(r, value=0.0) if "difference" in r.metric else r for r in compared(row)]
    _, pairs = tables(one(rows))
    assert len(pairs.lines) == 3


def test_each_protocol_has_its_own_table_and_figure(row: MakeRow) -> None:
    found = one(compared(row) + compared(row, "linear-probe"))
    names = [table.name for table in tables(found)]
    assert names == [
        *("d-significance.correlation", "d-significance.correlation.pairs"),
        *("d-significance.linear-probe", "d-significance.linear-probe.pairs"),
    ]
    assert [p.name for p in figures(found)] == [
        "d-significance.correlation.ranks",
        "d-significance.linear-probe.ranks",
    ]


def test_who_was_not_compared_is_listed_once_with_the_reason(row: MakeRow) -> None:
    left = row("control:luminance", "d", "significance", metric="top_group", value=None)
    left = replace(left, reason="control: shown, never ranked", subset="of=x")
    first, *others = tables(one([*compared(row), *compared(row, "linear-probe"), left]))
    assert "control:luminance: control: shown, never ranked" in markdown(first)
    assert not any("control:luminance" in markdown(table) for table in others)


def test_the_terminal_keeps_the_ranks_when_it_is_narrow(row: MakeRow) -> None:
    text = as_text(compared(row), width=50)
    assert "1–2" in text
    assert "resolvable_srcc_difference" not in text


def test_the_figure_does_not_need_color(row: MakeRow) -> None:
    (picture,) = figures(one(compared(row)))
    ElementTree.fromstring(picture.svg)
    marks = re.findall(r'<use [^>]*style="fill: (#\w+); stroke: (#\w+)', picture.svg.decode())
    dots = [mark for mark in marks if mark[1] in (COLORS[0], MUTED) and mark[0] != mark[1]]
    assert dots == [("#ffffff", MUTED)]  # open: not in the top group
    assert marks.count((COLORS[0], COLORS[0])) == 2
    assert "3 models, 2 of them in the top group" in picture.alt
    assert "0.033" in picture.caption
    assert figures(one(compared(row))) == (picture,)


def test_without_a_known_resolution_nothing_is_said_of_it(row: MakeRow) -> None:
    found = one(compared(row, resolvable=None))
    assert "esolvable" not in figures(found)[0].caption
    assert not any("esolvable" in note for note in tables(found)[0].notes)


def test_no_comparison_no_field(rows: list[Row]) -> None:
    assert not any(fields(found) for found in group(rows))


def test_one_rank_alone() -> None:
    assert (interval_text(3, 3), interval_text(3, 5)) == ("3", "3–5")
