"""The two suites through the harness: what its protocols say, each fit, and paired differences."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.cache import default_cache
from harness.canonical import slug
from harness.images import DecodePolicy
from harness.jobs import Job, resolve
from harness.model import Model
from harness.protocols import metrics
from harness.protocols.base import Inputs, Need
from harness.protocols.data_efficiency import CURVE
from harness.protocols.fraction_fits import fitted_runs
from harness.protocols.intervals import repeats_interval
from harness.records import Row
from harness.reports.groups import parse_subset
from harness.runner import run_suite
from harness.sample import Dataset
from harness.stage import Computed, Settings, compute, fits_of, outputs_of
from harness.store import Output
from harness.suite import Suite

METRICS = ("srcc", "plcc")
KEYS = ("study", "dataset", "model", "against", "subset", "fit", "metric")
COLUMNS = (*KEYS, "value", "low", "high", "interval", "n", "reason")
CONTROL = "finetune:"  # what the names of controls begin with


@dataclass(frozen=True)
class Study:
    """What came of a suite: ``rows`` with COLUMNS, and ``curves``, a row an epoch of each fit.

    Of a row without "fit" the protocol says the value; with it, it is of that fold or repeat.
    With "against", it is the difference from that model, paired.
    """

    rows: pd.DataFrame
    curves: pd.DataFrame


def study(suite: Suite, out: Path, cache: Path | None, workers: int | None, device: str) -> Study:
    """Run ``suite``, whose first protocol is about fits; what was computed is not done again.

    Raises ValueError, in one line, if it gave no number.
    """
    done = run_suite(suite, out=out, cache=cache, workers=workers, device=device)
    if all(row.value is None for row in done):
        reasons = dict.fromkeys(row.reason for row in done if row.reason)
        raise ValueError(f"{suite.name} gave no number: {'; '.join(reasons)}")
    kind = suite.protocols[0].name
    folder = default_cache() if cache is None else cache
    settings = Settings(folder / "cells", DecodePolicy(icc=suite.icc), device=device)
    jobs, _ = resolve(suite, {}, device)
    able = [job for job in jobs if isinstance(job.needs, tuple)]
    computed = compute(able, settings)  # all of it is there
    rows, curves = list(_told(done, kind)), []
    for job in able:
        about = {"study": kind, "dataset": job.dataset_label, "model": label_of(job)}
        outputs = outputs_of(job, settings, computed)
        rows += [{**about, **row} for row in _each_fit(job, outputs, suite)]
        curves += [{**about, **row} for row in _curves(job, computed, settings)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    if kind == "data-efficiency":
        table = pd.concat([table, pd.DataFrame(_paired(table), columns=list(COLUMNS))])
    table[list(KEYS)] = table[list(KEYS)].astype(object).fillna("")
    return Study(table, pd.DataFrame(curves))


def label(name: str, options: Mapping[str, Any]) -> str:
    """What tells the models of a study apart."""
    return f"{name}, {options['partition']}" if "partition" in options else name


def label_of(job: Job) -> str:
    return label(job.model_label, job.options)


def _told(rows: tuple[Row, ...], kind: str) -> Iterator[dict[str, Any]]:
    """The protocol's own rows, and the paired differences of ``significance``."""
    names = {}
    for row in rows:
        options = json.loads(row.options)
        names[slug(row.model, options)] = names[row.model] = label(row.model, options)
    for row in rows:
        versus = parse_subset(row.subset).get("versus", "")
        if row.protocol != kind and row.metric not in [f"{m}_difference" for m in METRICS]:
            continue
        yield {
            "study": kind,
            "dataset": row.dataset,
            "model": label(row.model, json.loads(row.options)),
            "against": names[versus] if versus else "",
            "subset": "all" if versus else row.subset,
            "metric": row.metric.removesuffix("_difference"),
            "value": row.value,
            "low": row.ci_low,
            "high": row.ci_high,
            "interval": row.ci_method,
            "n": row.n_scored,
            "reason": row.reason,
        }


def _each_fit(job: Job, outputs: Mapping[Need, Output], suite: Suite) -> Iterator[dict[str, Any]]:
    """SRCC and PLCC of each fold, or of each fraction of each repeat, on its test part."""
    assert isinstance(job.dataset, Dataset)
    assert isinstance(job.model, Model)
    if job.protocol_name.name != "data-efficiency":
        labels = {s.id: s.label for s in job.dataset.samples if s.label is not None}
        for i, output in enumerate(outputs.values()):
            asked = zip(output.ids, output.values, strict=True)
            said = {name: value for name, value in asked if name in labels}  # no references
            known = np.array([labels[name] for name in said], float)
            yield from _agreement("all", i, np.array([*said.values()], float), known)
        return
    options = job.protocol_name.options
    shares = tuple(sorted(options.get("fractions", CURVE)))
    repeats = options.get("repeats", 10)
    inputs = Inputs(job.model.card, job.dataset, outputs, {}, suite.seed)
    found, runs = fitted_runs(inputs, shares, repeats)
    for i, run in enumerate(runs):
        repeat = i * repeats // len(runs)
        for share in run.shares:
            subset = f"fraction={100 * share:g}%"
            yield from _agreement(subset, repeat, run.scores[run.fixed], found.labels[run.fixed])


def _agreement(
    subset: str, fit: int, scores: np.ndarray, labels: np.ndarray
) -> Iterator[dict[str, Any]]:
    estimates, _ = metrics.agreement(scores, labels, METRICS)
    for name, estimate in estimates.items():
        about = {"subset": subset, "fit": str(fit + 1), "metric": name, "n": len(scores)}
        yield {**about, "value": estimate.value, "reason": estimate.reason}


def _curves(job: Job, computed: Computed, settings: Settings) -> Iterator[dict[str, Any]]:
    for i, fit in enumerate(fits_of(job, settings, computed)):
        sizes = {"fit": i + 1, "train": fit["train"], "validation": fit["validation"]}
        yield from ({**sizes, **row} for row in fit["curve"])


def _paired(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Means over repeats of each model's difference from the control, with their t intervals."""
    each = rows[rows["fit"].notna()].astype({"value": float})
    for (dataset, subset, metric), here in each.groupby(["dataset", "subset", "metric"]):
        wide = here.pivot(index="fit", columns="model", values="value")
        for control in (name for name in wide if name.startswith(CONTROL)):
            for model in (name for name in wide if name != control):
                values = (wide[model] - wide[control]).dropna()
                if not len(values):
                    continue
                interval = repeats_interval(values.tolist(), (-2, 2))
                yield {
                    **{"study": "data-efficiency", "dataset": dataset, "subset": subset},
                    **{"model": model, "against": control, "metric": metric},
                    **{"value": values.mean(), "low": interval.low, "high": interval.high},
                    **{"interval": f"{interval.method}, paired", "n": len(values)},
                }
