"""Verdicts follow from intervals, margins and Holm; the exit code from the verdicts."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.gating.verdict import Effect, Finding, Report, Verdict, gravest, judge, verdict_of

NUMBER = st.floats(-1, 1)


def effect(value: float, low: float | None, high: float | None, p: float = 0.001) -> Effect:
    return Effect(0.8, 0.8 + value, value, low, high, "a bootstrap", p)


def report(*verdicts: Verdict, strict: bool = False) -> Report:
    findings = tuple(Finding("q", (f"m{i}",), verdict) for i, verdict in enumerate(verdicts))
    return Report("gate", ("model",), ("q",), findings, strict=strict)


@pytest.mark.parametrize(
    ("found", "p", "verdict"),
    [
        (effect(-0.1, -0.2, -0.05), 0.01, Verdict.REGRESSED),
        (effect(-0.1, -0.2, -0.05), 0.06, Verdict.INCONCLUSIVE),  # Holm took it back
        (effect(-0.1, -0.2, 0.01), 0.2, Verdict.INCONCLUSIVE),
        (effect(-0.004, -0.0049, -0.003), 0.01, Verdict.NO_WORSE),  # worse, but who cares
        (effect(-0.004, -0.007, -0.001), 0.01, Verdict.INCONCLUSIVE),  # a drop above margin is open
        (effect(0.0, -0.001, 0.001), 1.0, Verdict.NO_WORSE),
        (effect(0.0, -0.1, 0.1), 1.0, Verdict.INCONCLUSIVE),
        (effect(0.1, 0.05, 0.2), 0.01, Verdict.BETTER),
        (effect(0.1, 0.05, 0.2), 0.06, Verdict.NO_WORSE),
        (effect(0.0, 0.0, 0.0), 1.0, Verdict.SAME),
        (effect(0.0, None, None), math.nan, Verdict.SAME),
        (effect(-1.0, None, None), math.nan, Verdict.INCONCLUSIVE),
        (effect(-0.1, -0.2, -0.05), math.nan, Verdict.INCONCLUSIVE),
    ],
)
def test_the_verdict_of_a_difference(found, p, verdict):
    assert verdict_of(found, p, 0.005)[0] is verdict


@given(NUMBER, NUMBER, NUMBER, st.floats(0, 1), st.floats(0, 0.1))
def test_what_regressed_is_worse_by_more_than_the_margin(a, b, c, p, margin):
    low, value, high = sorted((a, b, c))
    verdict, _ = verdict_of(effect(value, low, high), p, margin)
    if verdict is Verdict.REGRESSED:
        assert high < 0
        assert value < -margin
        assert p <= 0.05
    if verdict in (Verdict.NO_WORSE, Verdict.BETTER, Verdict.SAME):
        assert low >= -margin


@given(NUMBER, NUMBER, NUMBER, st.floats(0, 1), st.floats(0, 0.1), st.floats(0, 0.1))
def test_a_wider_margin_never_makes_a_regression(a, b, c, p, one, other):
    low, value, high = sorted((a, b, c))
    strict, lax = (verdict_of(effect(value, low, high), p, m)[0] for m in sorted((one, other)))
    if lax is Verdict.REGRESSED:
        assert strict is Verdict.REGRESSED


@given(NUMBER, NUMBER, NUMBER, st.floats(0, 1), st.floats(0, 0.1))
def test_less_of_an_error_is_as_good_as_more_of_a_correlation(a, b, c, p, margin):
    low, value, high = sorted((a, b, c))
    verdict, why = verdict_of(effect(value, low, high), p, margin)
    turned, told = verdict_of(replace(effect(-value, -high, -low), better=-1), p, margin)
    assert turned is verdict
    assert told == why.replace("drop", "rise")


def test_all_that_is_tested_is_corrected_together():
    """One p of 0.03 alone is a regression; beside three like it, none is (Holm: 4 × 0.03)."""
    drop = effect(-0.1, -0.2, -0.01, p=0.03)
    (alone,) = judge("q", [(("a",), drop)], [0.005])
    assert (alone.verdict, alone.p_holm) == (Verdict.REGRESSED, 0.03)
    four = judge("q", [((name,), drop) for name in "abcd"], [0.005] * 4)
    assert {(f.verdict, f.p_holm) for f in four} == {(Verdict.INCONCLUSIVE, 0.12)}


def test_what_is_not_tested_costs_the_others_nothing():
    drop = effect(-0.1, -0.2, -0.01, p=0.03)
    untested = effect(-1.0, None, None, p=math.nan)
    found = judge("q", [(("a",), drop), (("b",), untested)], [0.005] * 2)
    assert [f.p_holm for f in found] == [0.03, None]


@pytest.mark.parametrize(
    ("verdicts", "code", "strict_code"),
    [
        ([Verdict.SAME, Verdict.BETTER, Verdict.NO_WORSE, Verdict.WITHIN, Verdict.CHANGED], 0, 0),
        ([Verdict.SAME, Verdict.INCONCLUSIVE], 0, 1),
        ([Verdict.SAME, Verdict.NOT_COMPARABLE], 2, 2),
        ([Verdict.INCONCLUSIVE, Verdict.NOT_COMPARABLE], 2, 1),
        ([Verdict.NOT_COMPARABLE, Verdict.REGRESSED], 1, 1),
        ([Verdict.SAME, Verdict.DIFFERS], 1, 1),
        ([], 2, 2),
    ],
)
def test_the_exit_code(verdicts, code, strict_code):
    for order in permutations(verdicts):
        assert report(*order).code == code
        assert report(*order, strict=True).code == strict_code


def test_the_gravest_comes_first():
    assert gravest([Verdict.SAME, Verdict.REGRESSED, Verdict.WITHIN]) is Verdict.REGRESSED
    found = report(Verdict.SAME, Verdict.DIFFERS, Verdict.INCONCLUSIVE).about("q")
    assert [f.verdict for f in found] == [Verdict.DIFFERS, Verdict.INCONCLUSIVE, Verdict.SAME]
