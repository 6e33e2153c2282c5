"""Comparisons that several people made: the largest stays whole, whatever comes first."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from harness.answers.compare import compared, remarks
from harness.canonical import slug
from harness.collection import add, merge, validate
from harness.collection.board import read_board
from harness.protocols.base import Entrant
from harness.protocols.significance import SIGNIFICANCE
from harness.records import Record, load_record, write_record
from harness.reports.ranks import fields
from harness.results_command import app
from harness.sample import Dataset, Sample
from harness.source import FileSource
from tests.harness.collection.test_collection import files, row, whats

RUNNER = CliRunner()
NOISE = {"good": 0.5, "bad": 2.0, "mid": 1.0, "new": 0.7, "old": 1.5, "odd": 1.2}
N = 50


def samples() -> tuple[Sample, ...]:
    labels = np.random.default_rng(0).normal(size=N)
    return tuple(
        Sample(f"s{i:02}", FileSource(Path("x")), f"c{i // 2}", float(y))
        for i, y in enumerate(labels)
    )


def scores(model: str) -> dict[str, float]:
    rng = np.random.default_rng(list(NOISE).index(model))
    return {s.id: float(s.label + NOISE[model] * rng.normal()) for s in samples()}


def keep(
    folder: Path, *models: str, of: tuple[str, ...] = ("correlation",), **same: object
) -> Path:
    """The records that a run of ``models`` with ``significance`` writes."""
    entrants = tuple(Entrant(m, each, 0.5, scores(m)) for m in models for each in of)
    about = {"dataset": "rated", "n_expected": N, "n_scored": N, **same}
    found = SIGNIFICANCE.evaluate(Dataset("rated", samples(), label_kind="mos"), entrants, 0)
    for model, measures in found.items():
        rows = tuple(
            row(model=model, protocol="significance", protocol_version="1", subset=m.subset,
                metric=m.metric, value=m.value, ci_low=m.ci_low, ci_high=m.ci_high,
                ci_method=m.ci_method, reason=m.reason, **about)
            for m in measures
        )  # fmt: skip
        write_record(folder, Record(rows, {}, slug(model), "significance"))
        own = row(model=model, value=0.5, **about)
        write_record(folder, Record((own,), {}, slug(model), "correlation"))
    return folder


def standing(folder: Path) -> list[tuple[list[str], tuple[str, ...]]]:
    """Who is ranked among whom, and who is apart."""
    found = (f for group in read_board(folder).groups for f in fields(group))
    return [(sorted(e.label for e in f.entries), f.apart) for f in found]


def test_the_larger_of_two_comparisons_is_kept_whole_and_that_is_said(tmp_path):
    keep(tmp_path / "one", "good", "bad", "mid")
    keep(tmp_path / "two", "good", "new")
    merged = merge([tmp_path / "one", tmp_path / "two"], tmp_path / "out")
    assert merged.conflicts == ()
    assert merged.kept == (
        "rated: kept correlation of 3 models (bad, good, mid), not correlation of 2 models "
        "(good, new): more models",
    )
    assert standing(tmp_path / "out") == [(["bad", "good", "mid"], ("new",))]
    assert validate(tmp_path / "out") == []
    merge([tmp_path / "two", tmp_path / "one"], tmp_path / "turned")
    assert files(tmp_path / "turned") == files(tmp_path / "out")


@pytest.mark.parametrize(
    "runs",
    [
        [("good", "bad"), ("good", "mid"), ("good", "new")],  # as large as each other
        [("good", "bad", "mid"), ("good", "bad", "new"), ("old", "good", "bad")],
        [("good", "bad", "mid"), ("good", "new", "old", "odd"), ("mid", "bad"), ("new", "odd")],
    ],
)
def test_the_order_of_merging_makes_no_difference(tmp_path, runs):
    folders = [keep(tmp_path / str(i), *models) for i, models in enumerate(runs)]
    found = []
    for i, order in enumerate(permutations(folders)):
        out, steps = tmp_path / f"out{i}", tmp_path / f"steps{i}"
        assert merge(order, out).conflicts == ()
        for folder in order:
            assert merge([folder], steps).conflicts == ()
        assert files(out) == files(steps)
        found.append(files(out))
        (whole,) = standing(out)
        assert len(whole[0]) == max(map(len, runs))  # one is whole, and none is in pieces with it
    assert all(each == found[0] for each in found)


def test_adding_keeps_the_larger_and_takes_all_else(tmp_path):
    kept = keep(tmp_path / "kept", "good", "bad", "mid")
    run = keep(tmp_path / "run", "good", "new")
    before = files(kept)
    changes = {change.place: change for change in add(run, kept)}
    assert changes["good/rated/significance.json"].what == "kept"
    assert changes["good/rated/significance.json"].why.startswith("kept correlation of 3 models ")
    assert changes["good/rated/correlation.json"].what == "equal"
    assert changes["new/rated/significance.json"].what == "new"
    assert {k: v for k, v in files(kept).items() if not k.startswith("new/")} == before
    assert standing(kept) == [(["bad", "good", "mid"], ("new",))]
    assert set(whats(add(run, kept))) == {"equal", "kept"}

    add(keep(tmp_path / "all", "good", "bad", "mid", "new"), kept)
    assert standing(kept) == [(["bad", "good", "mid", "new"], ())]
    assert set(whats(add(run, kept))) == {"equal", "kept"}


def test_replacing_says_which_comparison_is_given_up(tmp_path):
    kept = keep(tmp_path / "kept", "good", "bad", "mid")
    changes = add(keep(tmp_path / "run", "good", "new"), kept, replace=True)
    (change,) = (c for c in changes if c.what == "replaced")
    assert change.why.startswith("given up: correlation of 3 models (bad, good, mid); ")
    assert standing(kept) == [(["good", "new"], ("bad", "mid"))]


def test_comparisons_under_several_protocols_are_kept_side_by_side(tmp_path):
    one = keep(tmp_path / "one", "good", "bad", "mid")
    two = keep(tmp_path / "two", "good", "bad", of=("correlation", "linear-probe"))
    for i, order in enumerate(permutations((one, two))):
        merge(order, tmp_path / f"out{i}")
    assert files(tmp_path / "out0") == files(tmp_path / "out1")
    found = [
        sorted({r.subset for r in load_record(tmp_path / f"out0/{m}/rated/significance.json").rows})
        for m in ("good", "mid")
    ]
    assert found == [
        [
            *("of=correlation", "of=correlation versus=bad", "of=correlation versus=mid"),
            *("of=linear-probe", "of=linear-probe versus=bad"),
        ],
        ["of=correlation", "of=correlation versus=bad", "of=correlation versus=good"],
    ]
    (change,) = (c for c in add(two, one) if c.place == "good/rated/significance.json")
    assert change.what == "replaced"
    assert files(one) == files(tmp_path / "out0")


def test_a_run_with_nothing_to_compare_gives_way(tmp_path):
    one = keep(tmp_path / "one", "good", "bad")
    alone = keep(tmp_path / "alone", "good")
    for order in permutations((one, alone)):
        out = tmp_path / f"out-{order[0].name}"
        assert merge(order, out).conflicts == ()
        assert files(out) == files(one)
    assert set(whats(add(alone, one))) == {"equal", "kept"}
    path = "good/rated/significance.json"
    nothing = load_record(alone / path)
    rows = (replace(nothing.rows[0], subset="all", reason="nothing to compare"),)
    write_record(alone, replace(nothing, rows=rows))
    assert set(whats(add(alone, one))) == {"equal", "kept"}


def test_two_results_of_one_comparison_are_a_conflict_as_all_else_is(tmp_path):
    kept = keep(tmp_path / "kept", "good", "bad")
    run = keep(tmp_path / "run", "good", "bad", seed=1)
    assert "refused" in whats(add(run, kept))
    places = {each.place for each in merge([kept, run], tmp_path / "out").conflicts}
    assert "good/rated/significance.json" in places
    assert not (tmp_path / "out").exists()


def test_other_weights_take_the_place_and_it_is_said_what_that_breaks(tmp_path):
    kept = keep(tmp_path / "kept", "good", "bad", "mid")
    run = keep(tmp_path / "run", "good", "new", weights="7" * 64)
    change = next(c for c in add(run, kept) if c.place == "good/rated/significance.json")
    assert change.what == "replaced"
    assert change.why.startswith("given up: correlation of 3 models (bad, good, mid); weights ")
    assert "good/rated/significance.json" in {
        each.place
        for each in merge([tmp_path / "run", keep(tmp_path / "x", "good", "bad")], kept).conflicts
    }


def test_what_compare_says_to_type_is_taken(tmp_path):
    kept = keep(tmp_path / "kept", "good", "bad", "mid")
    add(keep(tmp_path / "run", "good", "new"), kept)
    (told,) = (line for line in remarks(compared(read_board(kept), "new", "bad"))
               if line.startswith("To test"))  # fmt: skip
    assert "--models new,bad,good,mid --datasets rated " in told
    assert {"kept", "refused"}.isdisjoint(
        whats(add(keep(tmp_path / "all", "bad", "good", "mid", "new"), kept))
    )
    assert not [x for x in remarks(compared(read_board(kept), "new", "bad")) if "To test" in x]


def test_the_commands_say_what_was_kept(tmp_path):
    keep(tmp_path / "one", "good", "bad", "mid")
    keep(tmp_path / "two", "good", "new")
    said = ["merge", *(str(tmp_path / n) for n in ("one", "two")), "--out", str(tmp_path / "out")]
    result = RUNNER.invoke(app, said, catch_exceptions=False)
    assert result.exit_code == 0
    assert result.output.startswith("kept      rated: kept correlation of 3 models (bad, good, ")
    said = ["add", str(tmp_path / "two"), "--records", str(tmp_path / "one")]
    result = RUNNER.invoke(app, said, catch_exceptions=False)
    assert result.exit_code == 0
    assert "kept      good/rated/significance.json: kept correlation of 3 models" in result.output
    assert result.output.endswith("2 new, 1 equal, 0 replaced, 0 refused, 1 kept\n")
