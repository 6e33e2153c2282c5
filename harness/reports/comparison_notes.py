"""What one must know to read a published table beside what was measured of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ..errors import portable
from ..papers.results import SPREAD, Result
from ..papers.schema import CORRELATIONS, NO_DATASET
from ..reproduce import Reproduction
from ..suite import Named


def notes(found: Reproduction) -> Iterator[str]:
    """Sources, protocols, marks, and what is missing: one line each."""
    paper = found.paper
    yield f"Published: {paper.citation}, {paper.venue} {paper.year}."
    yield from _sources(found)
    protocols = dict.fromkeys(named(r.cell.protocol) for r in found.results if r.cell.protocol)
    if protocols:
        yield f"Measured with: {'; '.join(protocols)}."
    methods = dict.fromkeys(result.cell.method for result in found.results)
    for method in methods:
        if method in paper.methods and (note := paper.methods[method].note):
            yield f"{method}: {note}."
    yield from paper.notes
    yield from found.notices
    yield from _remarks(found)
    yield from _missing(found)


def _sources(found: Reproduction) -> Iterator[str]:
    """Where the published values stand; which cells, where there are several sources."""
    places: dict[tuple[str, str, str], dict[str, dict[str, None]]] = {}
    for result in found.results:
        cell = result.cell
        if cell.published:
            methods = places.setdefault((cell.source, cell.remark, cell.url), {})
            methods.setdefault(cell.method, {})[cell.dataset] = None
    for (source, remark, url), methods in places.items():
        line = "; ".join([source, *filter(None, (remark, url))])
        of = "; ".join(f"{method} on {', '.join(sets)}" for method, sets in methods.items())
        yield f"{line}: {of}." if len(places) > 1 else f"{line}."


def _remarks(found: Reproduction) -> Iterator[str]:
    """What one must know to read the measured values."""
    measures = [(r.cell, m) for r in found.results for m in r.measures.values()]
    valued = {m.metric for _, m in measures if m.value is not None}
    if valued & CORRELATIONS:
        yield (
            "Difference: measured − published; labels are higher-is-better, so correlations "
            "with DMOS are compared after negation."
        )
    if methods := dict.fromkeys(m.ci_method for _, m in measures if m.ci_method):
        yield f"Intervals: {'; '.join(methods)}."
    if any(name.endswith(SPREAD) for name in valued):
        yield "SD: over splits or repeats, where there is no interval; a spread is none."
    about: dict[str, dict[str, None]] = defaultdict(dict)
    for cell, m in measures:
        on = "" if cell.dataset == NO_DATASET else f" on {cell.dataset}"
        remark = [m.reason] if m.value is not None and m.reason else []
        for text in (*m.marks, *remark):
            about[text][f"{cell.method}{on}"] = None
    for text, cells in about.items():
        yield f"{', '.join(cells)}: {text}."


def _missing(found: Reproduction) -> Iterator[str]:
    """What is missing, why, of how many cells, and what to type to get it."""
    groups: dict[tuple[str, str, str | None], tuple[dict[str, None], list[Result]]] = {}
    for result in found.results:
        for each in result.missing:
            names, results = groups.setdefault((each.what, each.reason, each.command), ({}, []))
            names[each.about] = None
            results.append(result)
    for (what, reason, command), (names, results) in groups.items():
        of = f"{len(results)} cell{'s' if len(results) > 1 else ''}"
        line = f"Missing {what}: {', '.join(names)} ({of}): {reason}"
        yield f"{line}; to get it: {command}" if command else line


def named(thing: Named | None) -> str:
    """Its name with its options; "" for nothing."""
    if thing is None:
        return ""
    return ", ".join(
        [thing.name, *(f"{name} {value}" for name, value in portable(thing.options).items())]
    )
