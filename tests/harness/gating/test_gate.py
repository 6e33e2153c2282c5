"""The gate on real records: what is broken is seen, what is well passes, and the code says it."""

from __future__ import annotations

import errno
import importlib.util
import json
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
from typer.testing import CliRunner

from harness import atomic, run
from harness.gate_command import gate as command
from harness.gating import Declaration, Pattern, Verdict, gate
from harness.model import Weights
from tests.harness.gating.small import (
    GOLDEN,
    Smoothness,
    change,
    dataset,
    made_on,
    records,
    relabeled,
    sign,
    verdicts,
    why,
)

# What is broken -----------------------------------------------------------------------------


def test_the_same_model_passes_on_every_machine(tmp_path):
    report = gate(GOLDEN, records(tmp_path, Smoothness()))
    assert report.code == 0
    assert verdicts(report)["Reproduction"] in (Verdict.SAME, Verdict.WITHIN)
    assert verdicts(report)["Performance"] in (Verdict.SAME, Verdict.NO_WORSE)


def test_a_wrong_resize_does_not_reproduce_even_where_it_is_better(against):
    report = against(Smoothness(antialias=False))
    assert report.code == 1
    assert verdicts(report) == {
        "Reproduction": Verdict.DIFFERS,
        "Performance": Verdict.BETTER,
    }
    assert "SD of the scores, at scene" in why(report, "Reproduction")


def test_a_changed_pin_moves_scores_a_little_and_is_named(copy, tmp_path):
    """As another version of a library does: no rank changes, yet every score does."""
    path = made_on(records(tmp_path / "candidate", Smoothness(noise=1e-4)), "one kind")
    header = json.loads((path / "run.json").read_text())
    header["packages"]["torch"] = "1.0"
    (path / "run.json").write_text(json.dumps(header))
    report = gate(made_on(copy, "one kind"), path)
    assert report.code == 1
    assert verdicts(report)["Reproduction"] is Verdict.DIFFERS
    assert report.about("Performance")[0].effect.value == 0
    assert any("torch" in note and "→ 1.0" in note for note in report.notes)


def test_other_weights_under_the_same_version_do_not_reproduce(against):
    weights = (Weights("w", "ab" * 32),)
    report = against(Smoothness(weights=weights))
    assert report.code == 1
    assert "weights none → abababababab… under one version" in why(report, "Reproduction")


def test_a_dropped_image_is_not_comparable(against):
    report = against(Smoothness(), dataset(broken=["scene03_2"]))
    assert report.code == 2
    assert set(verdicts(report).values()) == {Verdict.NOT_COMPARABLE}
    assert "72 → 71 samples" in why(report, "Reproduction")
    assert "scene03_2: the file is truncated" in why(report, "Reproduction")


def test_a_flipped_sign_has_regressed(against):
    report = against(Smoothness(sign=1))
    assert report.code == 1
    assert verdicts(report)["Performance"] is Verdict.REGRESSED
    (finding,) = report.about("Performance")
    assert finding.effect.value == pytest.approx(-2 * finding.effect.before)


def test_a_new_version_is_asked_for_its_performance_alone(against):
    report = against(Smoothness(antialias=False, version="2"))
    assert report.code == 0
    assert verdicts(report) == {"Reproduction": Verdict.CHANGED, "Performance": Verdict.BETTER}


def test_a_new_version_that_is_worse_has_regressed(against):
    assert against(Smoothness(noise=5, version="2")).code == 1


def test_a_model_declared_changed_is_asked_for_its_performance_alone(against):
    report = against(Smoothness(antialias=False), wanted=Declaration(changed=("smoothness",)))
    assert (report.code, verdicts(report)["Reproduction"]) == (0, Verdict.CHANGED)


def test_changed_labels_are_not_comparable(against):
    report = against(Smoothness(), relabeled(dataset(), 0.5))
    assert report.code == 2
    assert "not the same labels" in why(report, "Reproduction")


def test_a_missing_record_is_not_comparable(copy, tmp_path):
    shutil.copytree(
        copy / "records" / "smoothness" / "drawn",
        other := tmp_path / "other" / "records" / "else" / "drawn",
    )
    text = (other / "correlation.json").read_text().replace('"smoothness"', '"else"')
    sign(other / "correlation.json", json.loads(text))
    shutil.copytree(copy / "records" / "scores", tmp_path / "other" / "records" / "scores")
    report = gate(GOLDEN, tmp_path / "other")
    assert report.code == 2
    assert why(report, "Reproduction") == "the candidate has no such row"
    assert any("5 rows of the candidate alone" in note for note in report.notes)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("images_hash", "0" * 64, "not the same images"),
        ("protocol_version", "99", "not the same version of the protocol"),
        ("decoding", "other@1", "not the same decoding of images"),
        ("seed", 7, "not the same seed: 0 → 7"),
    ],
)
def test_what_was_not_measured_alike_is_not_compared(copy, field, value, words):
    change(copy, **{field: value})
    report = gate(GOLDEN, copy)
    assert report.code == 2
    assert words in why(report, "Reproduction")


def test_changed_code_of_one_version_is_told_though_finished_work_hides_it(tmp_path):
    def judged(code: str, out: str, version: str = "1"):
        """The records of ``code``, with the cache of all others."""
        (tmp_path / "edge.py").write_text(
            "from tests.harness.gating.small import Smoothness\n"
            f"class Edge(Smoothness):\n    def score(self, images):\n        return {code}\n"
        )
        # No bytecode of the file as it was: both are written within a second.
        spec = importlib.util.spec_from_file_location("edge", tmp_path / "edge.py")
        module = importlib.util.module_from_spec(spec)
        exec(compile((tmp_path / "edge.py").read_text(), tmp_path / "edge.py", "exec"),
             vars(module))  # fmt: skip
        sys.modules["edge"] = module
        try:
            run([module.Edge(version=version)], [dataset()], ["correlation"], workers=1,
                out=tmp_path / out, cache=tmp_path / "cache", progress=False)  # fmt: skip
        finally:
            del sys.modules["edge"]
        return tmp_path / out

    old = judged("super().score(images)", "old")
    again = judged("super().score(images)", "again")
    stale = judged("-super().score(images)", "stale")
    told = "warning: the code of smoothness changed, its version did not"
    report = gate(old, stale)
    assert report.code == 0  # the scores are those of the old code
    (note,) = [note for note in report.notes if "code of" in note]
    assert note.startswith(told)
    assert '--cache "$(mktemp -d)"' in note
    newer = judged("-super().score(images)", "newer", version="2")
    for candidate in (again, newer):
        assert not any("code of" in note for note in gate(old, candidate).notes)


def test_scores_that_are_not_there_or_not_what_they_were_are_not_compared(copy):
    (path,) = (copy / "records" / "scores").iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert "do not match their checksum" in why(gate(GOLDEN, copy), "Reproduction")
    path.unlink()
    report = gate(GOLDEN, copy)
    assert report.code == 2
    assert "not beside its records" in why(report, "Reproduction")


def test_a_value_that_its_scores_do_not_give_is_seen(copy):
    (path,) = (copy / "records").glob("*/*/*.json")
    content = json.loads(path.read_text())
    (row,) = (row for row in content["rows"] if row["metric"] == "srcc")
    row["value"] += 0.1
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="was edited after it was written"):
        gate(copy, GOLDEN)
    sign(path, content)
    report = gate(copy, GOLDEN)
    assert report.code == 1
    assert "from the same scores" in why(report, "Reproduction")


def test_one_side_needs_to_keep_contents_and_labels(copy):
    shutil.rmtree(copy / "records" / "samples")
    assert gate(copy, GOLDEN).code == 0
    assert gate(GOLDEN, copy).code == 0
    report = gate(copy, copy)
    assert (report.code, verdicts(report)["Reproduction"]) == (2, Verdict.SAME)


def test_the_candidate_cannot_loosen_the_tolerance(against):
    assert against(Smoothness(noise=1e-4, tolerance={"cpu": 1.0})).code == 1


def test_the_tolerance_of_the_baseline_counts(tmp_path):
    old = records(tmp_path / "old", Smoothness(tolerance={"cpu": 1e-3}))
    report = gate(old, records(tmp_path / "new", Smoothness(noise=1e-4)))
    assert (report.code, verdicts(report)["Reproduction"]) == (0, Verdict.WITHIN)


# What is declared ---------------------------------------------------------------------------


def test_metrics_are_tested_together(against):
    rows = tuple(Pattern(metric=name) for name in ("srcc", "plcc", "krcc"))
    report = against(Smoothness(sign=1), wanted=Declaration(rows=rows))
    found = report.about("Performance")
    assert {f.verdict for f in found} == {Verdict.REGRESSED}
    assert {f.subject[3] for f in found} == {"srcc", "plcc", "krcc"}


def test_a_large_margin_lets_a_drop_pass(against):
    model = Smoothness(noise=5, version="2")
    wanted = Declaration(margin=0.8)
    assert verdicts(against(model, wanted=wanted))["Performance"] is Verdict.NO_WORSE


def test_a_metric_without_a_paired_test_is_not_comparable_where_it_is_asked_for(against):
    report = against(Smoothness(), wanted=Declaration(rows=(Pattern(metric="rmse"),)))
    assert report.code == 2
    assert "rmse cannot be had from per-sample scores" in why(report, "Performance")


@pytest.mark.parametrize(
    "wanted",
    [
        Declaration(rows=(Pattern(metric="srrc"),)),
        Declaration(rows=(Pattern(metric="srcc", dataset="else"),)),
        Declaration(changed=("smothness",)),
    ],
)
def test_a_declaration_of_nothing_is_refused(wanted):
    with pytest.raises(ValueError, match="declared"):
        gate(GOLDEN, GOLDEN, wanted)


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no records"):
        gate(GOLDEN, tmp_path)


# The command --------------------------------------------------------------------------------


@pytest.fixture
def call(tmp_path):
    app = typer.Typer()
    app.command()(command)

    def run(*arguments):
        return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "120"})

    return run


def test_the_command_writes_what_ci_reads_and_exits_with_the_verdict(call, tmp_path):
    candidate = records(tmp_path / "candidate", Smoothness(sign=1))
    summary, xml = tmp_path / "new" / "gate.md", tmp_path / "new" / "gate.xml"
    result = call(
        *("--baseline", GOLDEN, "--candidate", candidate),
        *("--summary", summary, "--junit", xml),
    )
    assert result.exit_code == 1, result.output
    assert "gate: failed" in result.output
    assert "regressed" in result.output
    assert "❌" in summary.read_text().splitlines()[0]
    suites = ElementTree.parse(xml).getroot()
    assert (suites.get("tests"), suites.get("failures")) == ("2", "2")
    assert suites.find(".//failure[@type='regressed']") is not None


def test_the_command_reads_a_declaration(call, tmp_path):
    declared = tmp_path / "gate.yaml"
    declared.write_text("rows: [{metric: plcc, margin: 0.01}]\nchanged: [smoothness]\n")
    candidate = records(tmp_path / "candidate", Smoothness(antialias=False))
    folders = ("--baseline", GOLDEN, "--candidate", candidate)
    result = call(*folders, "--declare", declared)
    assert result.exit_code == 0, result.output
    assert "plcc" in result.output
    both = call(*folders, "--declare", declared, "--metric", "srcc")
    assert "give one" in str(both.exception)


@pytest.mark.parametrize(
    "text",
    [
        *("rows: [{metrik: srcc}]", "[1", "margin: -1", "rows: 3", "margin: .inf", "margin: .nan"),
        "margin: 1.0e400",
        "rows: [{metric: srcc, margin: .inf}]",
    ],
)
def test_a_declaration_that_is_none_is_refused_by_name(call, tmp_path, text):
    declared = tmp_path / "gate.yaml"
    declared.write_text(text)
    result = call("--baseline", GOLDEN, "--candidate", GOLDEN, "--declare", declared)
    assert isinstance(result.exception, ValueError)
    assert "gate.yaml" in str(result.exception)
    assert "\n" not in str(result.exception).strip() or "YAML" in str(result.exception)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--margin", "inf"], "--margin inf: give a finite number, 0 or more"),
        (["--margin", "1e400"], "--margin inf: give a finite number, 0 or more"),
        (["--margin", "nan"], "--margin nan: give a finite number, 0 or more"),
        (["--margin", "-1"], "--margin -1.0: give a finite number, 0 or more"),
        (["--summary", "{}/x"], "--summary {0}/x: a folder; name a file, e.g. {0}/x/gate.md"),
        (["--junit", "{}/x"], "--junit {0}/x: a folder; name a file, e.g. {0}/x/gate.xml"),
        (["--junit", "{}/file/new/x"], "--junit {0}/file/new/x: {0}/file is no folder"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_work(call, tmp_path, words, error):
    (tmp_path / "x").mkdir()
    (tmp_path / "file").touch()
    result = call(
        *("--baseline", GOLDEN, "--candidate", GOLDEN),
        *(word.format(tmp_path) for word in words),
    )
    assert isinstance(result.exception, ValueError)
    assert str(result.exception) == error.format(tmp_path)
    assert result.output == ""


def test_a_folder_that_cannot_be_written_is_said_before_the_work(call, tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    at = tmp_path / "new" / "gate.md"
    result = call("--baseline", GOLDEN, "--candidate", GOLDEN, "--summary", at)
    assert str(result.exception) == f"--summary {at}: {tmp_path} cannot be written to"
    assert not at.parent.exists()


def test_one_file_that_could_not_be_written_does_not_cost_the_other(call, tmp_path, monkeypatch):
    real = atomic.write_atomic

    def write(path: Path, data: bytes) -> None:
        if path.suffix == ".md":
            raise OSError(errno.ENOSPC, "No space left on device", ".h7rnc1tm.tmp")
        real(path, data)

    monkeypatch.setattr(atomic, "write_atomic", write)
    summary, junit = tmp_path / "gate.md", tmp_path / "gate.xml"
    result = call(
        *("--baseline", GOLDEN, "--candidate", GOLDEN, "--summary", summary, "--junit", junit)
    )
    assert str(result.exception) == f"--summary {summary}: not written: No space left on device"
    assert "gate: passed" in result.output
    assert junit.exists()
