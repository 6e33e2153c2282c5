"""The suites through the harness: what its protocols say, each fit, and paired differences."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from baselines.finetuning.run import SECONDS
from harness.cache import default_cache
from harness.canonical import canonical_json, slug
from harness.images import DecodePolicy
from harness.job import Job
from harness.jobs import resolve
from harness.model import Model, Unavailable
from harness.protocols import metrics
from harness.protocols.base import Inputs, Need
from harness.protocols.data_efficiency import CURVE
from harness.protocols.fraction_fits import fitted_runs
from harness.protocols.intervals import repeats_interval
from harness.records import Row
from harness.registry import BrokenPlugin, load_model
from harness.runner import run_suite
from harness.sample import Dataset
from harness.settings import Settings
from harness.stage import Computed, compute, fits_of, outputs_of
from harness.store import Output
from harness.suite import Named, Suite

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
    names = labels((row.model, json.loads(row.options)) for row in done)
    rows, curves = list(_told(done, kind, names)), []
    for job in able:
        about = {"study": kind, "dataset": job.dataset_label, "model": names[job.model_slug]}
        outputs = outputs_of(job, settings, computed)
        rows += [{**about, **row} for row in _each_fit(job, outputs, suite)]
        curves += [{**about, **row} for row in _curves(job, computed, settings)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table = pd.concat([table, pd.DataFrame(_paired(table, kind), columns=list(COLUMNS))])
    table[list(KEYS)] = table[list(KEYS)].astype(object).fillna("")
    return Study(table, pd.DataFrame(curves))


def labels(models: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, str]:
    """What tells the models (name, options) of a study apart, by their slugs.

    It is the name with the options in which variants of that name differ, and the partition.
    """
    variants: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for name, options in models:
        variants[name][slug(name, dict(options))] = options
    found = {}
    for name, each in variants.items():
        known = sorted({option for options in each.values() for option in options})
        told = [
            o for o in known if o == "partition" or len({_text(v, o) for v in each.values()}) > 1
        ]
        for where, options in each.items():
            texts = (f"{o}={_text(options, o)}" for o in told if o in options)
            found[where] = ", ".join([name, *texts])
    return found


def require_told_apart(suites: Iterable[Suite]) -> None:
    """Raise ValueError, in one line, where results of two models would be laid over each other."""
    seen: dict[tuple[str, str, str], str] = {}
    for suite in suites:
        models = [_as_loaded(named) for named in suite.models]
        names = labels(models)
        for name, options in models:
            label = names[slug(name, dict(options))]
            for dataset in suite.datasets:
                place = suite.protocols[0].name, dataset.name, label
                if place in seen:
                    raise ValueError(
                        f"{label} is measured twice by {place[0]} on {place[1]} (in {seen[place]} "
                        f"and {suite.name}): leave one out, or give it a --report of its own"
                    )
                seen[place] = suite.name


def _as_loaded(named: Named) -> tuple[str, Mapping[str, Any]]:
    """Name and options as records have them: of one that cannot be loaded, as they are asked."""
    try:
        card = load_model(named.name, **named.options).card
    except (Unavailable, BrokenPlugin, ValueError):  # the run says why
        return named.name, named.options
    return card.name, card.options or {}


def _text(options: Mapping[str, Any], option: str) -> str:
    value = options.get(option)
    return value if isinstance(value, str) else canonical_json(value)


def _told(rows: tuple[Row, ...], kind: str, names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The protocol's own rows."""
    for row in (row for row in rows if row.protocol == kind):
        yield {
            "study": kind,
            "dataset": row.dataset,
            "model": names[slug(row.model, json.loads(row.options))],
            "against": "",
            "subset": row.subset,
            "metric": row.metric,
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
        taken = seconds(settings.fits / job.model_slug / fit["key"][:20] / SECONDS)
        for row in fit["curve"]:
            yield {**sizes, **row, "seconds": taken.get(int(row["epoch"]))}


def seconds(path: Path) -> dict[int, float]:
    """By epoch, what its training took; the last time of one that was done again after a kill."""
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    return {int(epoch): float(taken) for epoch, taken in map(str.split, lines)}


def _paired(rows: pd.DataFrame, kind: str) -> Iterator[dict[str, Any]]:
    """Means over fits of each model's difference from the control, with their t intervals.

    Fits of one fold or repeat are compared with each other: predictions of several fits do not
    stand on one scale, and a correlation over all of them is also one of their offsets.
    """
    each = rows[rows["fit"].notna()].astype({"value": float})
    for (dataset, subset, metric), here in each.groupby(["dataset", "subset", "metric"]):
        wide = here.pivot(index="fit", columns="model", values="value")
        for control in (name for name in wide if name.startswith(CONTROL)):
            for model in (name for name in wide if name != control):
                values = (wide[model] - wide[control]).dropna()
                if not len(values):
                    continue
                interval = repeats_interval(values.tolist(), (-2, 2))
                method = interval.method
                if kind == "fine-tune":
                    method = method.replace("repeats", "splits")
                yield {
                    **{"study": kind, "dataset": dataset, "subset": subset},
                    **{"model": model, "against": control, "metric": metric},
                    **{"value": values.mean(), "low": interval.low, "high": interval.high},
                    **{"interval": f"{method}, paired", "n": len(values)},
                }
