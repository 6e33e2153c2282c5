"""Asking a collection: conditions, SQL by either engine, and forms that other programs read."""

from __future__ import annotations

import io
import json
import re
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from harness.collection import select, sql
from harness.errors import printable
from harness.records import Row
from harness.results_command import app
from tests.harness.collection.test_collection import files, keep, row

RUNNER = CliRunner()


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Two models, one of them with options that hold brackets, each with two metrics."""
    for name, value in (("slide", 0.875), ("py:psnr", 0.1 + 0.2)):
        rows = [row(model=name, value=value, ci_low=None, ci_high=None, marks=("control", "few"))]
        rows.append(row(model=name, metric="plcc", value=None, reason="[no] spread", ci_low=None,
                        ci_high=None, published=0.5))  # fmt: skip
        keep(tmp_path / "kept", *rows) if name == "slide" else keep(tmp_path / "other", *rows)
    target = tmp_path / "kept" / "py-psnr--1/tiny"
    target.mkdir(parents=True)
    (tmp_path / "other/py:psnr/tiny/correlation.json").rename(target / "correlation.json")
    return tmp_path / "kept"


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ([], 4),
        (["metric=srcc"], 2),
        (["metric=srcc", "model=slide"], 1),
        (["model=slide", "model=py:psnr"], 4),
        (["model=py:*"], 2),
        (["model=slide", "value=0.875", "metric=plcc"], 0),
        (["model=s?ide"], 2),
        (["published="], 2),
        (["published=0.5"], 2),
        (["n_scored=3"], 4),
        (["reason=[[]no] spread"], 2),
        (["marks=control; few"], 2),
        (["options={}"], 4),
    ],
)
def test_rows_are_those_for_which_all_conditions_hold(kept, conditions, found):
    rows = select(kept, conditions)
    assert len(rows) == found
    assert list(rows.columns) == [field.name for field in fields(Row)]
    assert list(rows.index) == list(range(found))


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ("metrics=x", "rows have no 'metrics'; did you mean metric?"),
        ("zzz=x", "rows have no 'zzz'; there are model, "),
        ("model", "'model': write FIELD=VALUE"),
        ("metric=scrr", "nothing has metric 'scrr'; did you mean srcc?"),
        ("model=zz*", "nothing has model 'zz*'"),
    ],
)
def test_what_is_no_condition_is_refused(kept, condition, text):
    with pytest.raises(ValueError, match=r"^" + re.escape(text)):
        select(kept, [condition])


def test_sql_sees_the_rows_as_records(kept):
    query = "SELECT model, max(value) AS best, count(*) AS n FROM records GROUP BY model ORDER BY 2"
    found = sql(select(kept), query)
    assert found.to_dict("list") == {
        "model": ["py:psnr", "slide"], "best": [0.1 + 0.2, 0.875], "n": [2, 2],
    }  # fmt: skip
    none = sql(select(kept), "SELECT count(*) AS n FROM records WHERE value IS NULL")
    assert none["n"].tolist() == [2]


@pytest.mark.parametrize("query", ["SELECT nothing FROM records", "SELEC 1", "SELECT * FROM rows"])
def test_sql_that_cannot_be_run_is_refused(kept, query):
    with pytest.raises(ValueError, match=r"^SQLite: "):
        sql(select(kept), query)


@pytest.mark.parametrize(
    "query",
    [
        "ATTACH '{0}' AS x",
        "VACUUM INTO '{0}'",
        "CREATE TABLE t(a)",
        "DELETE FROM records",
        "",
        "--",
    ],
)
def test_sql_only_reads(kept, tmp_path, query):
    other = tmp_path / "other.db"
    with pytest.raises(ValueError, match=r"^SQLite: no query that reads: write SELECT"):
        sql(select(kept), query.format(other))
    assert not other.exists()


# The command -----------------------------------------------------------------------------


def ask(*arguments: object) -> str:
    result = RUNNER.invoke(app, ["query", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_csv_and_json_hold_every_digit(kept):
    text = ask("metric=srcc", "--records", kept, "--format", "csv")
    assert sorted(pd.read_csv(io.StringIO(text))["value"]) == [0.1 + 0.2, 0.875]
    rows = json.loads(ask("--records", kept, "--format", "json", "--columns", "all"))
    assert {each["value"] for each in rows} == {0.1 + 0.2, 0.875, None}
    assert {each["marks"] for each in rows} == {"control; few", ""}
    assert all(list(each) == [field.name for field in fields(Row)] for each in rows)


def test_a_table_is_aligned_and_has_the_columns_that_are_asked_for(kept):
    text = ask("metric=srcc", "--records", kept, "--columns", "model,value,n_scored")
    assert text.splitlines() == [
        "model     value  n_scored",
        "py:psnr  0.3000         3",
        "slide    0.8750         3",
    ]


def test_sql_of_what_conditions_leave(kept):
    query = "SELECT count(*) AS n FROM records"
    assert ask("model=slide", "--records", kept, "--sql", query).split() == ["n", "2"]


def test_no_rows_are_a_table_without_lines(kept):
    asked = "model=slide", "metric=plcc", "published="
    assert ask(*asked, "--records", kept, "--columns", "model,value") == "model  value\n"


def test_names_of_others_cannot_steer_the_terminal(tmp_path):
    keep(tmp_path, row(reason="\x1b[31mred\nline"))
    text = ask("--records", tmp_path, "--columns", "reason")
    assert text.splitlines() == ["reason", "\ufffd[31mred\ufffdline"]


@pytest.mark.parametrize("text", ["\x1b[31mred", "\x9b31mred", "a\u202eb", "\U000e0041", "é ✓"])
def test_nor_do_they_in_forms_that_other_programs_read(tmp_path, text):
    keep(tmp_path, row(reason=text))
    asked = "--records", tmp_path, "--columns", "reason,value", "--format"
    for form in ("csv", "json"):
        found = ask(*asked, form)
        assert all(char.isprintable() for char in found if char != "\n")
        assert "0.5" in found
    assert json.loads(found)[0]["reason"] == text
    (found,) = pd.read_csv(io.StringIO(ask(*asked, "csv")))["reason"]
    assert found == printable(text)


def test_a_seed_that_no_column_of_sqlite_holds_is_refused_where_it_is_read(tmp_path):
    keep(tmp_path, row(seed=2**70))
    with pytest.raises(ValueError, match=r"correlation\.json is not a readable record: all rows: "):
        sql(select(tmp_path), "SELECT * FROM records")


def test_the_way_of_a_run_to_the_collection(tmp_path):
    def results(*arguments: object) -> tuple[int, str]:
        result = RUNNER.invoke(app, [str(each) for each in arguments], catch_exceptions=False)
        return result.exit_code, result.output

    mine, yours, kept = tmp_path / "mine", tmp_path / "yours", tmp_path / "kept"
    keep(mine / "records", row())
    keep(yours / "records", row(value=0.625))
    keep(yours / "records", row(model="beta"))
    assert results("add", mine, "--records", kept) == (
        0, "new       alpha/tiny/correlation.json\n1 new, 0 equal, 0 replaced, 0 refused\n",
    )  # fmt: skip
    code, text = results("add", yours, "--records", kept)
    assert code == 1
    assert text.splitlines() == [
        "refused   alpha/tiny/correlation.json: srcc 0.5 → 0.625",
        "new       beta/tiny/correlation.json",
        "1 new, 0 equal, 0 replaced, 1 refused",
        f"nothing was copied to {kept}; --replace takes the new ones",
    ]
    code, text = results("merge", mine, yours, "--out", tmp_path / "both")
    assert code == 1
    assert f"{mine}/records → {yours}/records: srcc 0.5 → 0.625" in text
    assert not (tmp_path / "both").exists()
    assert results("validate", kept) == (0, "1 record, none with something wrong\n")

    path = kept / "alpha/tiny/correlation.json"
    path.write_text(path.read_text().replace('"value": 0.5', '"value": 0.55'))
    code, text = results("validate", kept)
    assert code == 1
    assert text.startswith("WRONG alpha/tiny/correlation.json: it was edited")
    assert text.endswith("1 record, 1 with something wrong\n")
    for asked in (["query", "--records", kept], ["add", mine, "--records", kept]):
        refused = RUNNER.invoke(app, list(map(str, asked)))
        assert isinstance(refused.exception, ValueError)
        assert "alpha/tiny/correlation.json was edited after it was" in str(refused.exception)

    assert results("add", yours, "--records", kept, "--replace")[0] == 0
    assert results("merge", yours, kept, "--out", tmp_path / "both") == (
        0, f"2 records in {tmp_path / 'both'}\n",
    )  # fmt: skip
    assert files(tmp_path / "both") == files(kept)
