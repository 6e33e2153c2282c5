"""Coverage as stored work: a fixed plan of perturbed images, and what their outputs say.

The images are those of ``coverage``, as a dataset whose cells are computed, kept and resumed
like any other's; the map is a pure function of the outputs. A fixed plan cannot quarter what
answers: each block alone is perturbed by noise, and squares of 4 × 4 blocks in the other ways.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import numpy as np

from harness.sample import Dataset, Pair, Sample
from harness.store import Output

from .coverage import Coverage, summarize
from .coverage_images import (
    BLOCK,
    KINDS,
    PERIODS,
    REQUIRES,
    TEXTURE,
    CoverageImage,
    Frame,
    Region,
)
from .coverage_response import Reference, fine_psnr, reference, resampling
from .coverage_search import OPEN, SEEN, UNSEEN

SQUARE = 4  # blocks on a side
_REPEATS = 4
_NOISY = "its output is not repeatable: measure with iqa-eval coverage MODEL"


def coverage_probes(sizes: str = "512x384", block: int = BLOCK, seed: int = 0) -> Dataset:
    """Images that measure coverage at the sizes "WIDTHxHEIGHT,…": 883 at 512 × 384.

    Raises ValueError for sizes that cannot be read.
    """
    frames = []
    for text in sizes.split(","):
        width, _, height = text.strip().partition("x")
        if not (width.isdecimal() and height.isdecimal()):
            raise ValueError(f"coverage-probes: {text!r} is no size; write e.g. 512x384,1024x768")
        frames.append(Frame(int(width), int(height), block, seed))
    references = tuple(Sample(_name(frame), CoverageImage(frame), _name(frame)) for frame in frames)
    samples = tuple(
        Sample(name, source, _name(frame), reference=_name(frame))
        for frame in frames
        for name, source in _plan(frame)
    )
    pairs = [Pair(s.id, s.id, s.content, s.content) for s in (*references, *samples)]
    return Dataset(
        "coverage-probes", samples, references, explicit_pairs=tuple(pairs), requires=REQUIRES
    )


def outcomes(
    dataset: Dataset, output: Output, model: str, operation: str
) -> dict[tuple[int, int], Coverage | str]:
    """The coverage at each size (width, height), or why there is none.

    ``output`` is that of one of ``coverage.OPERATIONS``. A block is seen where it alone changes
    the output; where it does not, and its square changes it in another way without a seen block
    to explain that, it is OPEN, as where an image failed. There is no map where the base image, a
    repeat or a perturbation of everything failed, nor where the repeats differ: one look at each
    of hundreds of blocks would then find many seen by chance.
    """
    found = {name: row for name, row in zip(output.ids, output.values, strict=True)}
    frames: dict[Frame, dict[CoverageImage, list[np.ndarray]]] = {}
    failed: dict[CoverageImage, str] = {}
    for sample in dataset.images:
        source = sample.source
        assert isinstance(source, CoverageImage)
        rows = frames.setdefault(source.frame, defaultdict(list))
        if sample.id in found:
            rows[source].append(np.asarray(found[sample.id], np.float64).ravel())
        else:
            failed[source] = output.failures.get(sample.id, "no result")
    return {
        (frame.width, frame.height): _coverage(frame, rows, failed, model, operation)
        for frame, rows in frames.items()
    }


def _coverage(
    frame: Frame,
    rows: Mapping[CoverageImage, list[np.ndarray]],
    failed: Mapping[CoverageImage, str],
    model: str,
    operation: str,
) -> Coverage | str:
    lost = [s for s in (CoverageImage(frame), *_whole(frame)) if s in failed]
    if lost:
        return failed[lost[0]]
    whole = [rows[source][0] for source in _whole(frame)]
    at_rest = reference(rows[CoverageImage(frame)], whole)
    if at_rest.noise:
        return _NOISY
    seen = np.full((frame.rows, frame.columns), UNSEEN, np.int8)
    for region in _regions(frame, 1):
        here = seen[region[0] : region[1], region[2] : region[3]]
        here[:] = _state(at_rest, rows, CoverageImage(frame, KINDS[0], region))
    for region in _regions(frame, SQUARE):
        here = seen[region[0] : region[1], region[2] : region[3]]
        states = [_state(at_rest, rows, CoverageImage(frame, k, region)) for k in KINDS[1:]]
        if not (here == SEEN).any() and max(states, key=abs) != UNSEEN:
            here[:] = OPEN
    textures = {p: rows.get(CoverageImage(frame, TEXTURE, period=p)) for p in PERIODS}
    factor, psnr = np.nan, np.nan
    if all(textures.values()):
        factor = resampling(at_rest, {p: r[0] for p, r in textures.items() if r})
        psnr = fine_psnr(frame, factor)
    estimate = (seen == SEEN).astype(np.float32)
    tested = seen[seen != OPEN]
    if tested.size:
        estimate[seen == OPEN] = (tested == SEEN).mean()
    calls = sum(map(len, rows.values()))
    return summarize(
        model, operation, frame, seen, estimate, (0.0, 1.0), calls, at_rest.noise, factor, psnr
    )


def _state(
    at_rest: Reference, rows: Mapping[CoverageImage, list[np.ndarray]], source: CoverageImage
) -> int:
    outputs = rows.get(source)
    if not outputs:
        return OPEN
    return SEEN if at_rest.changed(outputs[0]) else UNSEEN


def _plan(frame: Frame) -> Iterator[tuple[str, CoverageImage]]:
    """The images of one size but the base image, each with its id."""
    for i in range(1, _REPEATS):
        yield f"{_name(frame)}/again/{i}", CoverageImage(frame)
    for source in _whole(frame):
        yield f"{_name(frame)}/whole/{source.kind}", source
    for period in PERIODS:
        yield f"{_name(frame)}/texture/{period:.4g}", CoverageImage(frame, TEXTURE, period=period)
    for region in _regions(frame, 1):
        yield _named(frame, "block", KINDS[0], region)
    for kind in KINDS[1:]:
        for region in _regions(frame, SQUARE):
            yield _named(frame, "square", kind, region)


def _named(frame: Frame, what: str, kind: str, region: Region) -> tuple[str, CoverageImage]:
    name = f"{_name(frame)}/{what}/{kind}/{region[0]:03d}-{region[2]:03d}"
    return name, CoverageImage(frame, kind, region)


def _whole(frame: Frame) -> Sequence[CoverageImage]:
    everything = (0, frame.rows, 0, frame.columns)
    return [CoverageImage(frame, kind, everything) for kind in KINDS]


def _regions(frame: Frame, side: int) -> list[Region]:
    """Squares of ``side`` blocks that cover the image, cut off at its borders."""
    starts = product(range(0, frame.rows, side), range(0, frame.columns, side))
    return [
        (top, min(top + side, frame.rows), left, min(left + side, frame.columns))
        for top, left in starts
    ]


def _name(frame: Frame) -> str:
    return f"{frame.width}x{frame.height}"
