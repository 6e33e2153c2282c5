"""What is still to be computed for a dataset, cut into passes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .extract import Pass, Task
from .images import DecodePolicy
from .sample import Dataset, Pair
from .store import Store

# Images in a shard; where processes decode ahead, they are started anew for each.
SHARD_SAMPLES, AHEAD_SAMPLES = 64, 1024


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

    Images that are compared with one reference lie together; a shard decodes a reference from
    outside it once more. ``retry_failed`` counts recorded failures as lacking.
    """
    names = {True: [pair.id for pair in dataset.pairs], False: [i.id for i in dataset.images]}
    lacking = [
        frozenset(names[task.pairwise]) - Store(store).cell(task.cell).done(retry_failed)
        for task in tasks
    ]
    single, paired = (
        frozenset().union(*(m for t, m in zip(tasks, lacking, strict=True) if t.pairwise == way))
        for way in (False, True)
    )
    samples = {image.id: image for image in dataset.images}
    pairs_of: dict[str, list[Pair]] = defaultdict(list)
    for pair in dataset.pairs:
        if pair.id in paired:
            pairs_of[pair.test].append(pair)
    order = [name for name in _stream_order(dataset) if name in single or name in pairs_of]
    shards = list(_shards(order, workers, AHEAD_SAMPLES if decoders else SHARD_SAMPLES))
    share = min(workers, len(shards))
    passes = []
    for shard in shards:
        pairs = tuple(pair for name in shard for pair in pairs_of.get(name, ()))
        own = {True: frozenset(pair.id for pair in pairs), False: frozenset(shard)}
        mine = tuple(lack & own[t.pairwise] for t, lack in zip(tasks, lacking, strict=True))
        images = tuple(samples[name] for name in _with_references(shard, pairs_of))
        passes.append(Pass(tuple(tasks), mine, images, pairs, policy, store, decoders, share))
    total = sum(len(names[task.pairwise]) for task in tasks)
    return Plan(tuple(passes), sum(map(len, lacking)), total)


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


def _shards(order: Sequence[str], workers: int, largest: int) -> Iterator[Sequence[str]]:
    """Consecutive pieces, smaller towards the end, so that all workers finish together."""
    start = 0
    while start < len(order):
        rest = len(order) - start
        size = min(largest, rest if workers == 1 else -(-rest // (2 * workers)))
        yield order[start : start + size]
        start += size


def _with_references(shard: Sequence[str], pairs_of: Mapping[str, Sequence[Pair]]) -> list[str]:
    """The images that a shard decodes, once each: a reference before what is compared with it."""
    found: dict[str, None] = {}
    for name in shard:
        found.update(dict.fromkeys(pair.reference for pair in pairs_of.get(name, ())))
        found[name] = None
    return list(found)
