"""What there is to rank: images of a scene by their labels, and ladders of severity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from harness.canonical import canonical_json
from harness.sample import Dataset, Sample

from .trained import Trained, kind, seen

if TYPE_CHECKING:
    import pandas as pd

# Groups of samples, each of a group with its truth: higher is better.
Groups = dict[tuple[str, str], list[tuple[Sample, float]]]


def by_label(dataset: Dataset) -> Groups:
    """The images of each content with their labels."""
    groups: Groups = {}
    if dataset.label_kind != "none":
        for sample in dataset.samples:
            if sample.label is not None and sample.reference is not None:
                groups.setdefault((sample.content, ""), []).append((sample, sample.label))
    return _of_several(groups)


def by_severity(samples: Iterable[Sample]) -> Groups:
    """Ladders: one damage of one content in one mask, at its severities, negated.

    Of plain ladders, with what nobody sees. An image that its damage left bitwise as it was has
    severity 0, whatever was asked: two of them are one image and no pair.
    """
    groups: Groups = {}
    for sample in samples:
        plain = sample.fact("role") in (None, "probe") and sample.fact("ladder") in (None, "plain")
        if not plain or len(sample.damages) != 1 or sample.reference is None:
            continue
        (damage,) = sample.damages
        if damage.severity is None:
            continue
        met = 0.0 if sample.fact("changed") == "no" else damage.severity
        key = canonical_json([sample.content, asdict(replace(damage, severity=None))])
        groups.setdefault((key, damage.type), []).append((sample, -met))
    return _of_several(groups)


def _of_several(groups: Groups) -> Groups:
    """Those in which there is something to order."""
    return {key: group for key, group in groups.items() if len({t for _, t in group}) > 1}


def table(groups: Groups, scores: dict[str, float], known: Trained) -> pd.DataFrame:
    """One row an image, as ``measures.ranking`` takes it, with id, seen, and types (``kind``)."""
    import pandas as pd

    rows = [
        (
            key,
            s.id,
            s.content,
            type,
            seen({type} - {""}, known.types),
            kind({type}),
            truth,
            scores.get(s.id),
        )
        for (key, type), group in groups.items()
        for s, truth in group
    ]
    columns = ["group", "id", "content", "type", "seen", "types", "truth", "score"]
    return pd.DataFrame(rows, columns=columns).astype({"score": float})
