"""The samples behind two rows: whether their number can be true, and what differs in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

import numpy as np

from ..collection.recompute import PROTOCOLS
from ..errors import count
from ..protocols.metrics import METRICS
from ..records import Row
from .pairs import Pair, Records, place_of
from .tolerance import allowed

_IDENTITY = ("model_version", "weights", "options")  # of a model: with another, scores are others


def gaps(before: Sequence[float], after: Sequence[float]) -> np.ndarray:
    """How far scores of the same samples are apart, in SDs of those ``before``, ``float64 [N]``.

    NaN equals NaN alone. Where the scores before do not vary, any difference is infinite.
    """
    old, new = np.asarray(before, np.float64), np.asarray(after, np.float64)
    with np.errstate(invalid="ignore"):
        equal = (old == new) | (np.isnan(old) & np.isnan(new))
        apart = np.where(equal, 0.0, np.abs(new - old))
    finite = old[np.isfinite(old)]
    spread = float(finite.std()) if len(finite) else 0.0
    unbounded = np.isnan(apart) | ((apart > 0) & (spread == 0))
    return np.where(unbounded, np.inf, apart / (spread or 1.0))


def miscounted(pair: Pair, baseline: Records, candidate: Records) -> str | None:
    """Why the number of scored samples cannot be true of a row of ``pair``, or None.

    As ``results validate`` has it: rows of all samples, by protocols whose numbers come from the
    very scores that they name. Rows of pairs and of parts name the scores of other samples, too.
    """
    sides = ("baseline", pair.old, baseline), ("candidate", pair.new, candidate)
    for which, row, records in sides:
        n = None if row is None else _scored(row, records)
        if row is not None and n is not None and row.n_scored != n:
            return f"the {which} says {row.n_scored} samples scored, {n} have scores"
    return None


def _scored(row: Row, records: Records) -> int | None:
    """How many samples the number of ``row`` was made of; None where that cannot be known."""
    whole = row.protocol in PROTOCOLS and row.split == row.subset == "all"
    if row.scores is None or not (whole and row.metric in METRICS):
        return None
    try:
        ids, samples = records.scores(row).keys(), records.samples(row)
    except (OSError, ValueError):  # told where they are compared
        return None
    if samples is not None:
        return len(ids & set(samples["label"].dropna().index))
    return len(ids) if row.n_scored > len(ids) else None  # how many have labels is not known


def changed_samples(pair: Pair, baseline: Records, candidate: Records) -> str:
    """In which samples two rows of one place differ, as far as their records tell.

    For rows that are not of the same images or labels, which hashes alone do not explain.
    """
    new = pair.new
    assert new is not None
    told = list(_changes(pair.old, new, baseline, candidate))
    known = _labels(pair.old, baseline) is not None and _labels(new, candidate) is not None
    return "; ".join(told) or ("N, ids and labels are the same" if known else "")


def _changes(old: Row, new: Row, baseline: Records, candidate: Records) -> Iterator[str]:
    if old.n_expected != new.n_expected:
        yield f"N {old.n_expected} → {new.n_expected}"
    gone, lost = (
        side.failures.get(place_of(row), {}) for row, side in ((old, baseline), (new, candidate))
    )
    for which, own, rest in (("candidate", lost, gone), ("baseline", gone, lost)):
        if more := sorted(own.keys() - rest.keys()):
            yield f"{len(more)} failed in the {which} alone, first {more[0]}: {own[more[0]]}"
    labels = _labels(old, baseline), _labels(new, candidate)  # also of what failed
    scores = _scores(old, baseline), _scores(new, candidate)
    if labels[0] is not None and labels[1] is not None:
        yield from _missing(labels[0].keys(), labels[1].keys())
    elif scores[0] is not None and scores[1] is not None:
        yield from _missing(scores[0].keys() | gone.keys(), scores[1].keys() | lost.keys())
    yield from _moved("labels", *labels, 0)
    if all(getattr(old, name) == getattr(new, name) for name in _IDENTITY):
        limit = allowed(old, new, (baseline.processor, candidate.processor)).most
        yield from _moved("scores", *scores, limit)


def _moved(
    what: str, before: Mapping[str, float] | None, after: Mapping[str, float] | None, limit: float
) -> Iterator[str]:
    """How many values of samples that both sides have are more than ``limit`` SDs apart."""
    if both := sorted((before or {}).keys() & (after or {}).keys()):
        assert before is not None
        assert after is not None
        apart = gaps([before[name] for name in both], [after[name] for name in both])
        moved = np.flatnonzero(apart > limit)
        if len(moved):
            total = count(len(both), "sample")
            yield f"the {what} of {len(moved)} of {total} differ, first {both[moved[0]]}"


def _missing(before: Set[str], after: Set[str]) -> Iterator[str]:
    sides = ("baseline", before - after, "candidate"), ("candidate", after - before, "baseline")
    for which, ids, other in sides:
        if ids:
            are = f"{count(len(ids), 'sample')} of the {which} {'are' if len(ids) > 1 else 'is'}"
            yield f"{are} not in the {other}, first {min(ids)}"


def _labels(row: Row, records: Records) -> Mapping[str, float] | None:
    try:
        samples = records.samples(row)
    except (OSError, ValueError):
        return None
    return None if samples is None else dict(zip(samples.index, samples["label"], strict=True))


def _scores(row: Row, records: Records) -> Mapping[str, float] | None:
    """Those of the model; the predictions of a head are of some samples, and fitted anew."""
    try:
        own = row.scores is not None and row.protocol in PROTOCOLS
        return records.scores(row) if own else None
    except (OSError, ValueError):  # told where they are compared
        return None
