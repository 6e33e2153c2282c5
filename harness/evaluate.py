"""Stage 2: one job's cell outputs through its protocol, to a record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from . import records
from .canonical import canonical_json
from .contamination import contamination
from .errors import one_line
from .executors.threads import one_thread
from .jobs import Job
from .model import Model
from .protocols.base import Inputs, Measure, Need, Protocol, Skip
from .sample import Dataset
from .store import Output


def evaluate(
    job: Job,
    outputs: Mapping[Need, Output] | None,
    seed: int,
    folder: Path | None,
    decoding: str,
    device: str,
) -> records.Record:
    """The record of ``job``; ``outputs`` is None where it is skipped.

    Per-sample scores are written below ``folder`` if there is one. A protocol that fails
    becomes a row with the reason.
    """
    if outputs is None:
        assert not isinstance(job.needs, tuple)
        measures, failures = [_nothing(job, job.needs.reason)], {}
        if isinstance(job.needs, Skip):
            measures = [replace(measures[0], marks=(records.NOT_APPLICABLE,))]
    else:
        measures = _measure(job, outputs, seed)
        failures = {
            need.operation + (f" on {need.dataset}" if need.dataset else ""): dict(output.failures)
            for need, output in outputs.items()
        }
    others = {n.dataset: job.dataset_of(n) for n in outputs or () if n.dataset is not None}
    row = partial(
        _row, job, seed=seed, folder=folder, decoding=decoding, device=device, others=others
    )
    rows = tuple(row(measure) for measure in measures)
    warned = {i: why for o in (outputs or {}).values() for i, why in o.warnings.items()}
    return records.Record(rows, failures, job.model_slug, job.protocol_slug, warned)


def _measure(job: Job, outputs: Mapping[Need, Output], seed: int) -> list[Measure]:
    assert isinstance(job.model, Model)
    assert isinstance(job.dataset, Dataset)
    assert isinstance(job.protocol, Protocol)
    others = {need.dataset: job.dataset_of(need) for need in outputs if need.dataset is not None}
    inputs = Inputs(job.model.card, job.dataset, outputs, others, seed)
    try:
        with one_thread():  # BLAS results depend on the number of threads
            measures = [_checked(measure) for measure in job.protocol.evaluate(inputs)]
        if not measures:
            raise ValueError("it measured nothing")
        return measures
    except Exception as error:
        return [_nothing(job, f"{job.protocol_name} failed: {one_line(error)}")]


def _checked(m: Measure) -> Measure:
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


def _nothing(job: Job, reason: str) -> Measure:
    """The row of a job without a number."""
    known = isinstance(job.dataset, Dataset)
    n = len(job.dataset.samples) if known else 0  # type: ignore[union-attr]
    headline = job.protocol.headline if isinstance(job.protocol, Protocol) else "none"
    return Measure(headline, None, n, 0, n, reason=reason)


def _row(
    job: Job,
    m: Measure,
    *,
    seed: int,
    folder: Path | None,
    decoding: str,
    device: str,
    others: Mapping[str, Dataset],
) -> records.Row:
    card = job.model.card if isinstance(job.model, Model) else None
    data = job.dataset if isinstance(job.dataset, Dataset) else None
    marks = list(m.marks)
    involved = [d for d in (data, *others.values()) if d is not None]
    if any(d.label_kind == "pseudo" for d in involved):
        marks.append("pseudo-labels")
    if data is not None and card is not None and card.name in data.circular:
        marks.append("circular")
    if card is not None and card.control:
        marks.append("control")
    return records.Row(
        model=job.model_label,
        model_version=card.version if card else "",
        weights=card.weights_hash if card else "",
        options=canonical_json(job.options),
        mode=card.mode if card else "",
        dataset=job.dataset_label,
        images_hash=data.images_hash if data else "",
        labels_hash=data.labels_hash if data else "",
        label_kind=data.label_kind if data else "none",
        decoding=decoding,
        device=device,
        others=canonical_json({n: [d.images_hash, d.labels_hash] for n, d in others.items()}),
        protocol=job.protocol_name.name,
        protocol_options=canonical_json(job.protocol_name.options),
        protocol_version=job.protocol.version if isinstance(job.protocol, Protocol) else "",
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
        seed=seed,
        published=None,
        published_source=None,
        contamination=contamination(card, *involved) if card and data else "unknown",
        marks=tuple(sorted(marks)),
        scores=records.write_scores(folder, m.scores) if folder and m.scores else None,
        reason=m.reason,
    )
