"""``iqa-eval table``: every form of a table, to the terminal and to files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from harness.canonical import slug
from harness.records import Record, read_records, write_record
from harness.reports.console import table_text
from harness.reports.formats import markdown, table_csv
from harness.reports.html_table import html
from harness.reports.latex import latex
from harness.table_command import table
from harness.tabling import table_of
from harness.tabling.spec import Spec, read_layout
from tests.harness.reports.conftest import base_row

SPEC = """
title: A table
rows: ["*"]
columns: [{dataset: x, protocol: correlation, metric: srcc}]
"""
RESULTS = Path(__file__).parents[2] / "results"
SHIPPED = sorted((RESULTS / "tables").glob("*.yaml"))
KEPT = RESULTS / "records"


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(table)
    return app


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "mine.yaml").write_text(SPEC)
    for model, value in (("a", 0.91), ("b_&", 0.8), ("c", 0.7)):
        row = base_row(model, "x", "correlation", value=value)
        record = Record((row, replace(row, metric="plcc")), {}, slug(model), "correlation")
        write_record(tmp_path / "records", record)
    return tmp_path


FORMS = {"md": markdown, "csv": table_csv, "tex": latex, "html": html, "txt": table_text}


@pytest.mark.parametrize("suffix", FORMS)
def test_a_file_is_in_the_form_of_its_name(app: typer.Typer, place: Path, suffix: str) -> None:
    spec, out = str(place / "mine.yaml"), place / "new" / f"t.{suffix}"
    result = CliRunner().invoke(app, [spec, "--records", str(place), "--out", str(out)])
    assert result.exit_code == 0
    made = table_of(spec)(read_records(place / "records"))
    assert out.read_text() == FORMS[suffix](made)


@pytest.mark.parametrize("name", ["t.docx", "t"])
def test_an_ending_that_no_form_has_is_refused(app: typer.Typer, place: Path, name: str) -> None:
    arguments = [str(place / "mine.yaml"), "--records", str(place), "--out", str(place / name)]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, ValueError)
    said = "end it with .md, .csv, .tex, .html or .txt, or give --format"
    assert str(result.exception) == f"{place / name}: of no known form; {said}"
    assert not (place / name).exists()
    assert CliRunner().invoke(app, [*arguments, "--format", "csv"]).exit_code == 0
    assert (place / name).read_text().startswith("model,")


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("terminal", " b_&    0.800"),
        ("markdown", "| b\\_\\& | <u>0.800</u> |"),
        ("csv", "b_&,0.8,"),
        ("latex", r"b\_\& & \underline{0.800} \\"),
        ("html", '<th scope="row" class="name">b_&amp;</th><td class="number"><u>0.800</u></td>'),
    ],
)
def test_each_form_is_printed(app: typer.Typer, place: Path, form: str, shown: str) -> None:
    arguments = [str(place / "mine.yaml"), "--records", str(place), "--format", form]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert shown in result.output


def test_a_published_table_by_its_name(app: typer.Typer, place: Path) -> None:
    arguments = ["arniqa-table1", "--records", str(place), "--format", "markdown"]
    result = CliRunner().invoke(app, arguments)
    assert "| ARNIQA | published | <u>0.966</u> |" in result.output
    assert "iqa-eval reproduce arniqa-table1 --root DATA" in result.output


def test_no_records_is_one_line(app: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["arniqa-table1", "--records", str(tmp_path)])
    assert isinstance(result.exception, ValueError)
    assert "has no records" in str(result.exception)


def test_a_file_that_is_missing_or_wrong_is_told_of_before_records_are(
    app: typer.Typer, tmp_path: Path
) -> None:
    (tmp_path / "wrong.yaml").write_text(SPEC.replace("rows", "row"))
    for name, told in (("none", "no such file"), ("wrong", "unknown key 'row'; did you mean rows")):
        arguments = [str(tmp_path / f"{name}.yaml"), "--records", str(tmp_path / "nowhere")]
        error = CliRunner().invoke(app, arguments).exception
        assert told in str(error)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_tables_that_come_with_the_results_show_their_numbers(path: Path) -> None:
    rows, layout = read_records(KEPT), read_layout(str(path))
    made = table_of(str(path))(rows)
    assert isinstance(layout, Spec)
    assert made.title == layout.title
    assert layout.order is not None
    assert made.lines
    are_kept = {column.dataset for column in layout.columns} <= {row.dataset for row in rows}
    numbers = {cell.text for line in made.lines for cell in line[1:]} - {"–"}
    assert bool(numbers) == are_kept


def test_there_are_such_tables() -> None:
    assert any(row.dataset == "demo" for row in read_records(KEPT))
    assert {"demo", "sensitivity"} <= {path.stem for path in SHIPPED}
