"""Which samples a protocol can use, and what became of the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..sample import Dataset, Sample
from ..store import Output
from .rows import Rows, chunks


@dataclass(frozen=True)
class Usable:
    """The samples with a result (and a label, where one is asked for), sorted by id."""

    samples: tuple[Sample, ...]
    values: Any  # row i belongs to samples[i]: an array, or Rows where they are features
    n_expected: int
    remark: str | None  # e.g. "2 failed: first img03: cannot decode; 1 without a label"

    @property
    def n_failed(self) -> int:
        return self.n_expected - len(self.samples)

    @cached_property
    def labels(self) -> np.ndarray:
        """``float64 [n]``; only where labels were asked for."""
        return np.array([s.label for s in self.samples], np.float64)

    @cached_property
    def contents(self) -> np.ndarray:
        """The content of each sample, ``str [n]``."""
        return np.array([s.content for s in self.samples])


def usable(samples: Iterable[Sample], output: Output, labeled: bool = True) -> Usable:
    """Those of ``samples`` that have a row in ``output`` and, if ``labeled``, a label."""
    samples = sorted(samples, key=lambda sample: sample.id)
    done = set(output.ids)
    failed = [s.id for s in samples if s.id not in done]
    kept = [s for s in samples if s.id in done and (not labeled or s.label is not None)]
    remarks = []
    if failed:
        reason = output.failures.get(failed[0], "no result")
        remarks.append(f"{len(failed)} failed: first {failed[0]}: {reason}")
    if unlabeled := len(samples) - len(failed) - len(kept):
        remarks.append(f"{unlabeled} without a label")
    return Usable(
        tuple(kept),
        _at(output, [s.id for s in kept]),
        len(samples),
        "; ".join(remarks) or None,
    )


def finite(output: Output, what: str) -> Output:
    """``output`` with every row that holds NaN or infinity among the failures, as ``what``."""
    if not output.ids:
        return output
    good = np.concatenate(
        [
            np.isfinite(output.values[part]).all(axis=tuple(range(1, output.values.ndim)))
            for part in chunks(output.values)
        ]
    )
    if good.all():
        return output
    bad = {name: f"{what} not finite" for name, ok in zip(output.ids, good, strict=True) if not ok}
    ids = [name for name in output.ids if name not in bad]
    return Output(tuple(ids), _at(output, ids), {**output.failures, **bad})


def of_fits(dataset: Dataset, outputs: Sequence[Output]) -> tuple[Output, str | None]:
    """What became of each sample over the fits that were asked about it; ``values`` are empty.

    One failed if no fit has a score of it; one that no fit was asked about did not. With a remark
    on the fits that gave no score at all.
    """
    scored = {name for output in outputs for name in output.ids}
    failed: dict[str, str] = {}
    for output in outputs:
        for name, why in output.failures.items():
            if name not in scored:
                failed.setdefault(name, why)
    ids = tuple(s.id for s in dataset.samples if s.id not in failed)
    lost = [min(output.failures.values()) for output in outputs if not output.ids]
    remark = (
        f"{len(lost)} of {len(outputs)} fits without a score: first {lost[0]}" if lost else None
    )
    return Output(ids, np.zeros(len(ids)), failed), remark


def by_image(output: Output, dataset: Dataset) -> Output:
    """Results of pairs by test image: samples beside their reference, others beside themselves.

    A sample that is not paired with its reference has the result of the pair of its own name.
    """
    own = {s.id: s.reference for s in dataset.samples}
    pairs = {p.test: p.id for p in dataset.pairs if p.id == p.test}
    pairs |= {p.test: p.id for p in dataset.pairs if p.reference == own.get(p.test, p.test)}
    done = set(output.ids)
    kept = {test: pair for test, pair in pairs.items() if pair in done}
    failures = {
        s.id: output.failures.get(pairs[s.id], "no result") if s.id in pairs else "no reference"
        for s in dataset.images
        if s.id not in kept
    }
    return Output(tuple(kept), _at(output, list(kept.values())), failures)


def _at(output: Output, ids: Sequence[str]) -> Any:
    """The rows of ``ids``, as ``Usable.values``: features may be gigabytes."""
    if not ids:
        return output.values[:0]
    if output.values.ndim < 3:
        return output.at(ids)
    row = {name: i for i, name in enumerate(output.ids)}
    return Rows(output.values, np.array([row[name] for name in ids]))
