"""Findings as JUnit XML, which CI systems show as tests: one case a finding."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from .verdict import NOT_COMPARABLE, Finding, Report, Verdict, code_of

# What XML 1.0 has no form for, escaped or not.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> bytes:
    """The report as XML: a suite for each question, nothing in it but what was found.

    What fails is a ``failure``, what is not comparable an ``error``, what is open or not asked
    is ``skipped``; all else passes, with its text in ``system-out``.
    """
    root = ElementTree.Element("testsuites", name=_text(report.title))
    totals = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for question in report.questions:
        suite = ElementTree.SubElement(root, "testsuite", name=_text(question))
        counts = dict.fromkeys(totals, 0)
        for finding in report.about(question):
            counts["tests"] += 1
            kind = _case(suite, finding, report.strict)
            if kind:
                counts[kind] += 1
        for name, number in counts.items():
            suite.set(name, str(number))
            totals[name] += number
    for name, number in totals.items():
        root.set(name, str(number))
    ElementTree.indent(root, " ")
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _case(suite: ElementTree.Element, finding: Finding, strict: bool) -> str | None:
    """Add the case of ``finding``; under which number it counts besides the tests."""
    name = _text(" · ".join(finding.subject))
    case = ElementTree.SubElement(suite, "testcase", classname=_text(finding.question), name=name)
    message = _text(f"{finding.verdict}: {finding.why}" if finding.why else finding.verdict)
    told = _text("\n".join(details(finding)))
    if not finding.fails(strict):
        if finding.verdict in (Verdict.CHANGED, Verdict.INCONCLUSIVE):
            ElementTree.SubElement(case, "skipped", message=message).text = told
            return "skipped"
        ElementTree.SubElement(case, "system-out").text = "\n".join(filter(None, (message, told)))
        return None
    unknown = code_of(finding.verdict, strict) == NOT_COMPARABLE
    tag, counted = ("error", "errors") if unknown else ("failure", "failures")
    problem = ElementTree.SubElement(case, tag, type=str(finding.verdict), message=message)
    problem.text = told
    return counted


def details(finding: Finding) -> list[str]:
    """The numbers behind a finding, at full precision, a line each."""
    effect = finding.effect
    if effect is None:
        return []
    lines = [
        f"baseline {effect.before!r}, candidate {effect.after!r}",
        f"difference {effect.value!r}, 95 % interval [{effect.low}, {effect.high}]",
        f"interval: {effect.method}",
    ]
    return lines if finding.p_holm is None else [*lines, f"p after Holm: {finding.p_holm:.4g}"]


def _text(text: str) -> str:
    return _FORBIDDEN.sub("�", str(text))
