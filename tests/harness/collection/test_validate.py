"""A record that no run wrote is noticed: each test breaks one thing in what is valid."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import run
from harness.collection import validate
from harness.collection.ranges import range_of
from harness.protocols.metrics import METRICS
from harness.records import Record, load_record, read_records, record_bytes, write_record
from tests.conftest import Sharpness
from tests.harness.collection.test_collection import keep, row


class Smooth(Sharpness):
    """Higher for less noise, so that it agrees with the labels."""

    def score(self, images: Any) -> Any:
        return -super().score(images)


@pytest.fixture
def made(tiny: Any, tmp_path: Path) -> Path:
    """The records of a run on the tiny dataset, with labels beside them."""
    model = Smooth(options={})
    settings = {"cache": tmp_path / "cache", "workers": 1, "progress": False}
    run([model], [tiny], ["correlation"], out=tmp_path / "run", **settings)
    return tmp_path / "run" / "records"


NO_ENDS = {"ci_low": None, "ci_high": None}


def record_of(folder: Path) -> Path:
    (path,) = folder.glob("*/*/*.json")
    return path


def written_again(folder: Path, **changes: Any) -> None:
    """Change what the row of SRCC says, and let the digest fit."""
    path = record_of(folder)
    record = load_record(path)
    rows = [replace(r, **changes) if r.metric == "srcc" else r for r in record.rows]
    write_record(folder, replace(record, rows=tuple(rows)))


def wrong(folder: Path) -> list[str]:
    return [fault.text for fault in validate(folder) if not fault.remark]


def test_what_a_run_wrote_is_valid(made):
    assert validate(made) == []
    assert {r.metric for r in read_records(made)} == set(METRICS)


def test_any_value_edited_by_hand_is_noticed(made):
    path = record_of(made)
    lines = path.read_text().splitlines(keepends=True)
    told = 0
    for i, line in enumerate(lines):
        if '": ' not in line or line.rstrip().endswith(("{", "[", "}", "]")):
            continue
        head, _, value = line.rstrip().rstrip(",").partition('": ')
        other = '"edited"' if value.startswith('"') else "17"
        edited = line.replace(f'": {value}', f'": {other}')
        assert edited != line
        path.write_text("".join([*lines[:i], edited, *lines[i + 1 :]]))
        assert wrong(made), f"{head} was edited"
        told += 1
    assert told > 30


@pytest.mark.parametrize("metric", METRICS)
def test_an_edit_whose_digest_fits_is_noticed_where_labels_are_there(made, metric):
    path = record_of(made)
    record = load_record(path)
    edited = {"ci_low": None, "ci_high": None, "value": 0.125}
    rows = [replace(r, **edited) if r.metric == metric else r for r in record.rows]
    (before,) = [r.value for r in record.rows if r.metric == metric]
    write_record(made, replace(record, rows=tuple(rows)))
    (text,) = wrong(made)
    assert text.startswith(f"{metric} is ")
    assert np.isclose(float(text.rpartition(" give ")[2]), before)


def test_another_number_of_samples_is_noticed(made):
    written_again(made, n_scored=17)
    assert wrong(made) == ["srcc is of 17 samples, 18 have scores"]


def test_labels_may_be_kept_elsewhere_but_not_changed(made):
    (labels,) = (made / "samples").iterdir()
    labels.write_bytes(labels.read_bytes() + b"x")
    (text,) = wrong(made)
    assert text.startswith("its samples ")
    labels.unlink()
    assert wrong(made) == []


def test_scores_must_be_there_and_be_what_they_were(made):
    (scores,) = (made / "scores").iterdir()
    data = scores.read_bytes()
    scores.write_bytes(data[:-1])
    assert wrong(made) == [f"its scores {scores.stem[:12]}… are not what they were: "
                           "their SHA-256 is another"]  # fmt: skip
    scores.unlink()
    assert wrong(made) == [f"its scores {scores.stem[:12]}… are not there"]


def test_scores_that_no_record_names_are_remarked(made):
    (made / "scores" / "0.parquet").write_bytes(b"")
    (fault,) = validate(made)
    assert (fault.place, fault.text) == ("scores/0.parquet", "no record names it")
    assert fault.remark


def test_what_is_told_of_models_and_datasets_that_no_record_names_is_remarked(made):
    (card,), (dataset,) = (list((made / kind).iterdir()) for kind in ("cards", "datasets"))
    record_of(made).unlink()
    keep(made, row(model="beta"))
    remarks = {fault.place: fault.text for fault in validate(made) if fault.remark}
    for path in (card, dataset):
        assert remarks[path.relative_to(made).as_posix()] == "no record names it"


def test_line_ends_that_git_changed_are_named(made):
    path = record_of(made)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    (fault,) = validate(made)  # and the scores that it names are known to be its own
    assert fault.text.startswith("its lines end in CRLF, and a run ends them in LF: git ")


def test_the_same_in_other_bytes_is_noticed(made):
    path = record_of(made)
    path.write_text(json.dumps(json.loads(path.read_text())))
    (text,) = wrong(made)
    assert "not in the same bytes" in text


@pytest.mark.parametrize(
    ("old", "new", "belongs"),
    [
        ("smooth", "smooth-2", "sharpness/tiny/correlation.json"),
        ("tiny", "huge", "sharpness/tiny/correlation.json"),
        ("correlation.json", "other.json", "sharpness/tiny/correlation.json"),
    ],
)
def test_a_record_at_another_place_is_noticed(made, old, new, belongs):
    path = record_of(made)
    name = str(path.relative_to(made)).replace("sharpness", "smooth").replace(old, new)
    target = made / name
    target.parent.mkdir(parents=True, exist_ok=True)
    path.rename(target)
    assert wrong(made) == [f"what it says belongs at {belongs}"]


@pytest.mark.parametrize("damage", [b"", b"\xff", b"{", b'{"schema": 99}', b'{"schema": 2}'])
def test_what_cannot_be_read_is_named_and_the_others_are_checked(made, damage):
    record_of(made).write_bytes(damage)
    keep(made, row(model="beta"))
    faults = [fault for fault in validate(made) if not fault.remark]
    assert [fault.place for fault in faults] == ["sharpness/tiny/correlation.json"]
    assert faults[0].text.startswith("is not a readable record: ")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"n_scored": 4}, "srcc: 4 scored and 0 failed of 3 expected"),
        ({"n_failed": 1}, "srcc: 3 scored and 1 failed of 3 expected"),
        ({"n_failed": -1}, "srcc: 3 scored and -1 failed of 3 expected"),
        ({"value": 1.5, "ci_high": None}, "srcc: its value 1.5 is not within -1 and 1"),
        ({"ci_low": -1.5}, "srcc: its ci_low -1.5 is not within -1 and 1"),
        ({"value": 0.8}, "srcc: its value 0.8 is not in 0.25 to 0.75"),
        ({"value": None, "ci_low": 0.8}, "srcc: its interval 0.8 to 0.75 is the wrong way round"),
        ({"metric": "rmse", "ci_low": -0.1}, "rmse: its ci_low -0.1 is not within 0 and inf"),
        (
            {"label_kind": "x"},
            "srcc: its label_kind 'x' is none of mos, dmos, pseudo, ordinal, given, none",
        ),
        (
            {"contamination": "x"},
            "srcc: its contamination 'x' is none of none, content, images, labels, unknown",
        ),
        ({"mode": "x"}, "srcc: its mode 'x' is none of NR, FR, PAIR"),
        (
            {"metric": "rank_low", "value": 1.0, "subset": "of=x", **NO_ENDS},
            "it has a rank, but no rank_high and no srcc and no top_group (of=x)",
        ),
        (
            {"metric": "rank_high", "value": 2.0, "subset": "of=x", **NO_ENDS},
            "it has a rank, but no rank_low and no srcc and no top_group (of=x)",
        ),
    ],
)
def test_a_row_that_cannot_be_true_is_noticed(tmp_path, changes, text):
    record = Record((row(**{"reason": "a reason", **changes}),), {}, "alpha", "correlation")
    place = tmp_path / "alpha/tiny/correlation.json"
    place.parent.mkdir(parents=True)
    place.write_bytes(record_bytes(record))
    assert wrong(tmp_path) == [text]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"value": "0.5"}, "value is not a finite number or null"),
        ({"value": True}, "value is not a finite number or null"),
        ({"value": 10**400}, "value is not a finite number or null"),
        ({"n_scored": 2.5}, "n_scored is not a whole number of at most 64 bits"),
        ({"seed": 2**63}, "seed is not a whole number of at most 64 bits"),
        ({"scores": ["a"]}, "scores is not a text or null"),
        ({"scores": "../../victim"}, "scores is no SHA-256"),
        ({"samples": "A" * 64}, "samples is no SHA-256"),
        ({"dataset": None}, "dataset is not a text"),
        ({"marks": (1,)}, "marks is not a list of texts"),
        ({"options": "{"}, "options is no readable JSON object"),
        ({"options": "[1]"}, "options is no readable JSON object"),
        ({"options": '{"a": NaN}'}, "options is no readable JSON object"),
        ({"options": '{"a": "\\ud800"}'}, "options is no readable JSON object"),
        ({"protocol_options": '{"a":' + "[" * 50 + "]" * 50 + "}"},
         "protocol_options is no readable JSON object"),
        ({"others": "["}, "others is no readable JSON object of lists of hashes"),
        ({"metric": ""}, "metric is empty"),
        ({"dataset": " "}, "dataset is empty"),
        ({"model": "alpha\x1b[31m"}, "model holds a character that cannot be printed: '\\x1b'"),
        ({"dataset": "a\u202eb"}, "dataset holds a character that cannot be printed: '\\u202e'"),
        ({"metric": "\u200b"}, "metric holds a character that cannot be printed: '\\u200b'"),
        ({"protocol": "a\nb"}, "protocol holds a character that cannot be printed: '\\n'"),
        ({"split": "a\u2028b"}, "split holds a character that cannot be printed: '\\u2028'"),
        ({"subset": "a=\uffff"}, "subset holds a character that cannot be printed: '\\uffff'"),
        ({"label_kind": "\x1b"}, "label_kind holds a character that cannot be printed: '\\x1b'"),
        ({"options": '{"a":["\\n",{"\\u001b":1}]}'},
         "options holds a character that cannot be printed: '\\x1b'"),
        ({"protocol_options": '{"a":"\u202e"}'},
         "protocol_options holds a character that cannot be printed: '\\u202e'"),
        ({"others": '{"a": 1}'}, "others is no readable JSON object of lists of hashes"),
    ],
)  # fmt: skip
def test_a_record_of_other_fields_is_not_readable(tmp_path, changes, text):
    record = Record((row(**changes),), {}, "alpha", "correlation")
    path = tmp_path / "alpha/tiny/correlation.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(record_bytes(record))
    assert wrong(tmp_path) == [f"is not a readable record: all rows: {text}"]
    with pytest.raises(ValueError, match=re.escape(f"{path} is not a readable record: all rows")):
        read_records(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("rows", [], "it has no rows"),
        ("rows", [3], "row 0: no JSON object"),
        ("rows", [{"model": "alpha"}, {"model": 3}], "row 1: model is not a text"),
        ("shared", [], "its shared are no JSON object"),
        ("shared", {}, "row 0 has no ci_high, ci_low, ci_method, contamination, dataset, "),
        ("failures", {"score": ["x"]}, "failures of 'score' is no JSON object"),
        ("failures", {"score": {"a": 1}}, "failures of 'score': what is said of 'a' is no text"),
        ("warnings", {"a": None}, "warnings: what is said of 'a' is no text"),
        ("warnings", {"a": "\ud800"}, "'utf-8' codec can't encode character '\\ud800' in"),
        ("fits", {}, "its fits are no list"),
        ("fits", ["x"], "fit 0 is no JSON object"),
        ("fits", [{"key": 1}], "fit 0 has no learning curve"),
        ("fits", [{"curve": "abc"}], "fit 0 has no learning curve"),
        ("fits", [{"curve": [1]}], "an epoch of fit 0 is no JSON object"),
        ("fits", [{"curve": [{"loss": {}}]}], "loss of fit 0 is neither a text nor a finite"),
        ("schema", True, "schema True, this version reads 1 to 2"),
        ("schema", [], "schema [], this version reads 1 to 2"),
    ],
)
def test_a_record_of_other_parts_is_not_readable(tmp_path, name, value, text):
    path = keep(tmp_path, row())
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    (told,) = wrong(tmp_path)
    assert told.startswith(f"is not a readable record: {text}")


def test_endless_brackets_are_one_line(tmp_path):
    path = keep(tmp_path, row())
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"is not a readable record: nested too deeply$"):
        load_record(path)


def test_a_row_without_a_value_says_why(tmp_path):
    keep(tmp_path, row(value=None, subset="type=jpeg"))
    assert wrong(tmp_path) == ["srcc (type=jpeg): no value, and no reason why"]


def test_two_rows_of_one_name_and_two_models_are_noticed(tmp_path):
    keep(tmp_path, row(), row(value=0.6))
    keep(tmp_path, row(model="beta"), row(model="gamma", metric="plcc"))
    assert wrong(tmp_path) == ["srcc is there 2 times", "its rows are of more than one model"]


def test_nan_is_noticed(tmp_path):
    path = keep(tmp_path, row())
    path.write_text(path.read_text().replace('"value": 0.5', '"value": NaN'))
    (text,) = wrong(tmp_path)
    assert text == "is not a readable record: all rows: value is not a finite number or null"


def test_a_bootstrap_may_leave_the_value_out_and_a_threshold_has_one_end(tmp_path):
    keep(tmp_path, row(value=0.8, ci_method="percentile bootstrap over 24 contents"))
    keep(tmp_path, row(model="beta", metric="threshold", ci_high=None))
    assert wrong(tmp_path) == []
    (fault,) = validate(tmp_path)
    assert fault.text == "srcc: the bootstrap's interval does not hold the value"


@pytest.mark.parametrize(
    ("metric", "ends"),
    [
        ("srcc", (-1, 1)),
        ("fr_psnr_srcc", (-1, 1)),
        ("srcc_split_sd", (0, np.inf)),
        ("srcc_difference", (-2, 2)),
        ("rmse", (0, np.inf)),
        ("log_area_r2", (-np.inf, 1)),
        ("any_auroc", (0, 1)),
        ("type_map", (0, 1)),
        ("overlap", (-np.inf, np.inf)),  # ends in "ap", but is another word
    ],
)
def test_ranges_go_by_the_last_words(metric, ends):
    assert range_of(metric) == ends
