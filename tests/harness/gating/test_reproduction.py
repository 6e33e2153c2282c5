"""Whether numbers are what they were: what processors allow, and which samples changed."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.gating import Verdict, gate
from harness.gating.tolerance import allowed
from harness.model import OTHER_PROCESSOR, TOLERANCE
from harness.sample import Dataset
from harness.sample_files import read_scores, write_scores
from tests.harness.gating.small import (
    GOLDEN,
    Drawn,
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
from tests.harness.gating.test_performance import row

# Another kind of processor ------------------------------------------------------------------


def moved(folder: Path, sds: float) -> Path:
    """The records of ``folder``, with the score of one sample moved by so many SDs."""
    (path,) = (folder / "records" / "scores").iterdir()
    scores = read_scores(folder / "records", path.stem)
    scores["scene00_1"] += sds * float(np.std(list(scores.values())))
    change(folder, scores=write_scores(folder / "records", scores))
    return folder


@pytest.mark.parametrize(
    ("processors", "sds", "verdict", "words"),
    [
        (("a", "a"), 1e-4, Verdict.DIFFERS, "1e-06 is allowed (cpu)"),
        (("a", "a"), 1e-7, Verdict.WITHIN, "1e-06 is allowed (cpu)"),
        (("a", "b"), 1e-4, Verdict.WITHIN, "(cpu; another kind of processor)"),
        (("a", "b"), 0.1, Verdict.DIFFERS, "(cpu; another kind of processor)"),
        (("a", None), 1e-4, Verdict.WITHIN, "(cpu; the kind of processor is not known on both"),
        (("unknown", "unknown"), 1e-4, Verdict.WITHIN, "is not known on both sides)"),
    ],
)
def test_another_kind_of_processor_may_give_slightly_other_scores(
    copy, tmp_path, processors, sds, verdict, words
):
    old = made_on(Path(shutil.copytree(copy, tmp_path / "old")), processors[0])
    report = gate(old, made_on(moved(copy, sds), processors[1]))
    assert verdicts(report)["Reproduction"] is verdict
    assert words in why(report, "Reproduction")


@pytest.mark.parametrize("model", [Smoothness(antialias=False), Smoothness(sign=1)])
def test_what_is_broken_is_seen_on_another_kind_of_processor_too(tmp_path, model):
    report = gate(GOLDEN, made_on(records(tmp_path, model), "another"))
    assert verdicts(report)["Reproduction"] is Verdict.DIFFERS


def test_records_without_a_header_are_of_no_known_processor(copy, tmp_path):
    old = Path(shutil.copytree(copy / "records", tmp_path / "kept"))
    report = gate(old, made_on(moved(copy, 1e-4), "a"))
    assert verdicts(report)["Reproduction"] is Verdict.WITHIN


def test_a_card_that_asks_for_exactness_gets_it_on_one_kind_of_processor(copy, tmp_path):
    change(copy, tolerance=0)
    old = made_on(Path(shutil.copytree(copy, tmp_path / "old")), "a")
    new = moved(copy, 1e-7)
    found = [verdicts(gate(old, made_on(new, each)))["Reproduction"] for each in ("a", "b")]
    assert found == [Verdict.DIFFERS, Verdict.WITHIN]


@pytest.mark.parametrize(("processor", "verdict"), [("a", Verdict.DIFFERS), ("b", Verdict.WITHIN)])
def test_values_without_scores_may_differ_as_scores_may(copy, tmp_path, processor, verdict):
    change(copy, scores=None, samples=None)
    old = made_on(Path(shutil.copytree(copy, tmp_path / "old")), "a")
    (path,) = (copy / "records").glob("*/*/*.json")
    content = json.loads(path.read_text())
    content["rows"][0]["value"] += 1e-4
    sign(path, content)
    report = gate(old, made_on(copy, processor))
    assert verdicts(report)["Reproduction"] is verdict
    assert "without per-sample scores" in why(report, "Reproduction")


@pytest.mark.parametrize("devices", [("cpu", "cuda"), ("cuda", "cpu")])
def test_of_two_kinds_of_device_the_looser_tolerance_counts(devices):
    old, new = (row(device=each, tolerance=None) for each in devices)
    loose = replace(new, tolerance=0.5)
    assert allowed(old, new, ("a", "a")).most == max(OTHER_PROCESSOR, TOLERANCE["cuda"])
    assert str(allowed(old, loose, ("a", "a"))) == f"0.5 is allowed ({' → '.join(devices)})"


# Which samples changed ----------------------------------------------------------------------


def others(*samples) -> Dataset:
    return replace(dataset(), samples=samples)


def test_samples_that_are_gone_are_told(against):
    report = against(Smoothness(), others(*dataset().samples[3:]))
    assert report.code == 2
    told = why(report, "Reproduction")
    assert told.startswith("not the same images: ")
    assert told.endswith(
        "; N 72 → 69; 3 samples of the baseline are not in the candidate, first scene00_1"
    )


def test_samples_that_are_new_are_told(against):
    first, *rest = dataset().samples
    told = why(against(Smoothness(), others(replace(first, id="new"), *rest)), "Reproduction")
    assert "N 72" not in told
    assert told.endswith(
        "; 1 sample of the baseline is not in the candidate, first scene00_1"
        "; 1 sample of the candidate is not in the baseline, first new"
    )


def test_samples_that_failed_are_told(against):
    first, second, *rest = dataset().samples
    gone = [replace(each, source=Drawn(99, 1, broken=True)) for each in (first, second)]
    told = why(against(Smoothness(), others(*gone, *rest)), "Reproduction")
    assert told.endswith(
        "; 2 failed in the candidate alone, first scene00_1: the file is truncated"
    )


def test_a_picture_that_changed_is_told_by_its_score(against):
    first, *rest = dataset().samples
    turned = others(*rest[:9], replace(rest[9], source=Drawn(99, 3)), *rest[10:], first)
    told = why(against(Smoothness(), turned), "Reproduction")
    assert told.endswith(f"; the scores of 1 of 72 samples differ, first {rest[9].id}")
    told = why(against(Smoothness(version="2"), turned), "Reproduction")
    assert told.endswith("; N, ids and labels are the same")  # all scores are another model's


def test_labels_that_changed_are_told(against):
    told = why(against(Smoothness(), relabeled(dataset(), 0.5)), "Reproduction")
    assert told.startswith("not the same labels: ")
    assert told.endswith("…; the labels of 1 of 72 samples differ, first scene00_1")


def test_samples_that_are_gone_are_told_without_labels(against, copy):
    shutil.rmtree(copy / "records" / "samples")
    told = why(against(Smoothness(), others(*dataset().samples[3:])), "Reproduction")
    assert told.endswith("3 samples of the baseline are not in the candidate, first scene00_1")


# Counts that cannot be true -----------------------------------------------------------------


@pytest.mark.parametrize("labels", [True, False])  # which are not always kept
def test_a_count_that_its_scores_do_not_bear_out_is_not_comparable(copy, labels):
    change(copy, n_expected=2**62, n_scored=2**62)
    if not labels:
        shutil.rmtree(copy / "records" / "samples")
    report = gate(copy, copy)
    assert report.code == 2
    assert set(verdicts(report).values()) == {Verdict.NOT_COMPARABLE}
    told = f"the baseline says {2**62} samples scored, 72 have scores"
    assert {why(report, question) for question in report.questions} == {told}
    assert not any("pairs or parts" in note for note in report.notes)
