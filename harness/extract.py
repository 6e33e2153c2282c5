"""One pass: stream a shard of a dataset through the operations of many cells.

Each image is decoded once, goes through every cell that still lacks it, and is dropped as
soon as no pair of the shard needs it any more, so memory does not grow with the dataset.
What a cell has computed is committed in parts; a failure is a recorded value.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from .cells import Cell
from .errors import one_line
from .images import Decoded, DecodePolicy, Failure, too_large
from .model import PAIR_OPERATIONS, Model
from .operate import operate
from .parts import Parts, Result
from .randomness import seed_all
from .sample import Pair, Sample
from .store import OUT_OF_MEMORY, Store, StoreError
from .stream import stream

BATCH, BATCH_BYTES, WAITING_BYTES = 16, 12_000_000, 48_000_000

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

    ``images`` are all that this takes, in the order in which they are streamed; ``pairs`` those
    that some task lacks, their members among the images. ``decoders`` processes decode ahead
    (0: decode here). ``share`` is how many passes run side by side.
    """

    tasks: tuple[Task, ...]
    lacking: tuple[frozenset[str], ...]
    images: tuple[Sample, ...]
    pairs: tuple[Pair, ...]
    policy: DecodePolicy
    store: Path
    decoders: int = 0
    share: int = 1


def run_passes(passes: Iterable[Pass], tick: Tick = lambda n: None) -> None:
    """Compute and commit what the passes lack; ``tick(n)`` reports n finished results.

    Raises StoreError if nothing can be written. On any interruption what is finished is
    committed first.
    """
    parts: dict[str, Parts] = {}  # cell key → results, which wait for more of the next pass
    try:
        for work in passes:
            _run_pass(work, parts, tick)
    except StoreError:
        raise
    except BaseException:
        for part in parts.values():
            part.commit()
        raise
    for part in parts.values():
        part.commit()


def _run_pass(work: Pass, parts: dict[str, Parts], tick: Tick) -> None:
    store = Store(work.store)
    lines = []
    for task, lacking in zip(work.tasks, work.lacking, strict=True):
        part = parts.setdefault(task.cell.key, Parts(store.cell(task.cell), work.share))
        lines.append(_Line(task, lacking, part, tick))
    singly = [line for line in lines if not line.task.pairwise]
    pairwise = [line for line in lines if line.task.pairwise]
    position = {image.id: i for i, image in enumerate(work.images)}
    due = defaultdict(list)  # image id → pairs that are complete once it is decoded
    for pair in work.pairs:
        due[max(pair.test, pair.reference, key=position.__getitem__)].append(pair)
    uses = Counter(name for pair in work.pairs for name in {pair.test, pair.reference})
    held: dict[str, tuple[Sample, Decoded | Failure]] = {}
    for image, decoded in stream(work.images, work.policy, work.decoders):
        for line in singly:
            line.feed(image.id, (decoded,), image)
        if uses[image.id]:
            held[image.id] = image, decoded
        for pair in due[image.id]:
            (sample, test), (_, reference) = held[pair.test], held[pair.reference]
            for line in pairwise:
                line.feed(pair.id, (test, reference), sample)
            for name in {pair.test, pair.reference}:
                uses[name] -= 1
                if not uses[name]:
                    del held[name]
    for line in lines:
        line.finish()


class _Line:
    """One task's way through a pass: checks, batches where that is safe, computes."""

    def __init__(self, task: Task, lacking: frozenset[str], parts: Parts, tick: Tick) -> None:
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
        decoded = [member for member in members if isinstance(member, Decoded)]
        known = [w for member in decoded for w in member.warnings]
        warning = "; ".join(dict.fromkeys(known))
        item = _Item(name, tuple(m.image for m in decoded), sample, warning)
        card = self.task.model.card
        if not (card.batch_invariant and card.deterministic):
            self._compute([item])
            return
        shape = tuple(image.shape for image in item.images)
        batch = self.waiting.setdefault(shape, [])
        batch.append(item)
        if len(batch) == BATCH or _bytes(batch) >= BATCH_BYTES:
            self._compute(self.waiting.pop(shape))
        elif sum(map(_bytes, self.waiting.values())) >= WAITING_BYTES:
            self._compute(self.waiting.pop(max(self.waiting, key=lambda s: len(self.waiting[s]))))

    def finish(self) -> None:
        """Compute what waits for a full batch."""
        for items in self.waiting.values():
            self._compute(items)
        self.waiting = {}

    def _refusal(self, member: Decoded | Failure) -> str | None:
        if isinstance(member, Failure):
            return member.reason
        limit = self.task.model.card.max_pixels
        height, width = member.image.shape[1:]
        # The words of the decoder, whose limit is that of the run's most capable model.
        return too_large(width, height) if width * height > limit else None

    def _compute(self, items: list[_Item]) -> None:
        if not self.task.model.card.deterministic:
            seed_all(self.task.cell.key, items[0].name)
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
                self._add(items[0].name, reason(error))
            return
        for item, result in zip(items, results, strict=True):
            self._add(item.name, result, item.warning)

    def _add(self, name: str, result: Result, warning: str = "") -> None:
        self.parts.add(name, result, warning)
        self.tick(1)


@dataclass(frozen=True)
class _Item:
    name: str
    images: tuple[torch.Tensor, ...]
    sample: Sample
    warning: str


def reason(error: Exception, what: str = "") -> str:
    """Why there is no result, ``what`` being before it; the next run asks again for memory."""
    return (f"{OUT_OF_MEMORY}: " if _no_memory(error) else "") + what + one_line(error)


def _no_memory(error: Exception) -> bool:
    """Whether memory was lacking: another time or another machine may have it."""
    known = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return known or "can't allocate memory" in str(error)


def _bytes(items: Sequence[_Item]) -> int:
    return sum(image.numel() for item in items for image in item.images)
