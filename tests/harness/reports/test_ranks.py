"""Rank intervals: the table says what the rows say, and the figure does not need color."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from xml.etree import ElementTree

import pytest

from harness.canonical import canonical_json, slug
from harness.protocols.base import word
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


def test_a_protocol_with_options_is_named_in_words(row: MakeRow) -> None:
    options = {"splits": "80/20"}
    of = word(slug("linear-probe", options))
    told = {"protocol_options": canonical_json(options), "value": 0.5, "marks": ()}
    rows = [*compared(row, of), row("ours", "d", "linear-probe", **told)]
    (found,) = (each for each in group(rows) if each.key.protocol == "significance")
    table, *_ = tables(found)
    assert table.title.endswith("significance of linear-probe (splits 80/20)")
    assert tables(one(compared(row, of)))[0].title.endswith(f"of {of}")  # nothing tells them


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


def test_models_of_several_comparisons_are_never_ranked_as_one(row: MakeRow) -> None:
    make = partial(row, dataset="d", protocol="significance", marks=(), subset="of=correlation")
    pair = partial(make, metric="srcc_difference", value=0.1)
    another = [
        *(make("x", metric=m, value=1) for m in ("srcc", "rank_low", "rank_high", "top_group")),
        *(make("y", metric=m, value=1) for m in ("srcc", "rank_low", "rank_high", "top_group")),
        pair("x", subset="of=correlation versus=y"),
        pair("y", subset="of=correlation versus=x"),
    ]
    found = one([*compared(row), *another])
    (field,) = fields(found)  # the larger one
    assert {entry.label for entry in field.entries} == set(STANDING)
    assert field.apart == ("x", "y")
    first, *_ = tables(found)
    assert [line[1].text for line in first.lines] == list(STANDING)
    assert any(note == "Compared apart from these, and left out: x, y." for note in first.notes)
    alone = one(another)
    assert [entry.label for entry in fields(alone)[0].entries] == ["x", "y"]


def test_two_comparisons_as_large_leave_no_ranks(row: MakeRow) -> None:
    def rows(*models: str) -> list[Row]:
        found = []
        for model in models:
            make = partial(row, model, "d", "significance", marks=(), value=1)
            found += [make(metric=m, subset="of=correlation") for m in ("srcc", "rank_low")]
            found += [make(metric=m, subset="of=correlation") for m in ("rank_high", "top_group")]
            others = (name for name in models if name != model)
            versus = (f"of=correlation versus={name}" for name in others)
            found += [make(metric="srcc_difference", subset=subset) for subset in versus]
        return found

    assert len(fields(one(rows("a", "b", "c")))) == 1
    apart = one([*rows("a", "b"), *rows("c", "d")])
    assert fields(apart) == ()
    (table,) = tables(apart)
    assert "as one suite" in markdown(table)
    assert figures(apart) == ()
    # A model that was measured again with others: the old comparison is no longer whole.
    assert fields(one([*rows("a", "b")[: len(rows("a", "b")) // 2], *rows("b", "c")[3:]])) == ()


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


def few(rows: list[Row]) -> list[Row]:
    """As they are below 20 contents: intervals of the widest kind, and no p."""
    rows = [replace(r, marks=("few contents (8)",)) for r in rows]
    return [replace(r, value=None) if r.metric.endswith("_p_holm") else r for r in rows]


def test_without_a_test_there_are_no_ranks(row: MakeRow) -> None:
    found = one(few(compared(row)))
    (field,) = fields(found)
    assert field.untested == "8 contents, 20 are needed"
    table, _ = tables(found)
    assert [(line[0].text, line[3].text) for line in table.lines] == [("–", "–")] * 3
    assert all(line[0].raw == (None, None) and line[3].raw == (None,) for line in table.lines)
    said = "Rank interval and top group: not tested: 8 contents, 20 are needed."
    assert said in table.notes
    assert not any("Holm" in note for note in table.notes)
    assert figures(found) == ()
    assert fields(one(compared(row)))[0].untested == ""


def test_tests_among_other_models_say_so(row: MakeRow) -> None:
    (field,) = fields(one(compared(row)))
    ranked = one([row(name, "d", "correlation") for name in ("ours", "theirs", "edge")]).entries
    assert field.among(field.entries) == ""
    assert field.among(ranked) == "tested among 3 models, without edge, with old, not ranked here"


def test_one_rank_alone() -> None:
    assert (interval_text(3, 3), interval_text(3, 5)) == ("3", "3–5")
