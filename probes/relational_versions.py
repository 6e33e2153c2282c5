"""Rows of a dataset of versions: which is preferred, which has more, and whether F is consistent.

Where preferences are known, each couple counts once, in the order in which the test is better.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from harness.protocols.agreement import join
from harness.protocols.base import Inputs, Measure, Need
from harness.protocols.outcomes import by_image, finite
from harness.sample import Dataset, Pair, Sample
from harness.store import Output

from .relational_maps import claims, directions
from .relational_rows import of_means
from .trained import Trained, kind, seen, trained


def rows(inputs: Inputs, scores: Need, maps: Need, points: Need) -> Iterator[Measure]:
    """What the outputs of ``scores``, ``maps`` and ``points`` say, as far as they are there."""
    dataset = inputs.dataset
    if scores in inputs.outputs:
        output = finite(inputs.outputs[scores], "score is")
        yield from _preferred(inputs, output)
        yield from _consistent(dataset, output, "score_", 0.0)
    if maps in inputs.outputs:
        yield from _directions(inputs, inputs.outputs[maps])
    if points in inputs.outputs:
        yield from _consistent(dataset, finite(inputs.outputs[points], "the map is"), "", 0.5)


def _couples(dataset: Dataset) -> list[tuple[Pair, Pair | None]]:
    """Each pair in which the test is better, with the same two the other way round."""
    at = {(pair.test, pair.reference): pair for pair in dataset.pairs}
    better = [pair for pair in dataset.pairs if pair.preference and pair.preference > 0]
    return [(pair, at.get((pair.reference, pair.test))) for pair in better]


def _preferred(inputs: Inputs, output: Output) -> Iterator[Measure]:
    dataset, known = inputs.dataset, trained(inputs.card)
    images = {image.id: image for image in dataset.images}
    pairs = dict(zip(output.ids, output.values.astype(float).tolist(), strict=True))
    beside = by_image(output, dataset)
    alone = dict(zip(beside.ids, beside.values.astype(float).tolist(), strict=True))
    couples = _couples(dataset)
    gaps = {
        "all": [_gap(alone, p.test, p.reference) for p, _ in couples],
        "by=direct": [_gap(pairs, p.id, m.id) if m else np.nan for p, m in couples],
    }
    notes = {"all": "each beside the pristine image", "by=direct": "one beside the other"}
    for subset, found in gaps.items():
        table = pd.DataFrame(
            {
                "content": [pair.content for pair, _ in couples],
                "type": [images[pair.test].distortion or "" for pair, _ in couples],
                "seen": [_seen(images[pair.test], known) for pair, _ in couples],
                "types": [kind(_types(images[pair.test])) for pair, _ in couples],
                "right": (1 + np.sign(found)) / 2,  # a tie is half
            }
        )
        first = next(iter(output.failures.items()), None)
        failed = (
            None
            if first is None
            else f"{len(output.failures)} failed: first {first[0]}: {first[1]}"
        )
        for key, part in _parts(table):
            name = " ".join(s for s in (subset, key) if s and s != "all") or "all"
            row = of_means("pair_accuracy", part, "right", name, inputs.seed)
            own = alone if subset == "all" else pairs
            yield replace(row, reason=join(notes[subset], row.reason, failed), scores=own)


def _gap(scores: dict[str, float], better: str, worse: str) -> float:
    return scores.get(better, np.nan) - scores.get(worse, np.nan)


def _seen(sample: Sample, known: Trained) -> str:
    return seen(_types(sample), known.types)


def _types(sample: Sample) -> set[str]:
    return {damage.type for damage in sample.damages}


def _parts(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "", table
    for column, values in (("seen", ("yes", "no")), ("types", ("trainable", "held-out"))):
        if set(values) <= set(table[column]):
            for value in values:
                yield f"{column}={value}", table[table[column] == value]


def _directions(inputs: Inputs, output: Output) -> Iterator[Measure]:
    """Of versions that differ in severities alone; nothing where no channel names a type."""
    about = claims(inputs.card)
    if not about:
        return
    images = {image.id: image for image in inputs.dataset.images}
    known = [
        (pair, images[pair.test], images[pair.reference])
        for couple in _couples(inputs.dataset)
        for pair in couple
        if pair is not None and _alike(images[pair.test], images[pair.reference])
    ]
    found = directions(known, output, about)
    table = pd.DataFrame(found, columns=["id", "content", "type", "right"])
    if len(table):
        row = of_means("direction_accuracy", table, "right", "by=direct", inputs.seed)
        yield replace(row, reason=join("either may be the worse", row.reason))


def _alike(a: Sample, b: Sample) -> bool:
    """Whether both have the same damages, with known severities, in the same masks."""
    one, other = ([replace(d, severity=None) for d in s.damages] for s in (a, b))
    return bool(one) and one == other and all(d.severity for s in (a, b) for d in s.damages)


def _consistent(dataset: Dataset, output: Output, prefix: str, none: float) -> Iterator[Measure]:
    """The largest errors of anti-symmetry and identity; ``none`` is what no difference is."""
    values = dict(zip(output.ids, np.asarray(output.values, np.float64), strict=True))
    both = [(pair.id, mirror.id) for pair, mirror in _couples(dataset) if mirror]
    same = [(pair.id, pair.id) for pair in dataset.pairs if pair.test == pair.reference]
    for metric, pairs, scale in (
        ("antisymmetry_error", both, 1.0),
        ("identity_error", same, 0.5),
    ):
        errors = [
            scale * float(np.abs(values[a] + values[b] - 2 * none).max())
            for a, b in pairs
            if a in values and b in values
        ]
        n = len(pairs)
        why = None if errors else "no pair has a result" if n else "no pair that could show it"
        yield Measure(
            f"{prefix}{metric}", max(errors, default=None), n, len(errors), n - len(errors),
            reason=join("largest of all pairs" if errors else None, why),
        )  # fmt: skip
