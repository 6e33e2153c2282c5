"""Stage 2: what protocols measured of all models on a dataset, through a comparison, to records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from . import records
from .errors import one_line
from .evaluate import Context, Evaluated, checked, nothing, row
from .executors.threads import one_thread
from .job import Job
from .protocols.base import Comparison, Entrant, Measure, Protocol
from .sample import Dataset
from .suite import Named


def compare(
    name: Named,
    comparison: Comparison,
    evaluated: Sequence[Evaluated],
    context: Context,
    device_of: Callable[[Job], str],
) -> list[records.Record]:
    """The records of ``comparison`` for the models of one dataset, one for each.

    ``evaluated`` holds what the protocols of the run gave on it.
    """
    jobs = {each.job.model_slug: replace(each.job, protocol_name=name, protocol=comparison)
            for each in evaluated}  # fmt: skip
    labels = _labels(jobs.values())
    entrants = tuple(
        _entrant(each, labels[each.job.model_slug])
        for each in evaluated
        if not isinstance(each.job.protocol, Protocol) or each.job.protocol.headline == "srcc"
    )
    dataset = evaluated[0].job.dataset
    measured: Mapping[str, list[Measure]] = {}
    why = "nothing to compare: no protocol of this run scored the samples"
    if isinstance(dataset, Dataset) and any(entrant.scores for entrant in entrants):
        try:
            with one_thread():
                measured = comparison.evaluate(dataset, entrants, context.seed)
        except Exception as error:
            why = f"{name} failed: {one_line(error)}"
    found = []
    for model, job in jobs.items():
        measures = [checked(m) for m in measured.get(labels[model], ())] or [nothing(job, why)]
        rows = tuple(row(job, measure, context, device_of(job), {}) for measure in measures)
        found.append(records.Record(rows, {}, model, job.protocol_slug))
    return found


def _labels(jobs: Iterable[Job]) -> dict[str, str]:
    """Each model's slug → its name, or the slug itself where two models share the name."""
    names = {job.model_slug: job.model_label for job in jobs}
    count = Counter(names.values())
    return {model: model if count[label] > 1 else label for model, label in names.items()}


def _entrant(each: Evaluated, label: str) -> Entrant:
    measure = each.headline
    marks = next(iter(each.record.rows)).marks
    name = each.job.protocol_name.name
    protocol = each.job.protocol_slug if each.job.protocol_options else name
    if measure is None:
        return Entrant(label, protocol, None, {}, marks)
    return Entrant(label, protocol, measure.value, dict(measure.scores or {}), marks)
