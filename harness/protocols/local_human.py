"""``local-human``: do people agree that a local damage matters, and does the model agree with them?

On sets whose damages include local ones (``LOCAL_TYPES``): agreement with the labels of the
locally damaged images, of each local type, and of all others. On patches that people rated
beside the images they come from: agreement of the score of the patch that is cut out, or of
the model's quality map pooled inside it, over all patches and between the patches of an image.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np

from ..datasets.crops import CropSource, RegionSource
from ..reducers import MASK_STATS
from ..sample import Dataset
from ..store import Output
from .agreement import agreement_rows
from .base import Inputs, Measure, Need, Protocol, Skip, word
from .correlation import scores_needed, scores_of
from .intervals import few_contents, mean_interval
from .outcomes import Usable, finite, usable

LOCAL_TYPES = frozenset({"color-block", "non-eccentricity", "local-blocks", "fast-fading"})
POOLED = Need("quality_map", reducer=MASK_STATS.name)
_METRICS = ("srcc", "plcc")


def _needs(operations: frozenset[str], dataset: Dataset, seed: int) -> tuple[Need, ...] | Skip:
    if dataset.label_kind == "none":
        return Skip("the dataset has no labels")
    if _has(dataset, RegionSource):
        if "quality_map" in operations:
            return (POOLED,)
        return Skip("gives no quality map that could be pooled inside the patches")
    if _has(dataset, CropSource) or _types(dataset) & LOCAL_TYPES:
        return scores_needed(operations, dataset, seed)
    return Skip("neither patches nor local damage that people have judged")


def _evaluate(inputs: Inputs) -> list[Measure]:
    dataset = inputs.dataset
    output = _inside(inputs.outputs[POOLED]) if POOLED in inputs.outputs else scores_of(inputs)
    if _types(dataset) & LOCAL_TYPES:
        return _by_type(dataset, output, inputs.seed)
    found = usable(dataset.samples, output)
    return [
        *agreement_rows(found, _scores(found), inputs.seed, names=_METRICS),
        _within(found, inputs.seed),
    ]


def _by_type(dataset: Dataset, output: Output, seed: int) -> list[Measure]:
    groups: dict[str, set[str]] = {
        "local": set(LOCAL_TYPES),
        "global": _types(dataset) - LOCAL_TYPES,
    }
    groups |= {f"type={word(kind)}": {kind} for kind in sorted(_types(dataset) & LOCAL_TYPES)}
    rows = []
    for subset, kinds in groups.items():
        samples = [s for s in dataset.samples if s.distortion in kinds]
        found = usable(samples, output)
        rows += agreement_rows(found, _scores(found), seed, names=_METRICS, subset=subset)
    return rows


def _within(found: Usable, seed: int) -> Measure:
    """How often the better of two patches of an image has the better score; a tie is half."""
    by_content = []
    n_pairs = 0
    _, image = np.unique(found.contents, return_inverse=True)
    order = np.argsort(image, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(image[order])) + 1):
        agreed = [
            (np.sign(found.values[i] - found.values[j]) * np.sign(gap) + 1) / 2
            for i, j in combinations(rows, 2)
            if (gap := found.labels[i] - found.labels[j])
        ]
        n_pairs += len(agreed)
        if agreed:
            by_content.append(float(np.mean(agreed)))
    reason = f"{n_pairs} pairs of patches in {len(by_content)} images; chance is 0.5"
    row = Measure(
        "pair_accuracy", None, found.n_expected, len(found.samples), found.n_failed,
        subset="within-image", reason="; ".join(filter(None, (reason, found.remark))),
        marks=few_contents(len(by_content)), scores=_scores(found),
    )  # fmt: skip
    if not by_content:
        return row
    values = np.array(by_content)
    found_in = mean_interval(values, seed)
    low, high, method = found_in.low, found_in.high, found_in.method
    value = float(values.mean())
    return replace(row, value=value, ci_low=low, ci_high=high, ci_method=method)


def _inside(output: Output) -> Output:
    """The mean of each quality map inside its patch."""
    column = MASK_STATS.statistics.index("inside")
    values = output.values[:, 0, column] if output.ids else output.values
    return finite(Output(output.ids, values, output.failures), "the map inside the patch is")


def _scores(found: Usable) -> dict[str, float]:
    values = np.asarray(found.values, np.float64).tolist()
    return {sample.id: value for sample, value in zip(found.samples, values, strict=True)}


def _types(dataset: Dataset) -> set[str]:
    return {sample.distortion for sample in dataset.samples if sample.distortion is not None}


def _has(dataset: Dataset, kind: type) -> bool:
    return any(isinstance(sample.source, kind) for sample in dataset.samples)


LOCAL_HUMAN = Protocol(
    name="local-human",
    version="1",
    summary="agreement with people on local damage, and on patches of images",
    headline="srcc",
    needs=_needs,
    evaluate=_evaluate,
)
