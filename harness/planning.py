"""What is still to be computed for a dataset, cut into passes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .extract import PART_SAMPLES, Pass, Task
from .images import DecodePolicy
from .sample import Dataset, Pair
from .store import Store


@dataclass(frozen=True)
class Plan:
    """Passes still needed; ``lacking`` of ``total`` results are not in the store yet."""

    passes: tuple[Pass, ...]
    lacking: int
    total: int


def plan(
    dataset: Dataset,
    tasks: Sequence[Task],
    policy: DecodePolicy,
    store: Path,
    *,
    workers: int = 1,
    decoders: int = 0,
    retry_failed: bool = False,
) -> Plan:
    """Cut what ``tasks`` lack on ``dataset`` into passes for ``workers`` side by side.

    Images that are compared with one reference lie together; a shard of at most 64 images
    decodes a reference from outside it once more. ``retry_failed`` counts recorded failures
    as lacking.
    """
    names = {True: [pair.id for pair in dataset.pairs], False: [i.id for i in dataset.images]}
    lacking = [
        frozenset(names[task.pairwise]) - Store(store).cell(task.cell).done(retry_failed)
        for task in tasks
    ]
    count = sum(map(len, lacking))
    total = sum(len(names[task.pairwise]) for task in tasks)
    if not count:
        return Plan((), 0, total)
    pairs_of = defaultdict(list)
    for pair in dataset.pairs:
        pairs_of[pair.test].append(pair)
    # Small runs are cut finer, so that every worker has something to do.
    size = max(1, min(PART_SAMPLES, -(-len(dataset.images) // (2 * workers))))
    passes = []
    order = _stream_order(dataset)
    for start in range(0, len(order), size):
        chunk = order[start : start + size]
        pairs = [pair for name in chunk for pair in pairs_of[name]]
        own = {True: frozenset(pair.id for pair in pairs), False: frozenset(chunk)}
        mine = tuple(lack & own[t.pairwise] for t, lack in zip(tasks, lacking, strict=True))
        images = tuple(_needed(chunk, pairs_of, tasks, mine))
        if images:
            passes.append(
                Pass(dataset, tuple(tasks), mine, images, policy, store, decoders, workers)
            )
    return Plan(tuple(passes), count, total)


def _stream_order(dataset: Dataset) -> list[str]:
    """Ids of all images, each reference just before the first sample that refers to it."""
    order: dict[str, None] = {}
    by_reference: dict[str, list[str]] = defaultdict(list)
    for sample in dataset.samples:
        by_reference[sample.reference or sample.id].append(sample.id)
    for reference, members in by_reference.items():
        order.update(dict.fromkeys((reference, *members)))
    order.update(dict.fromkeys(image.id for image in dataset.images))
    return list(order)


def _needed(
    chunk: Sequence[str],
    pairs_of: dict[str, list[Pair]],
    tasks: Sequence[Task],
    mine: Sequence[frozenset[str]],
) -> Iterator[str]:
    """The images that a shard has to decode, in the order of the stream, once each."""
    single = frozenset().union(*(m for t, m in zip(tasks, mine, strict=True) if not t.pairwise))
    paired = frozenset().union(*(m for t, m in zip(tasks, mine, strict=True) if t.pairwise))
    seen: set[str] = set()
    for name in chunk:
        needed = [name] if name in single else []
        for pair in pairs_of[name]:
            if pair.id in paired:
                needed += [pair.reference, pair.test]
        for image in needed:
            if image not in seen:
                seen.add(image)
                yield image
