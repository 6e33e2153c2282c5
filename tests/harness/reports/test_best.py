"""Best, second best and footnotes, against plain definitions of them."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from harness.collection.ranges import range_of
from harness.records import read_records
from harness.reports.best import BETTER, better, with_best
from harness.reports.console import table_text
from harness.reports.footnotes import footnotes, with_footnotes
from harness.reports.formats import markdown, table_csv
from harness.reports.html_table import html
from harness.reports.layout import Cell, Column, Note, Table, number, text_cell
from harness.reports.parts import METRICS
from harness.reports.relational_table import TITLES
from harness.reports.subsets import SPREAD
from harness.site.headlines import Headline

ROOT = Path(__file__).parents[3]

NASTY = "<script>alert(1)</script>"
values = st.lists(st.none() | st.floats(-1, 1).map(lambda v: round(v, 4)), max_size=8)


def cells(found: list[float | None]) -> list[tuple[Cell]]:
    return [(Cell(number(v), (v,)),) for v in found]


@given(values, st.sampled_from([1, -1]))
def test_places_are_those_of_the_two_best_printed_numbers(found, end) -> None:
    placed = [line[0].place for line in with_best(cells(found), [end])]
    printed = sorted({end * (round(v, 3) + 0.0) for v in found if v is not None}, reverse=True)
    for value, place in zip(found, placed, strict=True):
        if value is None or len(printed) < 2:
            assert place == 0
        else:
            i = printed.index(end * (round(value, 3) + 0.0))
            assert place == (i + 1 if i < 2 else 0)


def test_lines_compete_with_their_rivals_alone() -> None:
    lines = cells([0.9, 0.5, 0.8, 0.7, 0.99])
    placed = with_best(lines, [1], ["a", "a", "b", "b", None])
    assert [line[0].place for line in placed] == [1, 2, 1, 2, 0]
    assert [line[0].place for line in with_best(lines, [0])] == [0] * 5


def test_direction_of_metrics() -> None:
    assert [better(m) for m in ("srcc", "rmse", "srcc_p_holm", "alpha", "band_detected")] == [
        1, -1, -1, 0, 0,
    ]  # fmt: skip


def test_every_metric_that_is_written_has_an_end_or_none_by_its_name() -> None:
    written = {row.metric for row in read_records(ROOT / "results" / "records")}
    known = {name for name in {*written, *METRICS, *TITLES} if not name.endswith(SPREAD)}
    assert known <= BETTER.keys()
    assert len(written) > 15
    for metric in BETTER.keys() - {"fr_psnr_srcc", "fr_local_ssim_srcc"}:
        if metric.endswith(("accuracy", "auroc", "ap", "iou", "_r2", "srcc", "plcc", "krcc")):
            assert better(metric) == 1
            assert range_of(metric)[1] == 1
        elif metric.endswith(("error", "mae", "rmse", "leakage", "alarms", "p_holm")):
            assert better(metric) == -1
        elif metric.endswith(("chance", "prevalence", "share", "alpha")):
            assert better(metric) == 0


def test_the_site_and_the_tables_know_the_same_ends() -> None:
    assert all(Headline(metric, "all").better == end for metric, end in BETTER.items())


def table(name: str = "m") -> Table:
    few, seen = Note("few"), Note("seen: labels", "†††")
    lines = [
        (text_cell(f"{name}1"), Cell("0.9", (0.9,), "[.8, 1]", (few, seen))),
        (text_cell(f"{name}2"), Cell("0.8", (0.8,), notes=(Note(f"why {name}"), few))),
        (text_cell(f"{name}3"), Cell("–", (None,))),
    ]
    apart = ((text_cell(f"{name}4"), Cell("0.99", (0.99,))),)
    columns = (Column("Model", ("model",), "name"), Column("SRCC", ("srcc",), span=name))
    return Table("t", f"T {name}", columns, with_best(lines, (0, 1)), apart, marks=(name,),
                 notes=(f"note {name}",))  # fmt: skip


def test_footnotes_in_reading_order() -> None:
    assert list(footnotes(table()).items()) == [
        (Note("few"), "a"),
        (Note("seen: labels", "†††"), "†††"),
        (Note("why m"), "b"),
    ]
    shown = with_footnotes(table())
    assert [line[1].text for line in shown.lines] == ["0.9†††ᵃ", "0.8ᵃᵇ", "–"]
    assert shown.notes == ("ᵃ few", "††† seen: labels", "ᵇ why m", "note m")
    assert with_footnotes(shown) == shown


def test_many_footnotes_have_letters_of_their_own() -> None:
    lines = tuple((Cell("1", (1,), notes=(Note(str(i)),)),) for i in range(80))
    signs = list(footnotes(Table("t", "T", (Column("x", ("x",)),), lines)).values())
    assert len(set(signs)) == 80
    assert signs[25:27] == ["aa", "bb"]


def test_markdown_terminal_and_csv_of_the_same_table() -> None:
    text = markdown(table())
    assert "| m1 | **0.9†††ᵃ** \\[.8, 1\\] |" in text
    assert "| m2 | <u>0.8ᵃᵇ</u> |" in text
    assert "| m4 | 0.99 |" in text
    assert "- ᵃ few" in text
    assert "0.9†††ᵃ [.8, 1]" in table_text(table())
    assert "\x1b[1m0.9†††ᵃ" in table_text(table(), color=True)
    assert [line["srcc"] for line in csv.DictReader(io.StringIO(table_csv(table())))] == [
        "0.9", "0.8", "", "0.99",
    ]  # fmt: skip


class Reader(HTMLParser):
    """Elements with their texts; every tag that is opened must be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, str]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.found.append((self.open[-1], data))


def test_html_is_the_table() -> None:
    found = Reader(html(table())).found
    assert ("strong", "0.9") in found
    assert ("sup", "†††a") in found
    assert ("small", "[.8, 1]") in found
    assert ("u", "0.8") in found
    assert ("td", "0.99") in found
    assert ("span", "Not ranked") in found
    assert [text for tag, text in found if tag == "th"] == ["Model", "SRCC", "m1", "m2", "m3", "m4"]


@given(st.text(max_size=20) | st.just(NASTY))
def test_html_shows_any_text_as_text(name: str) -> None:
    text = html(table(name))
    reader = Reader(text)
    assert {tag for tag, _ in reader.found} <= {
        "strong", "span", "th", "td", "u", "sup", "small", "li", "button",
    }  # fmt: skip
    assert "<script" not in text
    if name.strip():
        assert any(name in data for _, data in reader.found)
