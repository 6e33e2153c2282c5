"""``sensitivity``: does the score fall when a part of the image is damaged, and by how much?

The response to a probe is (score of the pristine image - score of the probe) / SD, where SD is
the standard deviation of the model's scores over the pristine images and the full-frame probes:
above 0 the damage is noticed as worse. Means are over contents first, so that each weighs the same.
An encoder is read through a ridge head fitted on the labeled ``head_dataset`` (see
``sensitivity_scores``). Damage that nobody can see counts in means, ratios, the index and
monotonicity, as leaving it out would keep what shows alone at small areas; from the detection and
thresholds of plain ladders it is left out, neither hit nor miss. Rows of a type or shape that the
model was not trained on, though on others, are marked "held out".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np

from harness.protocols.agreement import join
from harness.protocols.base import Inputs, Measure, Need, Protocol, Skip, word
from harness.protocols.intervals import Interval, few_contents, mean_interval
from harness.protocols.metrics import varies
from harness.protocols.outcomes import Usable, usable
from harness.sample import Dataset, Sample
from harness.store import Output

from .coverage_probes import outcomes
from .coverage_protocol import coverage_need
from .observed import observed
from .sensitivity_scores import FEATURES, head_samples, remark, scores_of
from .trained import held_out, trained

_REMARKED = ("response_ratio", "lsi")  # what rests on where scores come from


def sensitivity(coverage: str = "") -> Protocol:
    """Which local damage a score notices: response, detection, threshold and index, by area.

    ``coverage`` names a dataset of images perturbed block by block, of the sizes of the probes
    (coverage-embedded for the embedded contents): sensitivity is then also reported for damage
    that lies where the model looks.
    """
    return Protocol(
        name="sensitivity",
        version="6",
        summary="which local damage a score notices: response, detection, thresholds, index",
        headline="response",
        needs=partial(_needs, coverage),
        evaluate=partial(_evaluate, coverage),
    )


def _needs(
    coverage: str, operations: frozenset[str], dataset: Dataset, seed: int
) -> tuple[Need, ...] | Skip:
    if not dataset.samples or any(not s.damages or s.reference is None for s in dataset.samples):
        return Skip("needs a probe set: every sample with known damage and a reference")
    probes = _singles(dataset.samples)
    if all(_area(s) == 1 for s in probes):
        return Skip("needs a probe set: no damage here covers only a part of the image")
    looks = coverage_need(operations, coverage) if coverage else None
    also = () if looks is None else (looks,)
    if "score" in operations:
        return (Need("score"), *also)
    if "score_pair" in operations:
        alone = {s.reference for s in probes} - {p.id for p in dataset.pairs}
        if alone:
            return Skip(f"full-reference, and {min(map(str, alone))!r} is not paired with itself")
        return (Need("score_pair"), *also)
    if "features" in operations:
        if dataset.head_dataset is None:
            return Skip("gives features, and the dataset names no labeled set to fit a head on")
        return (FEATURES, Need("features", dataset.head_dataset), *also)
    return Skip("gives neither scores nor features")


def _evaluate(coverage: str, inputs: Inputs) -> list[Measure]:
    # Pandas comes with these, and protocols are listed without it.
    from . import in_view
    from .sensitivity_rows import ratio_rows
    from .sensitivity_rows import rows as sensitivity_rows

    probes = _singles(inputs.dataset.samples)
    scores, why = scores_of(inputs)
    known = trained(inputs.card, head_samples(inputs))
    responses, spread, undefined = _responses(probes, scores)
    why = why or undefined
    areas = sorted({_area(s) for s in probes})
    rows = []
    for area in areas:
        here = [s for s in probes if _area(s) == area]
        rows.append(_mean(here, responses, f"area={area}", why, inputs.seed))
        for kind in sorted({s.damages[0].type for s in here}):
            part = [s for s in here if s.damages[0].type == kind]
            rows.append(_mean(part, responses, f"type={word(kind)} area={area}", why, inputs.seed))
        if area < 1 and why:
            rows.append(
                _row("response_ratio", None, usable(here, responses, False), f"area={area}", why)
            )
    if why is None:
        table = observed(inputs.dataset.samples, scores, spread, known)
        rows += ratio_rows(table, [area for area in areas if area < 1], inputs.seed)
        rows += sensitivity_rows(table, inputs.seed)
        for need, output in inputs.outputs.items():
            if coverage and need.dataset == coverage:
                found = outcomes(inputs.others[coverage], output, inputs.card.name, need.operation)
                shares = in_view.seen_shares(plain(probes), found)
                lacking = next((at for at in found.values() if isinstance(at, str)), None)
                rows += in_view.rows(table, shares, inputs.seed, lacking)
    per_sample = dict(sorted(zip(scores.ids, scores.values.tolist(), strict=True)))
    about = remark(inputs, scores)

    def whole(row: Measure) -> Measure:
        told = about if row.metric in _REMARKED and row.value is not None else None
        marks = (*row.marks, *held_out(row.subset, known))
        return replace(row, scores=per_sample, reason=join(row.reason, told), marks=marks)

    return [whole(row) for row in rows]


def plain(samples: Iterable[Sample]) -> list[Sample]:
    """The probes of plain ladders with one damage, that can be seen: neither controls nor
    harmless changes, nor any whose severity was set by what it does."""
    return [s for s in _singles(samples) if s.fact("visible") != "no"]


def unit_ids(samples: Iterable[Sample]) -> list[str]:
    """The images over whose scores the SD is taken, a response's unit: pristine and full-frame."""
    probes = _singles(samples)
    full = {p.id for p in probes if _area(p) == 1}
    return sorted(full | {str(p.reference) for p in probes})


def _singles(samples: Iterable[Sample]) -> list[Sample]:
    """``plain`` with what cannot be seen."""
    return [
        s
        for s in samples
        if len(s.damages) == 1
        and s.fact("role") in (None, "probe")
        and s.fact("ladder") in (None, "plain")
    ]


def _responses(probes: Iterable[Sample], scores: Output) -> tuple[Output, float, str | None]:
    """The response to every probe, the SD that one is made of, and why there is none, or None."""
    score = dict(zip(scores.ids, scores.values.tolist(), strict=True))
    values, failures = {}, {}
    for probe in probes:
        reference = str(probe.reference)
        if probe.id not in score:
            failures[probe.id] = scores.failures.get(probe.id, "no result")
        elif reference not in score:
            reason = scores.failures.get(reference, "no result")
            failures[probe.id] = f"its reference {reference}: {reason}"
        else:
            values[probe.id] = score[reference] - score[probe.id]
    known = np.array([score[name] for name in unit_ids(probes) if name in score])
    if len(known) < 2 or not varies(known):
        why = None if not values else "scores do not vary"
        return Output(tuple(values), np.zeros(len(values)), failures), 1.0, why
    spread = float(known.std(ddof=1))
    return Output(tuple(values), np.array(list(values.values())) / spread, failures), spread, None


def _mean(
    probes: list[Sample], responses: Output, subset: str, why: str | None, seed: int
) -> Measure:
    found = usable(probes, responses, labeled=False)
    if why or not found.samples:
        return _row("response", None, found, subset, why)
    by_content = _by_content(found)[:, 0]
    interval = mean_interval(by_content, seed)
    return _row("response", float(by_content.mean()), found, subset, None, interval)


def _by_content(found: Usable) -> np.ndarray:
    """Means of the values over each content, ``float64 [C, K]``."""
    values = found.values.reshape(len(found.samples), -1)
    names, contents = sorted(set(found.contents)), found.contents
    return np.stack([values[contents == name].mean(axis=0) for name in names])


def _row(
    metric: str,
    value: float | None,
    found: Usable,
    subset: str,
    why: str | None,
    interval: Interval | None = None,
) -> Measure:
    low, high, how = (interval.low, interval.high, interval.method) if interval else (None,) * 3
    return Measure(
        metric, value, found.n_expected, len(found.samples), found.n_failed, subset,
        ci_low=low, ci_high=high, ci_method=how, reason=join(why, found.remark),
        marks=few_contents(len(set(found.contents))),
    )  # fmt: skip


def _area(probe: Sample) -> Fraction:
    """The area asked, as the fraction that prints as 1/64 … 1."""
    return Fraction(probe.damages[0].area_asked).limit_denominator(4096)
