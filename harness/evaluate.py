"""Stage 2: one job's cell outputs through its protocol, to a record."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from . import records, sample_files
from .canonical import canonical_json
from .contamination import contamination
from .errors import one_line, without_folders
from .executors.threads import one_thread
from .job import Job, Refused
from .model import Model
from .protocols.base import Inputs, Measure, Need, Protocol, Skip
from .sample import Dataset
from .store import Output

Published = Callable[[records.Row], tuple[float, str] | None]


@dataclass(frozen=True)
class Context:
    """What all records of a run share. Per-sample scores are written below ``folder``."""

    seed: int
    folder: Path | None
    decoding: str  # the policy's name
    published: Published = lambda row: None  # value and source, for rows that a paper has
    # Per-sample scores that many rows share are written once: by identity, while they are kept.
    written: dict[int, tuple[Mapping[str, float], str, str | None]] = field(default_factory=dict)
    samples: dict[tuple[str, str], str] = field(default_factory=dict)  # dataset and labels → name

    def write(
        self, scores: Mapping[str, float] | None, datasets: Sequence[Dataset]
    ) -> tuple[str | None, str | None]:
        """The names under which ``scores`` are stored, and the samples that they are of.

        Those are of the first of ``datasets`` that has them all.
        """
        if not (self.folder and scores):
            return None, None
        if id(scores) not in self.written:
            of = next((d for d in datasets if scores.keys() <= {s.id for s in d.images}), None)
            name = sample_files.write_scores(self.folder, scores)
            self.written[id(scores)] = scores, name, self._write_samples(of) if of else None
        return self.written[id(scores)][1:]

    def _write_samples(self, dataset: Dataset) -> str:
        assert self.folder is not None
        known = dataset.name, dataset.labels_hash
        if known not in self.samples:
            self.samples[known] = sample_files.write_samples(self.folder, dataset.images)
        return self.samples[known]


@dataclass(frozen=True)
class Evaluated:
    """The record of a job, and what takes part in comparisons of models: its headline."""

    job: Job
    record: records.Record
    headline: Measure | None


def evaluate(
    job: Job,
    outputs: Mapping[Need, Output] | None,
    context: Context,
    device: str,
    fits: tuple[Mapping[str, Any], ...] = (),
) -> Evaluated:
    """The record of ``job``; ``outputs`` is None where it is skipped.

    ``fits`` is what the record says of the fits that the outputs rest on, in their order. A
    protocol that fails becomes a row with the reason.
    """
    if outputs is None:
        assert not isinstance(job.needs, tuple)
        measures, failures = [nothing(job, job.needs.reason)], {}
        if isinstance(job.needs, Skip):
            measures = [replace(measures[0], marks=(records.NOT_APPLICABLE,))]
    else:
        measures = _measure(job, outputs, context.seed)
        number = {need: i + 1 for i, need in enumerate(n for n in outputs if n.fit)}
        failures = {
            need.operation
            + (f" on {job.dataset_of(need).name}" if need.dataset else "")
            + (f" after fit {number[need]}" if need.fit else ""): _portable(output.failures)
            for need, output in outputs.items()
        }
    others = {n.dataset: job.dataset_of(n) for n in outputs or () if n.dataset is not None}
    head = outputs is None or any(need.operation != "features" for need in outputs)
    rows = tuple(row(job, measure, context, device, others, head=head) for measure in measures)
    warned: dict[str, dict[str, None]] = defaultdict(dict)
    for output in (outputs or {}).values():
        for name, why in _portable(output.warnings).items():
            warned[name][why] = None
    warnings = {name: "; ".join(whys) for name, whys in warned.items()}
    record = records.Record(rows, failures, job.model_slug, job.protocol_slug, warnings, fits)
    # Comparisons are of SRCCs: what has another headline, such as an AUC, takes no part.
    ranks = isinstance(job.protocol, Protocol) and job.protocol.headline == "srcc"
    headlines = (m for m in measures if m.metric == "srcc" and m.subset == "all" and m.scores)
    return Evaluated(job, record, next(headlines, None) if ranks else None)


def _portable(reasons: Mapping[str, str]) -> dict[str, str]:
    return {name: without_folders(why) for name, why in reasons.items()}


def _measure(job: Job, outputs: Mapping[Need, Output], seed: int) -> list[Measure]:
    assert isinstance(job.model, Model)
    assert isinstance(job.dataset, Dataset)
    assert isinstance(job.protocol, Protocol)
    others = {need.dataset: job.dataset_of(need) for need in outputs if need.dataset is not None}
    inputs = Inputs(job.model.card, job.dataset, outputs, others, seed)
    try:
        with one_thread():  # BLAS results depend on the number of threads
            measures = [checked(measure) for measure in job.protocol.evaluate(inputs)]
        if not measures:
            raise ValueError("it measured nothing")
        return measures
    except Exception as error:
        return [nothing(job, f"{job.protocol_name} failed: {one_line(error)}")]


def checked(m: Measure) -> Measure:
    """``m`` in plain numbers, which all have a form in JSON; a value that is none is no value."""
    value, low, high = (
        None if x is None or not math.isfinite(x) else float(x)
        for x in (m.value, m.ci_low, m.ci_high)
    )
    return replace(
        m,
        value=value,
        ci_low=low,
        ci_high=high,
        n_expected=int(m.n_expected),
        n_scored=int(m.n_scored),
        n_failed=int(m.n_failed),
        reason=m.reason or (None if value is not None else f"not a number: {m.value}"),
    )


def nothing(job: Job, reason: str) -> Measure:
    """The row of a job without a number."""
    known = isinstance(job.dataset, Dataset)
    n = len(job.dataset.samples) if known else 0  # type: ignore[union-attr]
    headline = "none" if isinstance(job.protocol, Refused) else job.protocol.headline
    return Measure(headline, None, n, 0, n, reason=reason)


def row(
    job: Job,
    m: Measure,
    context: Context,
    device: str,
    others: Mapping[str, Dataset],
    *,
    head: bool = True,
) -> records.Row:
    """The row of ``m``; ``others`` are the datasets it rests on besides the job's.

    ``head``: whether it rests on what a head of the model's own has learned.
    """
    card = job.model.card if isinstance(job.model, Model) else None
    if m.others is not None:
        others = {name: others[name] for name in m.others}
    data = job.dataset if isinstance(job.dataset, Dataset) else None
    marks = list(m.marks)
    involved = [d for d in (data, *others.values()) if d is not None]
    marks += [mark for d in involved for mark in d.marks]
    if m.n_failed and m.value is not None:
        marks.append(f"incomplete ({m.n_expected - m.n_failed} of {m.n_expected})")
    own = card.trained_on if head and card is not None else None
    taught = any(t.component == "head" and t.role == "pseudo" for t in own or ())
    if taught or any(d.label_kind == "pseudo" for d in involved):
        marks.append("pseudo-labels")
    if data is not None and card is not None and card.name in data.circular:
        marks.append("circular")
    if card is not None and card.control:
        marks.append("control")
    # What names its others was measured on those.
    scores, samples = context.write(m.scores, involved if m.others is None else involved[::-1])
    found = records.Row(
        model=job.model_label,
        model_version=card.version if card else "",
        weights=card.weights_hash if card else "",
        options=canonical_json(job.options),
        mode=card.mode if card else "",
        dataset=job.dataset_label,
        images_hash=data.images_hash if data else "",
        labels_hash=data.labels_hash if data else "",
        label_kind=data.label_kind if data else "none",
        decoding=context.decoding,
        device=device,
        others=canonical_json({d.name: [d.images_hash, d.labels_hash] for d in others.values()}),
        protocol=job.protocol_name.name,
        protocol_options=canonical_json(job.protocol_options),
        protocol_version="" if isinstance(job.protocol, Refused) else job.protocol.version,
        split=m.split,
        subset=m.subset,
        metric=m.metric,
        value=m.value,
        ci_low=m.ci_low,
        ci_high=m.ci_high,
        ci_method=m.ci_method,
        n_expected=m.n_expected,
        n_scored=m.n_scored,
        n_failed=m.n_failed,
        seed=context.seed,
        published=None,
        published_source=None,
        contamination=contamination(card, *involved, head=head) if card and data else "unknown",
        marks=tuple(sorted(set(marks))),
        scores=scores,
        reason=None if m.reason is None else without_folders(m.reason),
        samples=samples,
        tolerance=card.tolerance_on(device) if card else None,
    )
    value, source = context.published(found) or (None, None)
    return replace(found, published=value, published_source=source)
