"""What a model sees of an image, measured: which blocks change its output when perturbed.

Nothing is differentiated: a gradient of zero is no evidence that a pixel is not looked at. A
region whose perturbation as a whole changes nothing, in any of three ways, holds no block that
is seen; that a block is seen needs a change by that block alone. So unseen regions are cheap,
and seen blocks cost a call each: where the calls do not suffice, the rest is estimated from a
random sample of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .coverage_images import BLOCK, KINDS, PERIODS, TEXTURE, CoverageImage, Frame, Region
from .coverage_response import fine_psnr, reference, resampling
from .coverage_search import OPEN, SEEN, search

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.model import Model

SIZES = ((512, 384), (1024, 768), (1920, 1080), (3000, 2000))  # width, height
CALLS = 1000
LEAST_CALLS = 100
OPERATIONS = ("score", "score_pair", "features")  # the first that a model offers is measured
_REPEATS = (3, 20)  # of a model that repeats itself, and of one that does not


@dataclass(frozen=True)
class Coverage:
    """The blocks that ``operation`` of a model answers to, at one size of image.

    ``seen`` is ``int8 [rows, columns]``: SEEN, UNSEEN, or OPEN where a block was not reached
    within the calls, or changes the output only together with others. ``estimate``, ``float32``
    of the same shape, has for an open block the share of seen among blocks near it that were
    drawn at random. ``share`` is that of the pixels; where it is not ``exact``, ``low`` and
    ``high`` are a 95 % interval, or all that is possible where there was no such sample or blocks
    answer only together. ``noise`` is the largest change of the output between calls on the same
    image, ``calls`` counts images shown. ``resampling`` and ``fine_psnr`` (dB) say what becomes
    of fine damage: see ``coverage_response``; NaN where not measured.
    """

    model: str
    operation: str
    frame: Frame
    seen: np.ndarray = field(repr=False)
    estimate: np.ndarray = field(repr=False)
    share: float
    low: float
    high: float
    exact: bool
    calls: int
    noise: float
    resampling: float
    fine_psnr: float


def seen_share(coverage: Coverage, alpha: np.ndarray) -> float:
    """How much of a mask is seen: |mask ∩ coverage| / |mask|, in [0, 1].

    ``alpha [H, W]`` is the mask's opacity; pixels with at least 0.5 are the mask. Raises
    ValueError for an empty mask and for another size than the coverage was measured at: what
    is seen does not scale with the image.
    """
    frame = coverage.frame
    if alpha.shape != (frame.height, frame.width):
        height, width = alpha.shape
        raise ValueError(
            f"coverage was measured at {frame.width} × {frame.height} pixels, not at "
            f"{width} × {height}: measure it there"
        )
    pixels = frame.sums((alpha >= 0.5).astype(np.int64))
    if not pixels.any():
        raise ValueError("the mask is empty: alpha is below 0.5 everywhere")
    return float((pixels * coverage.estimate).sum() / pixels.sum())


def coverage(
    model: Model,
    size: tuple[int, int],
    *,
    calls: int = CALLS,
    seed: int = 0,
    block: int = BLOCK,
    progress: bool = False,
) -> Coverage:
    """Measure what ``model`` sees of images of ``size`` (width, height) with at most ``calls``.

    Images are shown one at a time. Regions are quartered, the largest first, with up to half
    of the calls kept for a sample of what stays open. Raises ValueError for a model without one
    of OPERATIONS, one that takes no such size, and too few calls; whatever the adapter raises
    passes.
    """
    from tqdm import tqdm

    if calls < LEAST_CALLS:
        raise ValueError(f"coverage takes at least {LEAST_CALLS} calls, got {calls}")
    frame = Frame(*size, block, seed)
    operation, show = _viewer(model, frame)
    desc = f"coverage at {size[0]} × {size[1]}"
    quiet = not progress
    with tqdm(desc=desc, total=calls, unit="image", delay=2, leave=False, disable=quiet) as bar:
        spent = 0

        def output(
            kind: str | None = None, region: Region | None = None, period: float | None = None
        ) -> np.ndarray:
            nonlocal spent
            spent += 1
            bar.update()
            return show(CoverageImage(frame, kind, region, period))

        repeats = [output() for _ in range(_REPEATS[0])]
        if any(not np.array_equal(r, repeats[0], equal_nan=True) for r in repeats):
            repeats += [output() for _ in range(_REPEATS[1] - _REPEATS[0])]
        everything = (0, frame.rows, 0, frame.columns)
        at_rest = reference(repeats, [output(kind, everything) for kind in KINDS])
        factor = resampling(at_rest, {p: output(TEXTURE, period=p) for p in PERIODS})

        def answers(region: Region, kind: str) -> bool:
            # Where outputs are noisy, a change must show twice: there are hundreds of tests.
            views = range(2 if at_rest.noise else 1)
            return all(at_rest.changed(output(kind, region)) for _ in views)

        most = len(KINDS) * (2 if at_rest.noise else 1)
        found = search(frame, answers, lambda: (calls - spent) // most, np.random.default_rng(seed))
    return summarize(
        model.card.name, operation, frame, *found, spent, at_rest.noise, factor,
        fine_psnr(frame, factor),
    )  # fmt: skip


def summarize(
    model: str,
    operation: str,
    frame: Frame,
    seen: np.ndarray,
    estimate: np.ndarray,
    interval: tuple[float, float],
    calls: int,
    noise: float,
    resampling: float,
    fine_psnr: float,
) -> Coverage:
    """A Coverage from its map; ``interval`` is for the share of seen among the open blocks."""
    pixels, total = frame.pixels, frame.width * frame.height
    known, open_ = (float(pixels[seen == state].sum() / total) for state in (SEEN, OPEN))
    low, high = interval
    return Coverage(
        model, operation, frame, seen, estimate,
        float((pixels * estimate).sum() / total),
        known + open_ * low, min(1.0, known + open_ * high), open_ == 0,
        calls, noise, resampling, fine_psnr,
    )  # fmt: skip


def _viewer(model: Model, frame: Frame) -> tuple[str, Callable[[CoverageImage], np.ndarray]]:
    """The operation that is measured, and a function that gives its output for an image."""
    from harness.images import too_large
    from harness.model import PAIR_OPERATIONS, operations
    from harness.operate import operate
    from harness.sample import Sample

    operation = next((o for o in OPERATIONS if callable(getattr(model, o, None))), None)
    if operation is None:
        has = ", ".join(sorted(operations(model))) or "no operation"
        raise ValueError(f"{model.card.name}: no score and no features of images (it has: {has})")
    if frame.width * frame.height > model.card.max_pixels:
        raise ValueError(f"{model.card.name}: {too_large(frame.width, frame.height)}")
    pristine = CoverageImage(frame).image()

    def show(source: CoverageImage) -> np.ndarray:
        inputs = [[source.image()]]
        if operation in PAIR_OPERATIONS:
            inputs.append([pristine.clone()])
        sample = Sample("coverage", source, content="coverage")
        result = operate(model, operation, None, *inputs, samples=[sample])
        return result.numpy().astype(np.float64).ravel()

    return operation, show
