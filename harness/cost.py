"""What it costs to run a model: parameters, arithmetic, speed and memory.

Counts are the same on every machine and each time; speed and memory are not, so they are kept
apart from them, and neither enters a record.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from .cost_options import UNTRAINED
from .errors import one_line
from .macs import Counts, count
from .model import PAIR_OPERATIONS, Model, operations
from .peak_memory import peak_memory

PREFERRED = ("score", "score_pair", "features", "quality_map", "distortion_map")
_LEAST_CALLS = 3


@dataclass(frozen=True)
class Speed:
    """Of one call with a batch; from ``uint8`` images in memory to values in memory.

    ``images_per_second`` is from the median call, with as many threads as torch is set to use.
    ``peak_bytes``: on CUDA what tensors took at most, weights among them; on a CPU what a forked
    process with one thread took at most beyond the loaded model (Linux only). None where it
    cannot be measured.
    """

    images_per_second: float
    peak_bytes: int | None


@dataclass(frozen=True)
class Cost:
    """One operation of a model on ``batch`` images of ``width`` × ``height``.

    ``counts`` are for one image (one pair, for an operation on pairs). Where the operation
    failed both parts are None and ``reason`` says why; else it says what is to be known.
    """

    model: str
    operation: str
    width: int
    height: int
    batch: int
    counts: Counts | None
    speed: Speed | None
    reason: str | None = None


def cost(
    model: Model,
    sizes: Sequence[tuple[int, int]],
    batches: Sequence[int],
    device: str,
    seconds: float = 2.0,
) -> list[Cost]:
    """The cost of ``model`` at each of ``sizes`` (width, height) with each batch.

    The operation is the first that the model offers of score, score_pair, features and the two
    maps, run on random ``uint8`` images for at least ``seconds`` and three times. Raises
    ValueError for a model without an operation, or one that takes no device but the CPU.
    """
    operation = next((o for o in PREFERRED if callable(getattr(model, o, None))), None)
    if operation is None:
        has = operations(model)
        told = f"nothing is computed from images (it has: {', '.join(sorted(has)) or 'nothing'})"
        fit = f"it must be fitted first, and has no option {UNTRAINED}"
        raise ValueError(f"{model.card.name}: {fit if 'fit' in has else told}")
    if hasattr(model, "to"):
        model.to(device)
    elif device != "cpu":
        raise ValueError(f"{model.card.name} runs on the CPU only")
    return [
        each
        for width, height in sizes
        for each in _at(model, operation, width, height, batches, device, seconds)
    ]


def _at(
    model: Model,
    operation: str,
    width: int,
    height: int,
    batches: Sequence[int],
    device: str,
    seconds: float,
) -> Iterator[Cost]:
    generator = torch.Generator().manual_seed(0)  # one for all: no image is drawn twice
    shape = (generator, height, width)
    calls = {batch: _Call(model, operation, batch, *shape) for batch in batches}
    # Memory first, in processes of their own: here, the first call leaves some behind.
    peaks = {batch: peak_memory(calls[batch]) for batch in batches if device == "cpu"}
    counts: Counts | None = None
    for batch, call in calls.items():
        about = (model.card.name, operation, width, height, batch)
        try:
            if counts is None:
                one = _Call(model, operation, 1, *shape)
                one()  # a network may be made when it is first needed
                one.renew()
                counts = count(model, one)
            speed = _speed(call, batch, torch.device(device), seconds, peaks.get(batch))
        except Exception as error:  # whatever an adapter raises at this size
            yield Cost(*about, None, None, one_line(error))
        else:
            yield Cost(*about, counts, speed, _remark(model, counts))


def _remark(model: Model, counts: Counts) -> str | None:
    if (model.card.options or {}).get(UNTRAINED):
        return "the network as it is before any fit"
    if counts.macs_full == 0:
        return "no parameters, matrix products or convolutions of torch"
    return None if counts.parameters else "no parameters of torch"


class _Call:
    """The operation on random images, the same for each model."""

    def __init__(
        self,
        model: Any,
        operation: str,
        batch: int,
        generator: torch.Generator,
        height: int,
        width: int,
    ) -> None:
        self._run = getattr(model, operation)
        self._generator = generator
        shape = (2 if operation in PAIR_OPERATIONS else 1, batch, 3, height, width)
        self._pixels = torch.empty(shape, dtype=torch.uint8)
        self.renew()

    def renew(self) -> None:
        """Draw other images: a model may remember what it made of the last ones."""
        self._pixels.random_(256, generator=self._generator)

    def __call__(self) -> object:
        with torch.inference_mode():
            return self._run(*map(list, self._pixels))


def _speed(
    call: _Call,
    batch: int,
    device: torch.device,
    seconds: float,
    peak: int | None,
) -> Speed:
    call()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    times: list[float] = []
    while len(times) < _LEAST_CALLS or sum(times) < seconds:
        call.renew()
        start = _now(device)
        call()
        times.append(_now(device) - start)
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device)
    return Speed(batch / sorted(times)[len(times) // 2], peak)


def _now(device: torch.device) -> float:
    """Seconds, once what was asked of the device is done."""
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()
    return time.perf_counter()
