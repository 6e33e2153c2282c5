"""One pass: stream a shard of a dataset through the operations of many cells.

Each image is decoded once, goes through every cell that still lacks it, and is dropped as
soon as no pair of the shard needs it any more, so memory does not grow with the dataset.
What a cell has computed is committed in parts; a failure is a recorded value.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from .cells import Cell
from .images import Decoded, DecodePolicy, Failure
from .model import PAIR_OPERATIONS, Model
from .operate import operate
from .sample import Dataset, Sample
from .store import CellFiles, Store, StoreError

PART_SAMPLES, PART_SECONDS = 64, 5.0
BATCH, BUFFERED = 16, 64

Tick = Callable[[int], None]


@dataclass(frozen=True)
class Task:
    """A cell and the adapter that computes it."""

    cell: Cell
    model: Model

    @property
    def pairwise(self) -> bool:
        return self.cell.operation in PAIR_OPERATIONS


@dataclass(frozen=True)
class Pass:
    """One shard: for each task, the ids (of images or of pairs) that it still lacks.

    ``images`` are those needed, in the order in which they are streamed; ``decoders`` the
    processes that decode ahead (0: decode here). ``share`` is how many passes run side by
    side: parts shrink by it, so that a kill costs one part's work in all.
    """

    dataset: Dataset
    tasks: tuple[Task, ...]
    lacking: tuple[frozenset[str], ...]
    images: tuple[str, ...]
    policy: DecodePolicy
    store: Path
    decoders: int = 0
    share: int = 1


def run_pass(work: Pass, tick: Tick = lambda n: None) -> None:
    """Compute and commit what the pass lacks; ``tick(n)`` reports n finished results.

    Raises StoreError if nothing can be written. On any interruption what is finished is
    committed first.
    """
    store = Store(work.store)
    lines = [
        _Line(task, lacking, _Parts(store.cell(task.cell), work.share), tick)
        for task, lacking in zip(work.tasks, work.lacking, strict=True)
    ]
    samples = {sample.id: sample for sample in work.dataset.images}
    position = {name: i for i, name in enumerate(work.images)}
    due = defaultdict(list)  # image id → pairs that are complete once it is decoded
    uses: Counter[str] = Counter()
    for pair in work.dataset.pairs:
        if any(line.task.pairwise and pair.id in line.lacking for line in lines):
            due[max(pair.test, pair.reference, key=position.__getitem__)].append(pair)
            uses.update({pair.test, pair.reference})
    held: dict[str, Decoded | Failure] = {}
    try:
        for name, decoded in _stream([samples[i] for i in work.images], work.policy, work.decoders):
            for line in lines:
                if not line.task.pairwise:
                    line.feed(name, (decoded,), samples[name])
            held[name] = decoded
            for pair in due[name]:
                for line in lines:
                    if line.task.pairwise:
                        members = (held[pair.test], held[pair.reference])
                        line.feed(pair.id, members, samples[pair.test])
                uses.subtract({pair.test, pair.reference})
            held = {i: image for i, image in held.items() if uses[i] > 0}
        for line in lines:
            line.finish()
    except StoreError:
        raise
    except BaseException:
        for line in lines:
            line.parts.commit()
        raise


@dataclass
class _Parts:
    """Results of one cell that are not yet committed."""

    files: CellFiles
    share: int
    ids: list[str] = field(default_factory=list)
    values: list[torch.Tensor] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    since: float = 0.0

    def add(self, name: str, result: torch.Tensor | str) -> None:
        if not self.ids and not self.failures:
            self.since = time.monotonic()
        if isinstance(result, str):
            self.failures[name] = result
        else:
            self.ids.append(name)
            self.values.append(result)
        full = len(self.ids) + len(self.failures) >= max(1, PART_SAMPLES // self.share)
        if full or time.monotonic() - self.since >= PART_SECONDS / self.share:
            self.commit()

    def commit(self) -> None:
        if self.ids or self.failures:
            values = torch.stack(self.values).numpy() if self.values else None
            self.files.write_part(self.ids, values, self.failures)
        self.ids, self.values, self.failures = [], [], {}


class _Line:
    """One task's way through a pass: checks, batches where that is safe, computes, commits."""

    def __init__(self, task: Task, lacking: frozenset[str], parts: _Parts, tick: Tick) -> None:
        self.task, self.lacking, self.parts, self.tick = task, lacking, parts, tick
        self.waiting: dict[tuple[torch.Size, ...], list[_Item]] = {}

    def feed(self, name: str, members: Sequence[Decoded | Failure], sample: Sample) -> None:
        """Take one image (or a test image and its reference) if this task lacks it."""
        if name not in self.lacking:
            return
        for member, which in zip(members, ("", "reference: "), strict=False):
            if (why := self._refusal(member)) is not None:
                self._add(name, f"{which}{why}")
                return
        item = _Item(name, tuple(m.image for m in members if isinstance(m, Decoded)), sample)
        if not self.task.model.card.batch_invariant:
            self._compute([item])
            return
        shape = tuple(image.shape for image in item.images)
        self.waiting.setdefault(shape, []).append(item)
        if len(self.waiting[shape]) == BATCH:
            self._compute(self.waiting.pop(shape))
        elif sum(map(len, self.waiting.values())) >= BUFFERED:
            self._compute(self.waiting.pop(max(self.waiting, key=lambda s: len(self.waiting[s]))))

    def finish(self) -> None:
        for items in self.waiting.values():
            self._compute(items)
        self.waiting = {}
        self.parts.commit()

    def _refusal(self, member: Decoded | Failure) -> str | None:
        if isinstance(member, Failure):
            return member.reason
        limit = self.task.model.card.max_pixels
        pixels = member.image.shape[1] * member.image.shape[2]
        if pixels > limit:
            return f"{pixels / 1e6:.1f} megapixels; this model takes at most {limit / 1e6:.1f}"
        return None

    def _compute(self, items: list[_Item]) -> None:
        try:
            results = operate(
                self.task.model,
                self.task.cell.operation,
                self.task.cell.reducer,
                *(list(group) for group in zip(*(item.images for item in items), strict=True)),
                samples=[item.sample for item in items],
            )
        except Exception as error:
            if len(items) > 1:  # one bad image must not cost its neighbors
                for item in items:
                    self._compute([item])
            else:
                self._add(items[0].name, _one_line(error))
            return
        for item, result in zip(items, results, strict=True):
            self._add(item.name, result)

    def _add(self, name: str, result: torch.Tensor | str) -> None:
        self.parts.add(name, result)
        self.tick(1)


@dataclass(frozen=True)
class _Item:
    name: str
    images: tuple[torch.Tensor, ...]
    sample: Sample


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


class _Decoding(torch.utils.data.Dataset[tuple[str, Decoded | Failure]]):
    def __init__(self, samples: Sequence[Sample], policy: DecodePolicy) -> None:
        self.samples, self.policy = samples, policy

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, i: int) -> tuple[str, Decoded | Failure]:
        return self.samples[i].id, self.samples[i].source.load(self.policy)


def _stream(
    samples: Sequence[Sample], policy: DecodePolicy, decoders: int
) -> Iterator[tuple[str, Decoded | Failure]]:
    """Decoded images in order; ``decoders`` processes work ahead, 0 decodes here."""
    decoding = _Decoding(samples, policy)
    if not decoders:
        return (decoding[i] for i in range(len(decoding)))
    loader = torch.utils.data.DataLoader(decoding, batch_size=None, num_workers=decoders)
    return iter(loader)
