"""Findings as tables, for a terminal and as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..reports.formats import escape, markdown
from ..reports.layout import NONE, Cell, Column, Line, Table, interval, number, text_cell
from .verdict import FAILED, FINE, Finding, Report, Verdict

SHOWN = 50  # lines of a table, the gravest first; the JUnit file has all
_SIGNS = {FINE: "✅", FAILED: "❌"}


def markdown_summary(report: Report) -> str:
    """The outcome, a table for each question, and the notes, in GitHub's dialect."""
    sign = _SIGNS.get(report.code, "⚠️")
    parts = [f"# {sign} {escape(report.title)}: {report.outcome}\n"]
    parts += [f"**{question}**: {counts(report, question)}\n" for question in report.questions]
    parts += [markdown(table) for table in tables(report)]
    if report.notes:
        parts.append("\n".join(f"- {escape(note)}" for note in report.notes) + "\n")
    return "\n".join(parts)


def tables(report: Report, most: int = SHOWN) -> list[Table]:
    """A table of at most ``most`` lines for each question that has more to show than "same"."""
    shown = ((q, report.about(q)) for q in report.questions)
    return [_table(report, question, found, most) for question, found in shown if _worth(found)]


def counts(report: Report, question: str) -> str:
    """How often each verdict was given, the gravest first: "1 regressed, 3 same"."""
    found = Counter(finding.verdict for finding in report.about(question))
    return ", ".join(f"{n} {verdict}" for verdict, n in found.items()) or "nothing asked"


def _worth(found: Sequence[Finding]) -> bool:
    return any(f.verdict is not Verdict.SAME or f.effect for f in found)


def _table(report: Report, question: str, found: Sequence[Finding], most: int) -> Table:
    tested = any(finding.effect for finding in found)
    # What is the same and was not tested has nothing to say line by line.
    telling = [f for f in found if f.verdict is not Verdict.SAME or f.effect]
    columns = [Column(name, (name,), "name") for name in report.subjects]
    columns.append(Column("verdict", ("verdict",), "name"))
    if tested:
        columns += [
            # As names are, they are never left out of a narrow terminal.
            Column("baseline", ("baseline",), "name"),
            Column("candidate", ("candidate",), "name"),
            Column("difference", ("difference", "low", "high", "p_holm"), "name"),
        ]
    columns.append(Column("why", ("why",), "marks"))  # may be broken into lines, is never left out
    notes = []
    if n := sum(finding.p_holm is not None for finding in found):
        notes.append(
            f"p is two-sided, after Holm's correction over {n} tested; where no score differs, "
            "there is nothing to test."
        )
    if same := len(found) - len(telling):
        notes.append(f"{same} more: same.")
    if (hidden := len(telling) - most) > 0:
        notes.append(f"{hidden} more, none of them graver than these.")
    lines = tuple(_line(finding, tested) for finding in telling[:most])
    return Table(question, question, tuple(columns), lines, notes=tuple(notes))


def _line(finding: Finding, tested: bool) -> Line:
    cells = [*map(text_cell, finding.subject), text_cell(finding.verdict)]
    if tested:
        cells += _numbers(finding)
    return (*cells, text_cell(finding.why))


def _numbers(finding: Finding) -> list[Cell]:
    effect, p = finding.effect, finding.p_holm
    if effect is None:
        return [Cell(NONE, (None,)), Cell(NONE, (None,)), Cell(NONE, (None,) * 4)]
    ends = interval(effect.low, effect.high)
    return [
        Cell(number(effect.before), (effect.before,)),
        Cell(number(effect.after), (effect.after,)),
        Cell(
            ("+" if effect.value > 0 else "") + number(effect.value),
            (effect.value, effect.low, effect.high, p),
            " ".join(filter(None, (ends, "" if p is None else f"p={p:.2g}"))),
        ),
    ]
