"""``coverage``: how much of an image a model answers to at all, and how fine a detail."""

from __future__ import annotations

import math

from harness.protocols.base import Inputs, Measure, Need, Protocol, Skip
from harness.sample import Dataset

from .coverage import OPERATIONS, Coverage
from .coverage_images import CoverageImage
from .coverage_probes import outcomes


def coverage_need(operations: frozenset[str], dataset: str | None = None) -> Need | None:
    """What coverage is read from: the first that a model offers of score, score_pair, features."""
    operation = next((name for name in OPERATIONS if name in operations), None)
    return None if operation is None else Need(operation, dataset)


def _needs(operations: frozenset[str], dataset: Dataset, seed: int) -> tuple[Need, ...] | Skip:
    if not dataset.images or not all(isinstance(i.source, CoverageImage) for i in dataset.images):
        return Skip("needs the dataset coverage-probes: images perturbed block by block")
    need = coverage_need(operations)
    return Skip("gives neither scores nor features") if need is None else (need,)


def _evaluate(inputs: Inputs) -> list[Measure]:
    ((need, output),) = inputs.outputs.items()
    found = outcomes(inputs.dataset, output, inputs.card.name, need.operation)
    done, rows = set(output.ids), []
    for base in inputs.dataset.references:  # one a size
        assert isinstance(base.source, CoverageImage)
        frame = base.source.frame
        images = [i.id for i in inputs.dataset.images if i.content == base.content]
        scored = len(done & set(images))
        counts = (len(images), scored, len(images) - scored)
        at = found[frame.width, frame.height]
        size = f"size={frame.width}x{frame.height}"
        rows += _rows(at, counts, "all" if len(inputs.dataset.references) == 1 else size)
    return rows


def _rows(at: Coverage | str, counts: tuple[int, int, int], subset: str) -> list[Measure]:
    if isinstance(at, str):
        return [Measure("in_view", None, *counts, subset, reason=at)]
    how = None if at.exact else "bounds: of the open blocks none or all are seen"
    low, high = (None, None) if at.exact else (at.low, at.high)
    share = Measure("in_view", at.share, *counts, subset, ci_low=low, ci_high=high, ci_method=how)
    detail = {"resampling": at.resampling, "fine_psnr": at.fine_psnr}
    return [share, *(_number(name, value, counts, subset) for name, value in detail.items())]


def _number(metric: str, value: float, counts: tuple[int, int, int], subset: str) -> Measure:
    if math.isfinite(value):
        return Measure(metric, value, *counts, subset)
    return Measure(metric, None, *counts, subset, reason="no detail of any size changes the output")


COVERAGE = Protocol(
    name="coverage",
    version="1",
    summary="share of an image that changes the output, and the finest detail that does",
    headline="in_view",
    needs=_needs,
    evaluate=_evaluate,
)
