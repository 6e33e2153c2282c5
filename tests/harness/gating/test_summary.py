"""What CI shows: every finding in the XML, the gravest in the tables, and no text that runs."""

from __future__ import annotations

import math
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from harness.gating import Effect, Finding, Report, Verdict, junit, markdown_summary, tables
from harness.gating.summary import SHOWN
from harness.reports.console import PIPED, table_text

NASTY = '<script>alert("x")</script> | `a` ]]> &amp; \x00\x1b\ud800 €'
DROP = Effect(0.9, 0.8, -0.1, -0.2, -0.05, "a bootstrap", 0.01)


def report(*findings: Finding, strict: bool = False, notes: tuple[str, ...] = ()) -> Report:
    return Report("a gate", ("model", "row"), ("First", "Second"), findings, notes, strict)


def finding(verdict: Verdict, name: str = "m", question: str = "First", **more) -> Finding:
    return Finding(question, (name, "srcc"), verdict, "because", **more)


@pytest.mark.parametrize(
    ("verdict", "strict", "tag"),
    [
        (Verdict.REGRESSED, False, "failure"),
        (Verdict.DIFFERS, False, "failure"),
        (Verdict.NOT_COMPARABLE, False, "error"),
        (Verdict.INCONCLUSIVE, False, "skipped"),
        (Verdict.INCONCLUSIVE, True, "failure"),
        (Verdict.CHANGED, False, "skipped"),
        (Verdict.BETTER, True, "system-out"),
        (Verdict.SAME, True, "system-out"),
    ],
)
def test_a_verdict_in_junit(verdict, strict, tag):
    root = ElementTree.fromstring(junit(report(finding(verdict), strict=strict)))
    (case,) = root.iter("testcase")
    assert [child.tag for child in case] == [tag]
    assert case.get("name") == "m · srcc"
    for name, counted in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert root.get(name) == str(int(tag == counted))


def test_the_numbers_of_junit_add_up():
    verdicts = [*Verdict, Verdict.SAME, Verdict.REGRESSED]
    found = [finding(v, f"m{i}", ("First", "Second")[i % 2]) for i, v in enumerate(verdicts)]
    root = ElementTree.fromstring(junit(report(*found)))
    assert root.get("tests") == str(len(verdicts)) == str(len(list(root.iter("testcase"))))
    for name in ("tests", "failures", "errors", "skipped"):
        assert int(root.get(name)) == sum(int(suite.get(name)) for suite in root)


def test_what_regressed_has_its_numbers_in_junit():
    found = finding(Verdict.REGRESSED, effect=DROP, p_holm=0.02)
    (failure,) = ElementTree.fromstring(junit(report(found))).iter("failure")
    assert "[-0.2, -0.05]" in failure.text
    assert "0.02" in failure.text


def test_the_number_of_tests_is_told():
    tested = [finding(Verdict.REGRESSED, f"m{i}", effect=DROP, p_holm=0.02) for i in range(2)]
    same = finding(Verdict.SAME, "n", effect=replace(DROP, value=0, low=0, high=0, p=math.nan))
    assert "Holm's correction over 2 tested" in markdown_summary(report(*tested, same))
    assert "Holm" not in markdown_summary(report(same))


def test_text_from_outside_stays_text():
    found = Finding("First", (NASTY, "srcc"), Verdict.DIFFERS, NASTY)
    data = junit(report(found, notes=(NASTY,)))
    (case,) = ElementTree.fromstring(data).iter("testcase")
    assert case.get("name").startswith('<script>alert("x")</script>')
    assert b"<script" not in data
    text = markdown_summary(report(found, notes=(NASTY,)))
    assert "<script" not in text.replace("\\<script", "")
    (line,) = [line for line in text.splitlines() if "differs" in line and line.startswith("|")]
    assert line.replace("\\|", "").count("|") == 5  # four columns


def test_the_summary_says_the_outcome_first_and_why():
    found = finding(Verdict.REGRESSED, effect=DROP, p_holm=0.02)
    same = [finding(Verdict.SAME, f"m{i}") for i in range(3)]
    text = markdown_summary(report(found, *same, notes=("torch 1 → 2",)))
    assert text.startswith("# ❌ a gate: failed\n")
    assert "1 regressed, 3 same" in text
    assert "| −0.100 \\[−.200, −.050\\] p=0.02 |" in text
    assert "3 more: same" in text
    assert "- torch 1 → 2" in text
    assert "**Second**: nothing asked" in text


def test_a_table_is_of_a_bounded_length_and_starts_with_the_gravest():
    many = [finding(Verdict.INCONCLUSIVE, f"m{i:03}") for i in range(SHOWN + 20)]
    (table,) = tables(report(*many, finding(Verdict.REGRESSED, "z")))
    assert len(table.lines) == SHOWN
    assert table.lines[0][0].text == "z"
    assert any("21 more" in note for note in table.notes)


def test_what_a_gate_that_passed_left_open_is_said_where_its_outcome_is():
    still = finding(Verdict.INCONCLUSIVE, "m", effect=DROP)
    same = finding(Verdict.SAME, "n")
    assert report(still, same).outcome == (
        "passed, 1 open: too little data to tell; --strict fails on it"
    )
    lone = finding(Verdict.INCONCLUSIVE, "k")  # of one side alone: data would not help
    assert report(lone, same).outcome == "passed, 1 open; --strict fails on it"
    assert report(still, lone).outcome.startswith("passed, 2 open: ")
    assert report(still, strict=True).outcome == "failed"
    assert report(still, finding(Verdict.REGRESSED)).outcome == "failed"
    assert report(same).outcome == "passed"


def test_p_after_holm_is_never_left_out_for_width():
    subject = "slide-iqa", "demo", "linear-probe", "srcc, leave-one-content-out"
    long = Finding("First", subject, Verdict.REGRESSED, "worse " * 30, DROP, 0.0123)
    names = "model", "dataset", "protocol", "row"
    (table,) = tables(Report("a gate", names, ("First",), (long,)))
    text = table_text(table, PIPED)
    for word in ("slide-iqa", "leave-one-content-out", "regressed", "−0.100", "p=0.012"):
        assert word in text
    assert "left out" not in text


def test_nothing_to_compare_is_said():
    assert "there is nothing to compare" in markdown_summary(report())
