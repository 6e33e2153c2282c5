"""The checks that any adapter must pass: ``iqa-eval check MODEL``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch

from .canonical import canonical_json
from .conformance_fit import fit_checks
from .errors import one_line
from .model import (
    MAP_OPERATIONS,
    OPERATIONS,
    PAIR_OPERATIONS,
    Fittable,
    KnownScores,
    Model,
    ModelCard,
    operations,
)
from .operate import operate
from .reducers import MASK_STATS
from .sample import Sample
from .source import FileSource

# Large enough for five scales of MS-SSIM; two are alike, one is odd.
SIZES = ((176, 208), (208, 176), (177, 211), (176, 208))
_NO_MASK = Sample("check", FileSource(None), content="check")  # type: ignore[arg-type]


@dataclass(frozen=True)
class Check:
    """One check of the contract; ``problem`` is None where it passed."""

    name: str
    problem: str | None = None


def check(model: Model) -> list[Check]:
    """Every check of ``model``; needs no dataset and takes seconds, or two fits on 12 images.

    Test images are smooth noise of odd, mixed and repeated sizes, made from a fixed seed.
    """
    found = [
        _attempt("card", lambda: _card(model.card)),
        _attempt("operations", lambda: _some(model)),
    ]
    if isinstance(model, KnownScores):
        return [*found, _attempt("scores", lambda: _known(model.scores_by_id))]
    images, references = _images(0), _images(1)
    for operation in OPERATIONS:
        if operation in operations(model):
            inputs = [images, references] if operation in PAIR_OPERATIONS else [images]
            found += _operation(model, operation, inputs)
    if isinstance(model, Fittable):
        found += [_attempt(name, run) for name, run in fit_checks(model, images)]
    return found


def _operation(model: Model, operation: str, inputs: list[list[torch.Tensor]]) -> Iterator[Check]:
    reducer = MASK_STATS.name if operation in MAP_OPERATIONS else None

    def call(*images: list[torch.Tensor]) -> torch.Tensor:
        getattr(model, "forget", lambda: None)()  # what it remembers would prove nothing
        return operate(model, operation, reducer, *images, samples=[_NO_MASK] * len(images[0]))

    def one_by_one(*images: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat(
            [call(*([image] for image in group)) for group in zip(*images, strict=True)]
        )

    before = [image.clone() for image in inputs[0]]
    try:
        alone = one_by_one(*inputs)
    except Exception as error:
        yield Check(f"{operation}: shape and type", one_line(error))
        return
    yield Check(f"{operation}: shape and type")

    def finite() -> str | None:
        values = alone if operation not in MAP_OPERATIONS else alone[:, :4]
        return None if torch.isfinite(values).all() else "not finite on ordinary images"

    def repeats() -> str | None:
        if not model.card.deterministic or _equal(alone, one_by_one(*inputs)):
            return None
        return "two calls differ, and the card says deterministic"

    def batches() -> str | None:
        same = [[image for image in group if image.shape == group[0].shape] for group in inputs]
        expected = alone[
            [i for i, image in enumerate(inputs[0]) if image.shape == inputs[0][0].shape]
        ]
        together = call(*same)
        if not model.card.batch_invariant:
            close = np.allclose(together, expected, rtol=1e-3, atol=1e-4, equal_nan=True)
            return None if close else "a batch gives other values than its images one at a time"
        return None if _equal(together, expected) else "declared batch-invariant, but bits differ"

    def mixed() -> str | None:
        together = call(*inputs)
        close = np.allclose(together, alone, rtol=1e-3, atol=1e-4, equal_nan=True)
        return None if close else "a list of mixed sizes gives other values than one at a time"

    def unchanged() -> str | None:
        same = all(torch.equal(a, b) for a, b in zip(before, inputs[0], strict=True))
        return None if same else "changes the images that it is given"

    named: tuple[tuple[str, Callable[[], str | None]], ...] = (
        ("finite", finite),
        ("repeatable", repeats),
        ("batches of one size", batches),
        ("mixed sizes", mixed),
        ("leaves its input alone", unchanged),
    )
    for name, run in named:
        yield _attempt(f"{operation}: {name}", run)
    if operation == "distortion_map":
        yield _attempt("distortion_map: range", lambda: _distortion_range(model, inputs))


def _distortion_range(model: Model, inputs: list[list[torch.Tensor]]) -> str | None:
    with torch.inference_mode():
        maps = model.distortion_map(*inputs)  # type: ignore[attr-defined]
        same = model.distortion_map(inputs[0], inputs[0])  # type: ignore[attr-defined]
    if any(m.min() < 0 or m.max() > 1 for m in maps):
        return "values outside [0, 1]"
    worst = max(float((m - 0.5).abs().max()) for m in same)
    return None if worst <= 0.05 else f"an image beside itself is {worst:.2f} away from 0.5"


def _card(card: ModelCard) -> str | None:
    if not isinstance(card, ModelCard):
        return "model.card is not a ModelCard"
    empty = [f.name for f in fields(card) if f.name in ("name", "version", "summary", "license")]
    empty = [name for name in empty if getattr(card, name) in ("", "unknown")]
    if empty:
        return f"the card leaves out: {', '.join(empty)}"
    if card.mode not in ("NR", "FR", "PAIR"):
        return f"mode is {card.mode!r}; it must be NR, FR or PAIR"
    canonical_json(dict(card.options or {}))
    if wrong := [kind for kind, sds in card.tolerance.items() if not 0 <= sds < math.inf]:
        return f"tolerance on {wrong[0]} is {card.tolerance[wrong[0]]}; give SDs of the scores, ≥ 0"
    return _channel_types(card)


def _channel_types(card: ModelCard) -> str | None:
    types = [type for _, type, _ in card.channel_types]
    if len(set(types)) < len(types):
        return "channel_types gives one type to two channels"
    wrong = [e for e in card.channel_types if e[0] not in card.map_channels or abs(e[2]) != 1]
    return f"channel_types: {wrong[0]} is no channel of the map with +1 or -1" if wrong else None


def _some(model: Model) -> str | None:
    offered = operations(model)
    if not offered:
        return f"none of {', '.join(OPERATIONS)}"
    if "distortion_map" in offered and not model.card.map_channels:
        return "distortion_map without map_channels in the card"
    return None


def _known(scores: Mapping[str, float]) -> str | None:
    values = np.array(list(scores.values()), np.float64)
    return None if len(values) and np.isfinite(values).all() else "no scores, or not finite"


def _attempt(name: str, run: Callable[[], str | None]) -> Check:
    try:
        return Check(name, run())
    except Exception as error:
        return Check(name, one_line(error))


def _equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    return bool(np.array_equal(a.numpy(), b.numpy(), equal_nan=True))


def _images(seed: int) -> list[torch.Tensor]:
    """Smooth noise with some grain: like a photograph in its statistics, made of nothing."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    images = []
    for height, width in SIZES:
        coarse = gaussian_filter(rng.standard_normal((3, height, width)), (0, 6, 6))
        grain = 0.05 * rng.standard_normal((3, height, width))
        values = 128 + 40 * (coarse / coarse.std() + grain)
        images.append(torch.from_numpy(values.clip(0, 255).astype(np.uint8)))
    return images
