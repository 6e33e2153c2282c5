"""``localization``: does the model's map say where the damage is?

Two readings, which are two questions. *Appearance* (``auroc``, ``ap`` …), from a quality map:
where does the probe look bad, by itself? A scene that is dark or smooth somewhere competes with
the damage. *Change* (``change_auroc`` …), from a distortion map: where does the probe look worse
than its pristine image? A map that changes inside the mask alone, up or down at random, has 0.5
for AUROC, but more than chance for the others. Quality maps alone are read so as ``change:NAME``.

Chance is 0.5 for AUROC, ``mask_share`` for AP, and ``pointing_chance`` for the pointing game;
flagging every pixel has the IoU ``mask_share``. ``iou`` is at one threshold for all probes, chosen
on the other contents; ``iou_oracle`` at the best one for each image, which nobody knows. Only
visible, plain probes of damage to a part count, those of several damages (the union of their
masks) apart: ``damages=2``. Means are over contents, each weighing the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from harness.model import PAIR_OPERATIONS
from harness.protocols.agreement import join
from harness.protocols.base import Inputs, Measure, Need, Protocol, Skip, word
from harness.protocols.intervals import content_interval, few_contents
from harness.protocols.outcomes import Usable, by_image, finite, usable
from harness.reducers import Reducer
from harness.sample import Dataset, Sample
from harness.store import Output

from .measures.localization import SHARES, Localization, iou_elsewhere, localization

if TYPE_CHECKING:
    import pandas as pd

# What a reducer keeps: the numbers of a Localization, then its two arrays.
_NUMBERS = tuple(f.name for f in fields(Localization) if f.name not in ("thresholds", "ious"))
_K = len(SHARES)
_STATISTICS = (*_NUMBERS, *(f"{name}{i}" for name in ("threshold", "iou") for i in range(_K)))


def _appearance(maps: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Where quality is low; NaN where no mask is known, or one with a single side."""
    return np.stack([_statistics(-quality, alpha) for quality in maps])


def _change(maps: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Where any channel says that the probe has more damage; where it has less comes last."""
    return _statistics(maps.max(axis=0), alpha)[None]


def _statistics(damage: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    found = None if alpha is None else localization(damage, alpha)
    if found is None:
        return np.full(len(_STATISTICS), np.nan)
    numbers = [getattr(found, name) for name in _NUMBERS]
    return np.concatenate([numbers, found.thresholds, found.ious])


APPEARANCE = Reducer("localize@1", _STATISTICS, _appearance, ("scipy",))
CHANGE = Reducer("localize-change@2", _STATISTICS, _change, ("scipy",))
# What each metric's name begins with.
_READINGS = {
    Need("quality_map", reducer=APPEARANCE.name): "",
    Need("distortion_map", reducer=CHANGE.name): "change_",
}
_CHANCES = {"share": "mask_share", "pointing_chance": "pointing_chance"}  # of either reading


def _needs(operations: frozenset[str], dataset: Dataset, seed: int) -> tuple[Need, ...] | Skip:
    if not partial_probes(dataset):
        return Skip("needs a probe set: no visible damage here covers only a part of the image")
    offered = [need for need in _READINGS if need.operation in operations]
    if needs := tuple(n for n in offered if n.operation not in PAIR_OPERATIONS or dataset.pairs):
        return needs
    if offered:
        return Skip("gives distortion maps, and the dataset has no references")
    return Skip("gives no map (sliding:NAME makes one of any model that scores)")


def partial_probes(dataset: Dataset) -> list[Sample]:
    """Damage to a part of the image, of the plain ladder and not known to be invisible."""
    return [
        s
        for s in dataset.samples
        if s.damages
        and all(damage.area_asked < 1 for damage in s.damages)
        and s.fact("role") in (None, "probe")
        and s.fact("ladder") in (None, "plain")
        and s.fact("visible") != "no"
    ]


def _evaluate(inputs: Inputs) -> list[Measure]:
    probes = partial_probes(inputs.dataset)
    rows: list[Measure] = []
    read = [need for need in _READINGS if need in inputs.outputs]
    for need in read:
        output = inputs.outputs[need]
        if need.operation in PAIR_OPERATIONS:
            output = by_image(output, inputs.dataset)
        output = finite(output, "the mask is empty or the whole image: what is read of the map is")
        metrics = _metrics(usable(probes, output, labeled=False), _READINGS[need], need == read[0])
        rows += _rows(probes, metrics, output.failures, inputs.seed)
    return rows


def _metrics(found: Usable, prefix: str, with_chances: bool) -> pd.DataFrame:
    """One row a probe, one column a metric; IoU is NaN where there is no other content."""
    import pandas as pd

    values = found.values if found.samples else np.empty((0, len(_STATISTICS)))
    table = pd.DataFrame(values[:, : len(_NUMBERS)], [s.id for s in found.samples], list(_NUMBERS))
    curves = values[:, len(_NUMBERS) :].reshape(-1, 2, _K)
    several = len(set(found.contents)) > 1
    table["iou"] = iou_elsewhere(curves[:, 0], curves[:, 1], found.contents) if several else np.nan
    chances = table[list(_CHANCES)].rename(columns=_CHANCES)
    table = table.drop(columns=list(_CHANCES)).add_prefix(prefix)
    return table.join(chances) if with_chances else table


def _rows(
    probes: list[Sample], metrics: pd.DataFrame, failures: Mapping[str, str], seed: int
) -> Iterator[Measure]:
    """Means over contents of the columns of ``metrics``, by subset."""
    output = Output(tuple(metrics.index), metrics.to_numpy(), failures)
    scores = {name: dict(zip(metrics.index, metrics[name], strict=True)) for name in metrics}
    for subset, members in _subsets(probes).items():
        found = usable(members, output, labeled=False)
        names, contents = np.unique(found.contents), found.contents
        by_content = [found.values[contents == name].mean(axis=0) for name in names]
        for i, metric in enumerate(metrics.columns):
            # Chance is 0.5 for AUROC alone; the others would need their chance beside each.
            if "type=" in subset and not metric.endswith("auroc"):
                continue
            row = Measure(
                str(metric), None, found.n_expected, len(found.samples), found.n_failed, subset,
                reason=found.remark, marks=few_contents(len(names)), scores=scores[metric],
            )  # fmt: skip
            values = np.array([means[i] for means in by_content])
            if len(values) and np.isnan(values).any():
                why = "a threshold is chosen on other contents, and there are none"
                row = replace(row, reason=join(why, found.remark), scores=None)
            elif len(values):
                row = _with_mean(row, values, seed)
            elif not members:
                row = replace(row, reason="no probe has a single damage")
            yield row


def _with_mean(row: Measure, by_content: np.ndarray, seed: int) -> Measure:
    value = float(by_content.mean())
    interval = content_interval(
        value,
        lambda counts: (counts @ by_content) / counts.sum(axis=1),
        len(by_content),
        seed,
        (0.0, 1.0),
    )
    return replace(
        row, value=value, ci_low=interval.low, ci_high=interval.high, ci_method=interval.method
    )


def _subsets(probes: list[Sample]) -> dict[str, list[Sample]]:
    """All of one damage, by one condition each, by type and area; then those of several damages."""
    found: dict[str, list[Sample]] = {"all": []}
    several: dict[str, list[Sample]] = {}
    for probe in probes:
        if len(probe.damages) > 1:
            several.setdefault(f"damages={len(probe.damages)}", []).append(probe)
            continue
        (damage,) = probe.damages
        area = f"area={Fraction(damage.area_asked).limit_denominator(4096)}"
        subsets = ["all", area, f"type={word(damage.type)} {area}"]
        if damage.severity is not None:
            subsets.append(f"severity={damage.severity:g}")
        # Where they are no conditions, on the largest areas, they are "any".
        for name in ("shape", "placement"):
            if probe.fact(name) not in (None, "any"):
                subsets.append(f"{name}={probe.fact(name)}")
        for subset in subsets:
            found.setdefault(subset, []).append(probe)
    return found | several


LOCALIZATION = Protocol(
    name="localization",
    version="2",
    summary="whether maps find the damaged part: pixel AUROC, AP, IoU, pointing game",
    headline="auroc",
    needs=_needs,
    evaluate=_evaluate,
)
