"""What a gate says: verdicts, how they follow from paired differences, and the exit code.

A gate answers questions about many subjects (rows of records, models on pictures). Each answer
is a finding with a verdict; nothing here knows where the numbers come from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np

from ..protocols.paired import ALPHA
from ..protocols.rank_intervals import holm

MARGIN = 0.005
FINE, FAILED, NOT_COMPARABLE = 0, 1, 2  # exit codes


class Verdict(StrEnum):
    """One answer, the gravest first."""

    REGRESSED = "regressed"
    DIFFERS = "differs"  # does not reproduce
    NOT_COMPARABLE = "not comparable"
    INCONCLUSIVE = "inconclusive"
    CHANGED = "changed on purpose"
    BETTER = "better"
    NO_WORSE = "no worse"  # a loss of more than the margin is excluded
    WITHIN = "within tolerance"
    SAME = "same"

    @property
    def gravity(self) -> int:
        """0 for the gravest."""
        return list(Verdict).index(self)


@dataclass(frozen=True)
class Effect:
    """A paired difference, candidate less baseline.

    ``low`` and ``high`` are its 95 % interval, None where there is none, which ``method`` then
    explains; ``p`` is two-sided, of no difference, NaN where nothing is tested. Above 0 is better
    where ``better`` is 1, below 0 where it is -1.
    """

    before: float
    after: float
    value: float
    low: float | None
    high: float | None
    method: str
    p: float
    better: Literal[1, -1] = 1

    @property
    def gain(self) -> tuple[float, float | None, float | None]:
        """The difference and its interval, turned so that above 0 is better."""
        if self.better == 1:
            return self.value, self.low, self.high
        low, high = (None if end is None else -end for end in (self.high, self.low))
        return -self.value, low, high


@dataclass(frozen=True)
class Finding:
    """The answer to ``question`` about one subject; ``why`` says what it rests on."""

    question: str
    subject: tuple[str, ...]
    verdict: Verdict
    why: str = ""
    effect: Effect | None = None
    p_holm: float | None = None

    def fails(self, strict: bool) -> bool:
        """Whether it alone makes the gate fail."""
        return code_of(self.verdict, strict) != FINE


@dataclass(frozen=True)
class Report:
    """All that a gate found, and what to know about it."""

    title: str
    subjects: tuple[str, ...]  # what the parts of each finding's subject are
    questions: tuple[str, ...]  # in their order
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    strict: bool = False

    @property
    def code(self) -> int:
        """0 fine, 1 regressed or not reproduced, 2 not comparable.

        What is proven goes before what cannot be known; where there is nothing to compare, 2.
        """
        codes = {code_of(finding.verdict, self.strict) for finding in self.findings}
        return next((c for c in (FAILED, NOT_COMPARABLE, FINE) if c in codes), NOT_COMPARABLE)

    @property
    def outcome(self) -> str:
        """The exit code in words, and what a gate that passed has left open."""
        if not self.findings:
            return "not comparable: there is nothing to compare"
        still = [f for f in self.findings if f.verdict is Verdict.INCONCLUSIVE]
        if self.code == FINE and still:
            why = ": too little data to tell" if any(f.effect for f in still) else ""
            return f"passed, {len(still)} open{why}; --strict fails on it"
        return {FINE: "passed", FAILED: "failed", NOT_COMPARABLE: "not comparable"}[self.code]

    def about(self, question: str) -> tuple[Finding, ...]:
        """The findings of one question, the gravest first."""
        own = (finding for finding in self.findings if finding.question == question)
        return tuple(sorted(own, key=lambda f: (f.verdict.gravity, f.subject)))


def code_of(verdict: Verdict, strict: bool) -> int:
    """The exit code of one verdict; what is inconclusive fails where ``strict``."""
    if verdict in (Verdict.REGRESSED, Verdict.DIFFERS):
        return FAILED
    if verdict is Verdict.NOT_COMPARABLE:
        return NOT_COMPARABLE
    return FAILED if strict and verdict is Verdict.INCONCLUSIVE else FINE


def judge(
    question: str, effects: Sequence[tuple[tuple[str, ...], Effect]], margins: Sequence[float]
) -> list[Finding]:
    """A finding for each (subject, effect), tested together; ``margins [K]`` are in their units.

    p-values are corrected by Holm's method over all that are tested. See ``verdict_of``.
    """
    # What has no p is not counted: above all, what has the same scores on both sides. There "no
    # difference" is known to be true and is never rejected, so that no false alarm can come from
    # it, and Holm's bound is needed for the others alone. Which these are does not hang on their
    # own p-values, as it would if what merely looks alike were left out.
    p = np.array([effect.p for _, effect in effects], np.float64)
    tested = np.isfinite(p)
    p[tested] = holm(p[tested])
    findings = []
    for (subject, effect), margin, each in zip(effects, margins, p.tolist(), strict=True):
        verdict, why = verdict_of(effect, each, margin)
        known = None if math.isnan(each) else each
        findings.append(Finding(question, subject, verdict, why, effect, known))
    return findings


def verdict_of(effect: Effect, p_holm: float, margin: float) -> tuple[Verdict, str]:
    """The verdict of one paired difference, and why.

    Of the gain, regressed: the upper bound is below 0 and the estimate below -margin, and the
    difference is significant after Holm's correction. Better: significant, with the lower bound
    above 0. No worse: the lower bound is not below -margin. All else is inconclusive.
    """
    value, low, high = effect.gain
    if low is None or high is None:
        if value == 0:
            return Verdict.SAME, "no difference"
        return Verdict.INCONCLUSIVE, effect.method
    if value == low == high == 0:
        return Verdict.SAME, "no difference in any resample"
    significant = p_holm <= ALPHA  # False for NaN
    loss = "drop" if effect.better == 1 else "rise"
    if high < 0 and value < -margin:
        if significant:
            return Verdict.REGRESSED, f"worse by more than the margin of {margin:g}"
        return Verdict.INCONCLUSIVE, "worse, but not significantly so after Holm's correction"
    if low > 0 and significant:
        return Verdict.BETTER, "significantly better"
    if low >= -margin:
        return Verdict.NO_WORSE, f"a {loss} of more than {margin:g} is excluded"
    return Verdict.INCONCLUSIVE, f"a {loss} of more than {margin:g} is neither shown nor excluded"


def gravest(verdicts: Iterable[Verdict]) -> Verdict:
    """The gravest of at least one."""
    return min(verdicts, key=lambda verdict: verdict.gravity)
