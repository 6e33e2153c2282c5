"""Records: what goes in comes out, equal rows give equal bytes, and nothing unknown is read."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import records, sample_files
from harness.canonical import canonical_json, slug
from harness.records import Record, Row, read_record, read_records, write_record

NUMBER = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(max_size=8)
VALUES = {
    "str": TEXT,
    "str | None": st.none() | TEXT,
    "float | None": st.none() | NUMBER,
    "int": st.integers(-(2**63), 2**63 - 1),
    "tuple[str, ...]": st.lists(TEXT, max_size=3).map(tuple),
}
SHOWN = st.text(
    st.characters(
        exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"], exclude_characters="\ufffe\uffff"
    ),
    max_size=8,
)
OPTIONS = st.dictionaries(SHOWN, SHOWN | NUMBER | st.none(), max_size=2).map(canonical_json)
SHA256 = st.none() | st.text("0123456789abcdef", min_size=64, max_size=64)
NAMED = SHOWN.filter(str.strip)
BY_NAME = {
    **dict.fromkeys(("model", "dataset", "protocol", "metric"), NAMED),
    **dict.fromkeys(("split", "subset", "mode", "label_kind", "decoding", "device"), SHOWN),
    **dict.fromkeys(("model_version", "protocol_version", "weights", "contamination"), SHOWN),
    **dict.fromkeys(("options", "protocol_options"), OPTIONS),
    "others": st.dictionaries(TEXT, st.tuples(TEXT, TEXT), max_size=2).map(canonical_json),
    **dict.fromkeys(("scores", "samples"), SHA256),
}
ROWS = st.builds(Row, **{f.name: VALUES[str(f.type)] for f in fields(Row)} | BY_NAME)


def row(**changes: object) -> Row:
    values = {
        "str": "x",
        "str | None": None,
        "float | None": 0.5,
        "int": 3,
        "tuple[str, ...]": ("a", "b"),
    }
    objects = dict.fromkeys(("options", "protocol_options", "others"), "{}")
    return Row(**{**{f.name: values[str(f.type)] for f in fields(Row)}, **objects, **changes})


def write(folder: Path, *rows: Row, failures: object = None) -> Path:
    record = Record(rows, failures or {}, "model", slug(rows[0].protocol) if rows else "none")
    write_record(folder, record)
    return folder / record.path


@given(st.lists(ROWS, min_size=1, max_size=6))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_rows_come_back_as_they_were(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("records")
    rows = [replace(r, dataset=rows[0].dataset, protocol=rows[0].protocol) for r in rows]
    path = write(folder, *rows)
    found = read_record(path)
    assert sorted(map(repr, found)) == sorted(map(repr, rows))
    assert [r.order for r in found] == sorted(r.order for r in rows)
    assert read_records(folder) == found


def test_the_order_of_rows_and_failures_does_not_change_the_bytes(tmp_path):
    rows = [row(subset=f"type={i}", value=i / 3) for i in range(5)]
    failures = {"score": {"b": "cut", "a": "missing"}, "features": {}}
    one = write(tmp_path / "one", *rows, failures=failures)
    backwards = {"features": {}, "score": {"a": "missing", "b": "cut"}}
    other = write(tmp_path / "other", *rows[::-1], failures=backwards)
    assert one.read_bytes() == other.read_bytes()
    content = json.loads(one.read_text())
    assert content["failures"] == {"score": {"a": "missing", "b": "cut"}}


def test_a_changed_number_is_a_change_of_one_line_and_of_the_digest(tmp_path):
    rows = [row(subset=f"type={i}", value=i / 3) for i in range(5)]
    before = write(tmp_path / "one", *rows).read_text().splitlines()
    rows[2] = replace(rows[2], value=0.25)
    after = write(tmp_path / "other", *rows).read_text().splitlines()
    changed = [a for a, b in zip(before, after, strict=True) if a != b]
    assert [line.split('"')[1] for line in changed] == ["digest", "value"]


def test_a_record_has_a_readable_place(tmp_path):
    path = write(tmp_path, row(dataset="my set", protocol="linear-probe"))
    assert path.relative_to(tmp_path).parts[0] == "model"
    assert path.relative_to(tmp_path).parts[1].startswith("my-set--")
    assert path.name == "linear-probe.json"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_is_refused_and_leaves_no_file(tmp_path, value):
    with pytest.raises(ValueError, match="Out of range"):
        write(tmp_path, row(value=value))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_record_without_rows_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one row"):
        write(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda c: c | {"schema": 99},
        lambda c: {k: v for k, v in c.items() if k != "schema"},
        lambda c: c | {"shared": c["shared"] | {"color": "red"}},
        lambda c: c | {"shared": {k: v for k, v in c["shared"].items() if k != "metric"}},
        lambda c: c | {"rows": 3},
        lambda c: [c],
        lambda c: None,
    ],
)
def test_what_is_no_record_of_this_schema_is_refused_by_name(tmp_path, damage):
    path = write(tmp_path, row())
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(ValueError, match=r"xx?\.json is not a readable record") as error:
        read_records(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"null"])
def test_a_damaged_file_is_refused_by_name(tmp_path, data):
    path = write(tmp_path, row())
    path.write_bytes(data)
    with pytest.raises(ValueError, match="is not a readable record"):
        read_record(path)


def test_a_frame_has_a_column_for_each_field():
    frame = records.frame([row(), row(value=None)])
    assert list(frame.columns) == [f.name for f in fields(Row)]
    assert len(frame) == 2
    assert list(records.frame([]).columns) == list(frame.columns)


# Scores ----------------------------------------------------------------------------------


@given(st.dictionaries(TEXT, st.floats(), max_size=20))
@settings(max_examples=30, deadline=None)
def test_scores_come_back_bit_by_bit(tmp_path_factory, scores):
    folder = tmp_path_factory.mktemp("records")
    name = sample_files.write_scores(folder, scores)
    found = sample_files.read_scores(folder, name)
    assert list(found) == sorted(scores)
    assert {i: repr(v) for i, v in found.items()} == {i: repr(v) for i, v in scores.items()}


def test_scores_are_known_by_what_they_hold(tmp_path):
    one = sample_files.write_scores(tmp_path, {"b": 2.0, "a": 1.0})
    assert sample_files.write_scores(tmp_path, {"a": 1.0, "b": 2.0}) == one
    assert sample_files.write_scores(tmp_path, {"a": 1.0, "b": 2.5}) != one
    assert len(list((tmp_path / "scores").iterdir())) == 2
    frame = pd.read_parquet(tmp_path / "scores" / f"{one}.parquet")
    assert frame.dtypes["score"] == "float64"


def test_changed_scores_are_refused(tmp_path):
    name = sample_files.write_scores(tmp_path, {"a": 1.0})
    other = sample_files.write_scores(tmp_path, {"a": 2.0})
    scores = tmp_path / "scores"
    (scores / f"{name}.parquet").write_bytes((scores / f"{other}.parquet").read_bytes())
    with pytest.raises(ValueError, match=f"{name[:12]}… do not match their checksum"):
        sample_files.read_scores(tmp_path, name)
