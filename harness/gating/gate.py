"""Two sets of records, two questions: do they reproduce, and is the candidate as good?"""

from __future__ import annotations

from pathlib import Path

from ..errors import count
from .changes import changed_code, changed_packages
from .declared import Declaration, compares_models, declared, headlines
from .pairs import Pair, Records, pairs, read
from .performance import QUESTION as PERFORMANCE
from .performance import performance
from .reproduction import QUESTION as REPRODUCTION
from .reproduction import reproduction
from .verdict import Report, Verdict

SUBJECTS = ("model", "dataset", "protocol", "row")
_MEANT = ("where scores are meant to differ, give the model's card another version, or --changed",)


def gate(
    baseline: Path, candidate: Path, wanted: Declaration | None = None, strict: bool = False
) -> Report:
    """Compare the records of two folders; ``wanted`` says what is tested (default: headlines).

    Rows of comparisons of models are left out: they depend on which models were run. So are
    rows that the candidate alone has. Raises ValueError for a folder without records, or for
    a declaration that matches nothing.
    """
    old, new, wanted = read(baseline), read(candidate), wanted or Declaration()
    found = [p for p in pairs(old, new) if not compares_models(p.place.protocol)]
    unknown = set(wanted.changed) - {pair.place.model for pair in found}
    if unknown:
        raise ValueError(f"{min(unknown)!r} is declared changed, but in no row of the baseline")
    rows = wanted.rows or tuple(headlines(found))
    tested = declared(found, wanted.model_copy(update={"rows": rows}))
    findings, untested = performance(tested, old, new, asked=bool(wanted.rows))
    reproduced = reproduction(found, old, new, wanted.changed)
    meant = _MEANT if any(each.verdict is Verdict.DIFFERS for each in reproduced) else ()
    return Report(
        title="iqa-eval gate",
        subjects=SUBJECTS,
        questions=(REPRODUCTION, PERFORMANCE),
        findings=(*reproduced, *findings),
        notes=(*meant, *untested, *_notes(old, new, found)),
        strict=strict,
    )


def _notes(old: Records, new: Records, found: list[Pair]) -> list[str]:
    """What may explain a difference, and what was not looked at."""
    notes = []
    if changed := changed_packages(old, new):
        notes.append(f"the runs were made with other versions: {', '.join(changed)}")
    notes += [
        f"warning: the code of {name} changed, its version did not: finished work of the old code "
        'may have been reused; run with --cache "$(mktemp -d)"'
        for name in changed_code(found, old, new)
    ]
    met = {pair.new for pair in found}
    if more := sum(
        row not in met and not compares_models(row.protocol) for row in new.rows.values()
    ):
        notes.append(f"{count(more, 'row')} of the candidate alone: not compared")
    if left := sum(compares_models(at.protocol) for at in old.rows):
        notes.append(f"{count(left, 'row')} that depend on which models were run: not compared")
    return notes
