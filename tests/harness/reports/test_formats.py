"""Markdown as a Markdown reader sees it, CSV as pandas does, text as wide as the terminal."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import fields
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from harness.errors import printable
from harness.records import Row
from harness.reports.console import as_text, table_text, terminal
from harness.reports.formats import escape, markdown, rows_csv, table_csv
from harness.reports.groups import group
from harness.reports.layout import Cell, Column, Table
from harness.reports.tables import tables

MakeRow = Callable[..., Row]
READER = MarkdownIt("commonmark").enable("table")


class Cells(HTMLParser):
    """The text of every body cell, line by line, and the names of all tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.lines: list[list[str]] = []
        self.tags: set[str] = set()
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.lines.append([])
        if tag in ("td", "th"):
            self.lines[-1].append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.lines[-1][-1] += data


def test_markdown_reads_as_the_table(rows: list[Row]) -> None:
    for found in group(rows):
        for table in tables(found):
            seen = Cells(READER.render(markdown(table)))
            first, apart = (
                [[f"{cell.text} {cell.detail}".strip() for cell in line] for line in lines]
                for lines in (table.lines, table.apart)
            )
            note = [["Not ranked:", *[""] * (len(table.columns) - 1)]] if apart else []
            expected = [*first, *note, *apart]
            assert seen.lines[1:] == expected
            assert not seen.tags & {"strong", "em", "script"}  # nothing is ever bold


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1))
@example("a|b")
@example("\\|")
@example("<script>alert(1)</script>")
@example("**x** _y_ `z` [a](b) &amp; ~~s~~ ms_ssim __b__")
@example("http://x.y")
def test_any_text_survives_markdown(text: str) -> None:
    seen = Cells(READER.render(f"| a | b |\n| --- | --- |\n| {escape(text)} | 1 |\n"))
    assert seen.lines[1] == [printable(text), "1"]
    assert seen.tags == {"table", "thead", "tbody", "tr", "th", "td"}


def test_reasons_and_commands_are_in_the_markdown(rows: list[Row]) -> None:
    text = markdown(tables(group(rows)[0])[0])
    assert "to get it: `iqa-eval fetch pyiqa:lpips`" in text
    assert "out of memory \\| 3.2 GB" in text


def test_csv_holds_unrounded_values(rows: list[Row]) -> None:
    table = tables(group(rows)[0])[0]
    data = pd.read_csv(io.StringIO(table_csv(table)), dtype=str)
    srcc = {
        r.model: (r.value, r.ci_low, r.ci_high)
        for r in rows
        if (r.protocol, r.metric, r.subset) == ("correlation", "srcc", "all") and r.value
    }
    measured = data[data["srcc"].notna()]
    columns = ["model", "srcc", "srcc_low", "srcc_high"]
    assert {m: tuple(map(float, v)) for m, *v in measured[columns].itertuples(index=False)} == srcc
    absent = data[data["srcc"].isna()].set_index("model")
    assert absent.loc["pyiqa:lpips", "command"] == "iqa-eval fetch pyiqa:lpips"


def test_rows_csv_holds_every_field_of_every_row(rows: list[Row]) -> None:
    data = pd.read_csv(io.StringIO(rows_csv(rows)), dtype=str, keep_default_na=False)
    assert list(data) == [field.name for field in fields(Row)]
    assert len(data) == len(rows)
    for field in ("value", "ci_low", "n_scored", "reason"):
        expected = ["" if (v := getattr(r, field)) is None else str(v) for r in rows]
        assert list(data[field]) == expected
    assert list(data["marks"]) == ["; ".join(r.marks) for r in rows]


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_the_terminal_is_never_too_narrow(rows: list[Row], width: int) -> None:
    text = as_text(rows, width)
    assert max(map(len, text.splitlines())) <= width
    for word in ("timm:vit_tiny_patch16_224", "[.694, .879]", "circular", "478/480"):
        assert word in text
    dropped = re.findall(r"Left out, for want of width: ((?:.|\n)*?)\.", text)
    assert not any("PLCC" in re.split(r",\s", names) for names in dropped)
    assert bool(dropped) == (width < 160)


def test_a_protocol_that_does_not_apply_is_a_line_of_its_own(row: MakeRow) -> None:
    unfit = {"value": None, "marks": ("not applicable",), "reason": "it has no labels"}
    absent = {"value": None, "marks": (), "reason": "no weights; to get it: fetch b"}
    text = as_text([row("a", "d", "p", **unfit), row("b", "d", "p", **absent)])
    assert "not applicable: d · p: it has no labels\n" in text


def test_what_several_tables_lack_is_said_once_with_the_places(row: MakeRow) -> None:
    lacks = {"value": None, "marks": (), "reason": "gives no features"}
    rows = [row("a", d, p) for d in ("x", "y") for p in ("p", "q")]
    rows += [row(m, d, "p", **lacks) for m in ("b", "c") for d in ("x", "y")]
    rows += [row("b", "x", "q", **{**lacks, "reason": "no memory"})]
    text = as_text(rows)
    assert text.count("gives no features") == 1
    assert text.endswith("not measured: b, c – gives no features (p on x, y)\n")
    assert "not measured: b – no memory\n" in text  # in one table: said below it


def test_long_names_are_broken_before_plcc_goes(row: MakeRow) -> None:
    options = '{"head":"koniq10k","variant":"five-crop","weights":"0123456789abcdef"}'
    ends = {"ci_low": 0.4, "ci_high": 0.6, "contamination": "labels", "options": options}
    rows = [row("arniqa", "d", "p", marks=(), **ends)]
    rows += [row("arniqa", "d", "p", metric=m, marks=(), **ends) for m in ("plcc", "krcc", "rmse")]
    wide, narrow = as_text(rows, 120), as_text(rows, 80)
    assert "arniqa (variant five-crop, head koniq10k, weights 01234567)" in wide
    for text, width in ((wide, 120), (narrow, 80)):
        assert max(map(len, text.splitlines())) <= width
        for word in (" PLCC ", "0.500 [.400, .600]", "480/480", "seen: labels"):
            assert word in text


def test_the_terminal_takes_names_as_text(row: MakeRow) -> None:
    text = as_text([row("[bold red]x[/]", "d", "p"), row(":smile:", "d", "p")])
    assert "[bold red]x[/]" in text
    assert ":smile:" in text


def test_styles_only_where_they_are_asked_for(rows: list[Row]) -> None:
    plain, styled = as_text(rows), as_text(rows, color=True)
    assert "\x1b" not in plain
    assert "\x1b[" in styled
    without = re.sub(r"\x1b\[[0-9;]*m", "", styled)
    assert [line.rstrip() for line in without.splitlines()] == plain.splitlines()


def test_terminal_prints(rows: list[Row], capsys: pytest.CaptureFixture[str]) -> None:
    terminal(rows)
    assert capsys.readouterr().out == as_text(rows)


STEERING = "\x1b[31mred\x07 \u202egnp \x9b2J"


def test_names_cannot_steer_the_terminal(row: MakeRow) -> None:
    reason = f"{STEERING}; to get it: {STEERING}"
    found = [
        row(STEERING, "d", "p", value=0.5),
        row("other", f"d {STEERING}", "p", value=0.4, marks=(STEERING,)),
        row(f"lost {STEERING}", "d", "p", value=None, reason=reason),
    ]
    shown = [table for own in group(found) for table in tables(own)]
    texts = [as_text(found), *map(table_text, shown), *map(markdown, shown)]
    assert all(line.isprintable() for text in texts for line in text.splitlines())
    assert "red" in as_text(found)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        *((f"{sign}cmd|x", f"'{sign}cmd|x") for sign in "=+-@\t"),
        ("a\r=cmd|x", "a =cmd|x"),
        *((text, text) for text in ("a=1", "-0.5", "+1e-3", "'quoted", "–", "")),
    ],
)
def test_no_text_of_a_table_is_a_formula(text: str, kept: str) -> None:
    columns = (Column("Model", ("model",), "name"), Column("SRCC", ("srcc",)))
    line = (Cell(text, (text,)), Cell("−0.500", (-0.5,)))
    lines = list(csv.reader(io.StringIO(table_csv(Table("t", "t", columns, (line,))), newline="")))
    assert lines == [["model", "srcc"], [kept, "-0.5"]]


def test_rows_for_programs_have_names_as_they_are(row: MakeRow) -> None:
    data = pd.read_csv(io.StringIO(rows_csv([row("=1+1", "d", "p")])), dtype=str)
    assert list(data["model"]) == ["=1+1"]
