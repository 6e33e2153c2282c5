"""The gate for pictures: are the candidate's as good as the baseline's, one by one?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import count
from ..reports.labels import called
from ..settings import Settings
from .images_effect import Differences, differences, effect, needed, told
from .images_pairs import REFERENCE, Partners
from .images_sides import Sides, read_sides, refused_of
from .images_worst import Damaged, in_words, worst_of
from .verdict import Finding, Report, Verdict, judge

PICTURES, QUALITY = "Names and sizes", "Quality"  # the questions
MARGIN = 0.05  # SDs: a twentieth of what tells the baseline's pictures apart
ANY = "any"  # as a model: what is true whichever is asked


@dataclass(frozen=True)
class Outcome:
    """The report, and the pictures with the largest damage, the worst first."""

    report: Report
    worst: tuple[Damaged, ...]


def gate_images(
    baseline: Path,
    candidate: Path,
    models: Sequence[Any],
    settings: Settings,
    *,
    reference: Path | None = None,
    margin: float = MARGIN,
    strict: bool = False,
    absent: Mapping[str, str] | None = None,
) -> Outcome:
    """Compare the pictures of two folders by ``models``; ``margin`` is in SDs of their scores.

    A model scores a picture beside its reference where there are references and it can, else by
    itself. ``absent`` are models that cannot be had, with the reason. A picture of the baseline
    that cannot be compared makes the outcome "not comparable": what a codec fails on must not
    be left out in silence. One that the candidate alone has is a warning.

    Raises FileNotFoundError for a folder without pictures, ValueError for a model without scores.
    """
    sides = read_sides(baseline, candidate, reference, models, settings)
    refused = refused_of(sides)
    names = [name for name in sides.pairs.of if name not in refused]
    findings = [Finding(PICTURES, (ANY, n), Verdict.NOT_COMPARABLE, w) for n, w in refused.items()]
    findings += [Finding(PICTURES, (ANY, name), Verdict.SAME) for name in names]
    findings += [
        Finding(PICTURES, (ANY, name), Verdict.INCONCLUSIVE, "of the candidate alone: no partner")
        for name in sorted(set(sides.candidate.names) - set(sides.pairs.of.values()))
    ]
    findings += [
        Finding(QUALITY, (name, "none"), Verdict.NOT_COMPARABLE, why)
        for name, why in (absent or {}).items()
    ]
    found: dict[str, Differences] = {}
    for i, model in enumerate(models):
        label = called(model.card.name, model.card.options or {})
        before, after = (each.scores[i] for each in sides.measured)
        known, failed = _scored(label, names, sides.pairs, before, after)
        findings += failed
        kind = settings.device.partition(":")[0] if hasattr(model, "to") else "cpu"
        try:
            found[label] = differences(*known, tolerance=model.card.tolerance_on(kind))
        except ValueError as error:
            subject = label, count(len(known[0]), "picture")
            findings.append(Finding(QUALITY, subject, Verdict.NOT_COMPARABLE, str(error)))
    findings += _judged(found, margin)
    worst = worst_of(sides, found)
    report = Report(
        title="iqa-eval gate-images",
        subjects=("model", "pictures"),
        questions=(PICTURES, QUALITY),
        findings=tuple(findings),
        notes=(*_notes(sides, names, found), *map(in_words, worst)),
        strict=strict,
    )
    return Outcome(report, worst)


def _scored(
    label: str, names: Sequence[str], pairs: Partners, before: Any, after: Any
) -> tuple[tuple[list[str], np.ndarray, np.ndarray], list[Finding]]:
    """Names and finite scores of the pictures that have both, and findings about the others."""
    scores = [dict(zip(each.ids, each.values.tolist(), strict=True)) for each in (before, after)]
    known: list[str] = []
    findings = []
    for name in names:
        verdict, why = Verdict.NOT_COMPARABLE, ""
        a, b = scores[0].get(name), scores[1].get(pairs.of[name])
        for value, which, output, own in (
            (a, "baseline", before, name),
            (b, "candidate", after, pairs.of[name]),
        ):
            if value is None:
                why = why or f"{which}: {output.failures.get(own, 'no reference has its name')}"
            elif not math.isfinite(value):
                why = why or f"{which}: the score is {value}"
        if why and a is not None and a == b:  # as PSNR of what is lossless on both sides
            verdict, why = Verdict.SAME, f"both scores are {a}: left out"
        if why:
            findings.append(Finding(QUALITY, (label, name), verdict, why))
        else:
            known.append(name)
    values = [
        np.array([side[name] for name in of], np.float64)
        for side, of in zip(scores, (known, [pairs.of[name] for name in known]), strict=True)
    ]
    return (known, values[0], values[1]), findings


def _judged(found: Mapping[str, Differences], margin: float) -> list[Finding]:
    """A finding for each model: Holm's correction is over all of them."""
    effects = [
        ((label, count(len(each.names), "picture")), effect(each, len(found)))
        for label, each in found.items()
    ]
    findings = judge(QUALITY, effects, [margin] * len(effects))
    return [
        replace(finding, why=_why(finding, each, margin))
        for finding, each in zip(findings, found.values(), strict=True)
    ]


def _why(finding: Finding, found: Differences, margin: float) -> str:
    """The reason with the numbers behind it; where it is open, how many pictures would do."""
    assert finding.effect is not None
    why = f"{finding.why}; {told(found, finding.effect)}"
    n = needed(found, margin) if finding.verdict is Verdict.INCONCLUSIVE else None
    if n is None or n <= len(found.names):
        return why
    enough = f"an estimate from the SD of the {len(found.names)} differences"
    return f"{why}; a margin of {margin:g} SD needs about {n:,} pictures ({enough})"


def _notes(sides: Sides, names: Sequence[str], found: Mapping[str, Differences]) -> list[str]:
    """How to read the numbers, and what may explain them."""
    notes = []
    if found:
        notes.append(
            "baseline and candidate are means in a model's own units; the difference and its "
            "margin are in SDs of its scores of the baseline's pictures; the interval is over "
            "pictures, taken to be drawn independently"
        )
    old, new = (each.fingerprints for each in sides.measured)
    if same := sum(old[name] == new[sides.pairs.of[name]] for name in names):
        notes.append(f"{same} of {count(len(names), 'picture')} are the same file on both sides")
    warned: dict[str, list[str]] = {}
    for which, each in zip(("baseline", "candidate"), sides.measured, strict=True):
        for name, warning in each.sizes.warnings.items():
            where = f"reference/{name[1:]}" if name.startswith(REFERENCE) else f"{which}/{name}"
            warned.setdefault(warning, []).append(where)
    for warning, places in sorted(warned.items()):
        more = f" and {len(places) - 1} more" if places[1:] else ""
        notes.append(f"{warning}: {min(places)}{more}")
    return notes
