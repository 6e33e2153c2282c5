"""Published tables beside records: every number is one of the paper, of a row, or a difference."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from harness.canonical import canonical_json
from harness.papers import Paper, paper_names, read_paper
from harness.papers.in_print import is_about, numbers_in
from harness.records import Row
from harness.reports.formats import table_csv
from harness.tabling import table_of
from harness.tabling.measured import measured
from harness.tabling.papers import paper_table
from tests.harness.reports.conftest import base_row

NAME = "arniqa-table1"


def rows_of(paper: Paper, method: str, shift: float) -> Iterator[Row]:
    for number in numbers_in(paper):
        if number.method == method:
            value = number.value + shift
            yield base_row(
                number.model, number.dataset, number.protocol, metric=number.metric,
                subset=number.subset, options=number.options, value=value, marks=(),
                protocol_options=number.protocol_options, contamination="none",
                ci_low=value - 0.05, ci_high=value + 0.05, ci_method="bootstrap",
            )  # fmt: skip


def read(rows: list[Row], name: str = NAME) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table_csv(table_of(name)(rows)))))


@pytest.mark.parametrize("name", paper_names())
def test_every_published_number_stands_in_its_place(name: str) -> None:
    paper, lines = read_paper(name), read([], name)
    assert {line["kind"] for line in lines} == {"published"}
    for cell in paper.cells:
        (line,) = (
            each
            for each in lines
            if each["method"] == cell.method and each.get("subset", "all") == cell.subset
        )
        for metric, value in cell.published.items():
            assert float(line[f"{cell.dataset}_{metric}"]) == value
    shown = sum(1 for line in lines for key, v in line.items() if v and "_n" not in key)
    assert shown  # what else a line has is its names and sources


def test_measured_difference_and_interval_are_those_of_the_rows() -> None:
    paper = read_paper(NAME)
    rows = list(rows_of(paper, "Re-IQA", -0.02))
    lines = read(rows)
    kinds = [(line["method"], line["kind"]) for line in lines]
    assert kinds == [
        ("CONTRIQUE", "published"), ("Re-IQA", "published"), ("Re-IQA", "measured"),
        ("Re-IQA", "difference"), ("ARNIQA", "published"),
    ]  # fmt: skip
    for row in rows:
        key = f"{row.dataset}_{row.metric}"
        assert float(lines[2][key]) == row.value
        assert float(lines[2][f"{key}_low"]) == row.ci_low
        assert float(lines[3][key]) == pytest.approx(-0.02)


def test_the_best_are_so_among_their_own_kind() -> None:
    paper = read_paper(NAME)
    rows = [*rows_of(paper, "Re-IQA", 0.5), *rows_of(paper, "ARNIQA", -0.5)]
    table = table_of(NAME)(rows)
    at = [c.keys[0] for c in table.columns].index("live_srcc")
    assert [(line[0].text, line[1].text, line[at].place) for line in table.lines] == [
        ("CONTRIQUE", "published", 0),
        ("Re-IQA", "published", 1),
        ("Re-IQA", "measured", 1),
        ("Re-IQA", "difference", 0),
        ("ARNIQA", "published", 2),
        ("ARNIQA", "measured", 2),
        ("ARNIQA", "difference", 0),
    ]


def test_what_is_not_measured_says_why() -> None:
    paper = read_paper(NAME)
    rows = [r for r in rows_of(paper, "Re-IQA", 0) if r.dataset != "spaq"]
    skip = replace(
        rows[0], dataset="spaq", value=None, n_scored=0, reason="no weights; to get it: w"
    )
    table = table_of(NAME)([*rows, skip])
    at = [c.keys[0] for c in table.columns].index("spaq_srcc")
    (line,) = (line for line in table.lines if line[1].text == "measured")
    assert line[at].text == "–"
    assert [note.text for note in line[at].notes] == ["no weights."]
    told = "\n".join(table.notes)
    assert "Re-IQA on spaq (1 cell): no weights; to get it: w" in told
    assert f"no record; to get it: iqa-eval reproduce {NAME} --root DATA" in told
    only = "\n".join(table_of("loda-table1")([]).notes)
    assert "nothing here stands for it in this table: published only" in only


def test_rows_of_other_settings_say_so_and_controls_never_stand_for_a_method() -> None:
    paper = read_paper(NAME)
    (row, *_) = rows_of(paper, "CONTRIQUE", 0)
    other = replace(row, protocol_options=canonical_json({"splits": "80/20"}), value=0.5)
    found = measured(paper, [other])
    (key,) = found.rows
    assert is_about(found.published[key], found.rows[key])
    cell = paper_table(found).lines[1][2]
    assert cell.text == "0.500"
    assert any("linear-probe-arniqa (splits 80/20)" in note.text for note in cell.notes)
    assert measured(paper, [row, other]).rows[key] == row  # the likest
    assert measured(paper, [replace(row, marks=("control",))]).rows == {}


def test_counts_are_of_cells() -> None:
    paper = read_paper(NAME)
    rows = [r for r in rows_of(paper, "ARNIQA", 0) if r.dataset in ("live", "csiq")]
    assert measured(paper, rows).reproduction.counts == "2 of 22 cells measured: 20 without result"


def test_an_unknown_table_is_told_with_the_closest() -> None:
    with pytest.raises(ValueError, match="did you mean arniqa-table1"):
        table_of("arniqa-tabel1")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.yaml: no such file"):
        table_of("nowhere.yaml")


def test_a_file_of_one_is_drawn_alike_and_asks_to_reproduce_the_file(tmp_path: Path) -> None:
    path = tmp_path / "my paper.yaml"
    text = resources.files("harness.papers").joinpath(f"{NAME}.yaml").read_text("utf-8")
    path.write_text(text, encoding="utf-8")
    rows = list(rows_of(read_paper(NAME), "Re-IQA", -0.02))
    named, filed = table_of(NAME)(rows), table_of(str(path))(rows)
    assert filed.lines == named.lines
    assert filed.columns == named.columns
    assert f"iqa-eval reproduce '{path}' --root DATA" in "\n".join(filed.notes)


def test_a_wrong_file_of_one_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("title: Mine\nmethods: {A: {}}\n")
    with pytest.raises(ValueError, match=r"mine\.yaml: citation: Field required"):
        table_of(str(path))
