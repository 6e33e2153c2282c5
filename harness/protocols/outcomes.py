"""Which samples a protocol can use, and what became of the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..sample import Dataset, Sample
from ..store import Output


@dataclass(frozen=True)
class Usable:
    """The samples with a result (and a label, where one is asked for), sorted by id."""

    samples: tuple[Sample, ...]
    values: np.ndarray  # row i belongs to samples[i]
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
    values = output.at([s.id for s in kept]) if kept else output.values[:0]
    return Usable(tuple(kept), values, len(samples), "; ".join(remarks) or None)


def finite(output: Output, what: str) -> Output:
    """``output`` with every row that holds NaN or infinity among the failures, as ``what``."""
    if not output.ids:
        return output
    good = np.isfinite(output.values).reshape(len(output.ids), -1).all(axis=1)
    if good.all():
        return output
    bad = {name: f"{what} not finite" for name, ok in zip(output.ids, good, strict=True) if not ok}
    ids = tuple(name for name in output.ids if name not in bad)
    return Output(ids, output.values[good], {**output.failures, **bad})


def by_image(output: Output, dataset: Dataset) -> Output:
    """Results of pairs by test image: samples beside their reference, others beside themselves."""
    own = {s.id: s.reference for s in dataset.samples}
    pairs = {p.test: p.id for p in dataset.pairs if p.reference == own.get(p.test, p.test)}
    done = set(output.ids)
    kept = {test: pair for test, pair in pairs.items() if pair in done}
    failures = {
        s.id: output.failures.get(pairs[s.id], "no result") if s.id in pairs else "no reference"
        for s in dataset.images
        if s.id not in kept
    }
    values = output.at(list(kept.values())) if kept else output.values[:0]
    return Output(tuple(kept), values, failures)
