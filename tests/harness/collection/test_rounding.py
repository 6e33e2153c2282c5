"""Records made on two kinds of processors: they do not contradict each other, but others do."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from harness.collection import add, merge, validate
from harness.collection.rounding import but_for_rounding
from harness.model import OTHER_PROCESSOR as MOST
from harness.records import Record, load_record, write_record
from harness.results_command import app
from harness.sample_files import write_samples, write_scores
from tests.harness.collection.test_collection import files, row, whats
from tests.harness.collection.test_comparisons import keep as compare
from tests.harness.collection.test_comparisons import samples

RUNNER = CliRunner()
N = 50
CURVE = ({"epoch": 1, "loss": 0.5},)
WHY = "equal but for rounding (largest difference {}), as between two kinds of processors"


def scores(shift: float = 0.0) -> dict[str, float]:
    """Scores with a standard deviation of one, of which one is ``shift`` off; one is NaN."""
    values = np.random.default_rng(0).normal(size=N)
    values = (values - values.mean()) / values.std()
    values[3] += shift
    return {"nan": float("nan")} | {f"s{i:02}": float(v) for i, v in enumerate(values)}


def keep(
    folder: Path, *, shift: float = 0.0, scored: Any = None, parts: Any = None, **changes: Any
) -> Path:
    """A record of a value with scores, one without, and one that is beyond what was measured."""
    name = write_scores(folder, scored or scores(shift))
    counts = {"n_expected": N + 1, "n_scored": N, "n_failed": 1}
    rows = [
        row(**{**counts, "scores": name, **changes}),
        row(metric="plcc", scores=None, **counts),
        row(metric="threshold", value=None, ci_low=0.25, ci_high=None, scores=name, **counts,
            reason=f"never; 95 % interval from {0.25 + shift:.9f} to never"),
    ]  # fmt: skip
    fit = {"key": "k", "seed": 1, "curve": CURVE}
    record = Record(tuple(rows), {"score": {"x": "lost"}}, "alpha", "correlation", {}, (fit,))
    record = replace(record, **(parts or {}))
    write_record(folder, record)
    return folder


def told(one: Path, other: Path) -> str:
    place = "alpha/tiny/correlation.json"
    found = [but_for_rounding(load_record(a / place), a, load_record(b / place), b)
             for a, b in ((one, other), (other, one))]  # fmt: skip
    assert len(set(found)) == 1
    return found[0]


@pytest.mark.parametrize(
    ("changes", "largest"),
    [
        ({"shift": 6.2e-5}, "6.2e-05 SD of the scores"),
        (
            {"shift": 0.9 * MOST, "value": 0.509, "ci_low": 0.2405},
            f"{0.9 * MOST:.2g} SD of the scores",
        ),
        ({"value": 0.5000001, "ci_low": 0.25001}, "1e-05 of the values"),
        ({"parts": {"fits": ({"key": "k", "seed": 1, "curve": ()},)}}, "0 of the values"),
    ],
)
def test_what_differs_by_rounding_is_no_contradiction(tmp_path, changes, largest):
    kept, run = keep(tmp_path / "kept"), keep(tmp_path / "run", **changes)
    why = WHY.format(largest)
    assert told(kept, run) == why
    before = files(kept)
    (change,) = add(run, kept)
    assert (change.what, change.why) == ("kept", why)
    assert files(kept) == before
    found = []
    for i, order in enumerate(permutations((kept, run))):
        out, steps = tmp_path / f"out{i}", tmp_path / f"steps{i}"
        merged = merge(order, out)
        assert merged.conflicts == ()
        (line,) = merged.kept
        assert line.startswith("alpha/tiny/correlation.json: that of ")
        assert line.endswith(why)
        for folder in order:
            assert merge([folder], steps).conflicts == ()
        assert files(steps) == files(out)  # no scores are left behind
        found.append(files(out))
        assert [fault for fault in validate(out) if not fault.remark] == []
    assert found[0] == found[1]
    assert found[0] in (files(kept), files(run))

    assert whats(add(run, kept, replace=True)) == ["replaced"]
    assert files(kept) == files(run)


@pytest.mark.parametrize(
    "changes",
    [
        {"shift": 1.1 * MOST},
        {"shift": 1e-5, "value": 0.52},
        {"shift": 1e-5, "ci_high": 0.77},
        {"shift": 1e-5, "ci_low": None},
        {"value": 0.505},  # of the same scores
        {"scored": {name: value for name, value in scores().items() if name != "s01"}},
        {"scored": scores() | {"nan": 0.0}},
        {"marks": ("circular",)},
        {"seed": 1},
        {"contamination": "labels"},
        {"n_scored": N - 1},
        {"reason": "another"},
        {"scores": None},
        {"metric": "krcc"},
        {"parts": {"failures": {}}},
        {"parts": {"warnings": {"s01": "alpha dropped"}}},
        {"parts": {"fits": ({"key": "other", "seed": 1, "curve": CURVE},)}},
    ],
)
def test_all_else_is_refused_and_a_conflict(tmp_path, changes):
    kept, run = keep(tmp_path / "kept"), keep(tmp_path / "run", **changes)
    assert told(kept, run) == ""
    assert whats(add(run, kept)) == ["refused"]
    assert len(merge([kept, run], tmp_path / "out").conflicts) == 1
    assert not (tmp_path / "out").exists()


def test_values_without_scores_lie_nearer(tmp_path):
    for name, value in {"one": 100.0, "near": 100.09, "far": 100.11}.items():
        rows = (row(metric="rmse", value=value, ci_low=None, ci_high=None),)
        write_record(tmp_path / name, Record(rows, {}, "alpha", "correlation"))
    assert told(tmp_path / "one", tmp_path / "near") == WHY.format("0.0009 of the values")
    assert told(tmp_path / "one", tmp_path / "far") == ""


def test_of_three_none_may_contradict_another(tmp_path):
    ends = {"low": 0.0, "mid": 0.6 * MOST, "high": 1.2 * MOST}
    folders = [keep(tmp_path / name, shift=shift) for name, shift in ends.items()]
    found = [merge(order, tmp_path / "out").conflicts for order in permutations(folders)]
    assert all(len(each) == 1 for each in found)
    places = {frozenset((each.one.name, each.other.name)) for (each,) in found}
    assert places == {frozenset(("low", "high"))}


def test_labels_beside_one_of_two_equal_records_are_not_lost(tmp_path):
    kept, run, out = (tmp_path / name for name in ("kept", "run", "out"))
    name = write_samples(run, samples())
    for folder in (kept, run):
        keep(folder, samples=name, subset="type=noise")
    for order in permutations((kept, run)):
        merge(order, out / order[0].name)
        assert files(out / order[0].name) == files(run)


def nudged(folder: Path, source: Path) -> Path:
    """The comparisons of ``source``, rounded otherwise."""
    for path in source.glob("*/*/significance.json"):
        record = load_record(path)
        rows = tuple(
            replace(r, value=r.value - 1e-6)
            if r.metric in ("srcc", "srcc_difference") and r.value is not None
            else r
            for r in record.rows
        )
        write_record(folder, replace(record, rows=rows))
    return folder


def test_comparisons_that_differ_by_rounding_are_kept_of_one_run(tmp_path):
    one = compare(tmp_path / "one", "good", "bad", "mid")
    two = nudged(tmp_path / "two", one)
    before = files(one)
    assert set(whats(add(two, one))) == {"kept"}
    assert files(one) == before
    for i, order in enumerate(permutations((one, two))):
        merged = merge(order, tmp_path / f"out{i}")
        assert merged.conflicts == ()
        assert all(
            line.startswith("rated: correlation of 3 models (bad, good, mid): equal but for ")
            for line in merged.kept
        )
        assert len(merged.kept) >= 1
    assert files(tmp_path / "out0") == files(tmp_path / "out1")
    assert files(tmp_path / "out0").items() <= {*files(one).items(), *files(two).items()}


def test_the_commands_tell_of_it_and_succeed(tmp_path):
    kept, run = keep(tmp_path / "kept"), keep(tmp_path / "run", shift=6.2e-5)
    result = RUNNER.invoke(app, ["add", str(run), "--records", str(kept)], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.output == (
        f"kept      alpha/tiny/correlation.json: {WHY.format('6.2e-05 SD of the scores')}\n"
        "0 new, 0 equal, 0 replaced, 0 refused, 1 kept\n"
    )
    said = ["merge", str(kept), str(run), "--out", str(tmp_path / "out")]
    result = RUNNER.invoke(app, said, catch_exceptions=False)
    assert result.exit_code == 0
    assert result.output.startswith("kept      alpha/tiny/correlation.json: that of ")
