"""Records that are not what they should be: a line, or an answer, but never a traceback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.answers.compare import compared, facts, remarks, shown
from harness.answers.explain import explained
from harness.canonical import digest, slug
from harness.collection import select, sql, validate
from harness.collection.board import read_board
from harness.collection.printing import FORMS
from harness.gating import Declaration, gate, junit, markdown_summary
from harness.leaderboard import page_files
from harness.records import Record, Row, load_record, text_of, write_record
from harness.sample_files import write_samples, write_scores
from harness.site import site_files
from tests.harness.collection.test_collection import row
from tests.harness.collection.test_comparisons import keep, samples, scores

MODELS = ("good", "bad", "mid")
CURVE = [{"epoch": i, "loss": 1 / i, "srcc": 0.1 * i, "note": "x"} for i in (1, 2, 3)]
PLACES = [f"good/rated/{name}.json" for name in ("correlation", "significance", "fine-tune")]

TEXTS = st.text(max_size=6) | st.sampled_from(
    ["", "{}", "[]", "null", '{"a":1}', '{"a":["b","c"]}', "all", "srcc", "of=correlation", "..",
     "of=correlation versus=good", "of=x rank_low=", "=", "a" * 64, "circular", "good", "<b>$x$"]
)  # fmt: skip
NUMBERS = (
    st.integers(-3, 60)
    | st.integers()
    | st.floats()
    | st.sampled_from([2**63 - 1, -(2**63), 10**400, 1e308, -1e308, 5e-324, 0.5, 1.0, -0.0])
)
ANY = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
LIKE: dict[str, st.SearchStrategy[Any]] = {
    "str": TEXTS,
    "str | None": st.none() | TEXTS,
    "int": NUMBERS,
    "float | None": st.none() | NUMBERS,
    "tuple[str, ...]": st.lists(TEXTS, max_size=3),
}


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, Callable[[dict[str, Any]], None]]:
    """A place, and what to change in the content of its file."""
    place = draw(st.sampled_from(PLACES))
    part = draw(st.sampled_from(["row", "row", "rows", "rows", "gone", "lost", "fits", "other"]))
    at = draw(st.integers(0, 99))
    if part in ("row", "rows"):
        field = draw(st.sampled_from(fields(Row)))
        value = draw(LIKE[str(field.type)] if draw(st.booleans()) else ANY)

        def change(content: dict[str, Any]) -> None:
            rows = content["rows"]
            for each in rows if part == "rows" else [rows[at % len(rows)]]:
                each[field.name] = value

    elif part == "gone":

        def change(content: dict[str, Any]) -> None:
            del content["rows"][at % len(content["rows"])]

    elif part == "lost":
        name = draw(st.sampled_from(fields(Row))).name

        def change(content: dict[str, Any]) -> None:
            for each in content["rows"]:
                each.pop(name)

    elif part == "fits":
        value = draw(ANY)
        name = draw(st.sampled_from(["curve", "key", "seed", "epoch", "loss", "srcc", "all"]))

        def change(content: dict[str, Any]) -> None:
            if name == "all":
                content["fits"] = value
            elif name in CURVE[0]:
                content["fits"] = [{"curve": [each | {name: value} for each in CURVE]}]
            else:
                content["fits"] = [{"curve": CURVE, name: value}]

    else:
        name = draw(st.sampled_from(["failures", "warnings", "rows", "shared", "schema", "new"]))
        value = draw(ANY)

        def change(content: dict[str, Any]) -> None:
            content[name] = value

    return place, change


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of three models, compared with each other, of which one was fitted."""
    folder = keep(tmp_path_factory.mktemp("clean") / "records", *MODELS)
    labels = write_samples(folder, samples())
    for model in MODELS:
        table = scores(model)
        value = 0.9 - 0.1 * MODELS.index(model)
        about = {"dataset": "rated", "model": model, "n_expected": 50, "n_scored": 50}
        about |= {"scores": write_scores(folder, table), "samples": labels, "ci_high": 0.95}
        about |= {"published": 0.91, "published_source": "a paper"}
        rows = [row(**about, metric=m, value=value) for m in ("srcc", "plcc", "krcc")]
        rows += [row(**about, metric="srcc", subset="type=blur", value=value)]
        failures = {"score": {"s": "lost"}}
        write_record(folder, Record(tuple(rows), failures, slug(model), "correlation"))
    about |= {"model": "good", "protocol": "fine-tune"}
    rows = [row(**about, metric=m, value=0.5) for m in ("srcc", "plcc")]
    record = Record(tuple(rows), {}, "good", "fine-tune", {"s": "alpha"}, ({"curve": CURVE},))
    write_record(folder, record)
    return folder


def answers(folder: Path, clean: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """What people ask of a collection."""
    yield "validate", lambda: validate(folder)
    yield "read", lambda: read_board(folder)
    yield "page", lambda: page_files(folder)
    yield "site", lambda: site_files(folder)

    def compare() -> None:
        found = compared(read_board(folder), "good", "bad")
        assert found.summary
        for form in FORMS.values():
            form(shown(found)), form(facts(found))
        list(remarks(found))

    yield "compare", compare
    yield "explain", lambda: list(explained(read_board(folder), "good", None, None, {}))
    yield "sql", lambda: sql(select(folder), "SELECT * FROM records")
    for one, other in ((folder, clean), (clean, folder)):

        def judge(one: Path = one, other: Path = other) -> None:
            report = gate(one, other, Declaration(), False)
            markdown_summary(report), junit(report)

        yield "gate", judge


@given(edits())
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_any_edit_gives_an_answer_or_a_line(clean, tmp_path_factory, edit):
    place, change = edit
    folder = tmp_path_factory.mktemp("edited") / "records"
    shutil.copytree(clean, folder)
    record = json.loads((folder / place).read_text("utf-8"))
    content = {"schema": record["schema"], "shared": {}, "fits": record.get("fits", [])}
    content |= {name: record[name] for name in ("failures", "warnings")}
    content["rows"] = [{**record["shared"], **each} for each in record["rows"]]
    change(content)
    try:
        data = text_of({**content, "digest": digest(content)})
    except (ValueError, TypeError):  # what no digest can be had of, no digest fits
        data = json.dumps(content).encode()
    (folder / place).write_bytes(data)
    told: list[tuple[str, Exception]] = []
    for name, ask in answers(folder, clean):
        try:
            ask()
        except (ValueError, OSError) as error:
            told.append((name, error))
    assert [name for name, e in told if isinstance(e, UnicodeError) or "\n" in str(e)] == []
    shutil.rmtree(folder.parent)


def test_the_collection_as_it_is_has_all_answers(clean):
    assert [f.text for f in validate(clean) if not f.remark and " give " not in f.text] == []
    for _, ask in answers(clean, clean):
        ask()
    assert len(load_record(clean / PLACES[1]).rows) > 5
    assert np.isfinite(load_record(clean / PLACES[0]).rows[0].value)
