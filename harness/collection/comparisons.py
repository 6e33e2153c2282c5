"""Comparisons of models that several people made: which of them a collection keeps.

What ``significance`` says of a model depends on the models that were run beside it: two people
who ran it beside others say different things of it, and both are right. Of two such comparisons
the one of more models is kept, whole; of two as large, the one with the larger digest, which all
records of a comparison agree on. So the order in which records come makes no difference.
Nor does it of two that differ by rounding alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..canonical import digest
from ..protocols.base import word
from ..records import Record, Row
from ..reports.groups import parse_subset
from .difference import adds, difference, inputs, same
from .folders import files_of
from .rounding import but_for_rounding

_DIGITS = 9  # what remains of an SRCC that was had by subtraction
_NAMED = 6  # models that a line lists


@dataclass(frozen=True)
class Settled:
    """What is kept of several records of one place: ``why`` says of what they differ in.

    ``record`` is None where no rule decides; ``why`` is the difference then.
    """

    record: Record | None
    why: str = ""


def is_comparison(record: Record) -> bool:
    """Whether its rows, and it has no more, depend on the models that were run beside."""
    from ..gating.declared import compares_models

    more = record.failures or record.warnings or record.fits or files_of(record)
    return not more and compares_models(record.rows[0].protocol)


def settle(found: Sequence[Record]) -> Settled:
    """What to keep of records of comparisons, all of one place, whatever their order.

    One without numbers gives way to any. Nothing decides between records of different inputs, such
    as other weights, nor between two results of one comparison, with the same models run beside.
    """
    found = [record for record in found if is_measured(record)] or found
    first = found[0]
    if apart := [other for other in found if inputs(other) != inputs(first)]:
        return Settled(None, difference(first, apart[0]))
    parts: dict[str, list[Record]] = {}
    for record in found:
        for of, part in _parts(record).items():
            parts.setdefault(of, []).append(part)
    rows: list[Row] = []
    told = []
    for of, each in sorted(parts.items()):
        kept = _kept(each)
        if kept.record is None:
            return kept
        if of or len(parts) == 1:  # else there was nothing to compare in one of the runs
            rows += kept.record.rows
            told += [kept.why] if kept.why else []
    return Settled(replace(first, rows=tuple(rows)), "; ".join(told))


def given_up(old: Record, new: Record) -> str:
    """What becomes of comparisons where ``new`` takes the place of ``old``; "" for nothing."""
    parts, now = _parts(old), _parts(new)
    lost = {of: part for of, part in parts.items()
            if _rivals(part) - (_rivals(now[of]) if of in now else set())}  # fmt: skip
    return "; ".join(f"given up: {_named(part)}" for part in lost.values())


def is_measured(record: Record) -> bool:
    """Whether there is any number in it."""
    return any(row.value is not None for row in record.rows)


def _parts(record: Record) -> Mapping[str, Record]:
    """The record by the protocol under which models were compared, "" where that is open."""
    found: dict[str, list[Row]] = {}
    for row in record.rows:
        found.setdefault(parse_subset(row.subset).get("of", ""), []).append(row)
    return {of: replace(record, rows=tuple(rows)) for of, rows in found.items()}


def _kept(parts: Sequence[Record]) -> Settled:
    """The largest comparison of ``parts``, which are under one protocol."""
    best = max(parts, key=_size)
    rivals = _rivals(best)
    rounded = ""
    for part in parts:
        if _rivals(part) != rivals or not rivals or same(best, part) or adds(part, best):
            continue
        if why := but_for_rounding(best, Path(), part, Path()):  # they name no scores
            rounded = f"{_named(best)}: {why}"
            continue
        if not adds(best, part):
            return Settled(None, difference(best, part))
        best = part
    others = {name: _size(part)[0] for part in parts if _rivals(part) != rivals
              for name in [_named(part)]}  # fmt: skip
    if not others:
        return Settled(best, rounded)
    larger = all(size < _size(best)[0] for size in others.values())
    why = "more models" if larger else "as many models, the larger digest"
    return Settled(best, f"kept {_named(best)}, not {' nor '.join(sorted(others))}: {why}")


def _size(part: Record) -> tuple[int, str, str]:
    """How many models were compared, then what all records of the comparison have in common."""
    values = {(row.metric, row.subset): row.value for row in part.rows}
    subsets = [row.subset for row in part.rows if row.metric == "srcc_difference"]
    own = next((v for (metric, _), v in values.items() if metric == "srcc"), None)
    gaps = [values["srcc_difference", subset] for subset in subsets]
    common = ""
    if own is not None and gaps and None not in gaps:
        others = (own - gap for gap in gaps if gap is not None)
        common = digest(sorted(round(srcc, _DIGITS) + 0.0 for srcc in (own, *others)))
    rows = sorted(digest([*row.order, row.value, row.reason]) for row in part.rows)
    return 1 + len(_rivals(part)), common, digest(rows)


def _rivals(part: Record) -> set[str]:
    named = (parse_subset(row.subset).get("versus") for row in part.rows)
    return {name for name in named if name is not None}


def _named(part: Record) -> str:
    """ "correlation of 3 models (bad, good, mid)"."""
    models = sorted({word(part.rows[0].model), *_rivals(part)})
    more = [f"{len(models) - _NAMED} more"] if len(models) > _NAMED else []
    of = parse_subset(part.rows[0].subset).get("of", "nothing")
    if len(models) == 1:
        return f"{of} of {models[0]} alone"
    return f"{of} of {len(models)} models ({', '.join([*models[:_NAMED], *more])})"
