"""Pairs of versions: dominance in the embedded ones, label order in those of a rated set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.images import Decoded, DecodePolicy
from harness.sample import Dataset
from probes.versions import demo_versions, versions


def test_one_version_dominates_the_other_and_each_pair_stands_in_both_orders() -> None:
    dataset = demo_versions()
    samples = {s.id: s for s in dataset.samples}
    judged = [p for p in dataset.pairs if p.preference]
    assert len(judged) == 2 * 8 * 15
    assert {len(s.damages) for s in dataset.samples} == {1, 2}
    orders = {(p.test, p.reference): p.preference for p in judged}
    for (test, reference), preference in orders.items():
        assert orders[reference, test] == -preference  # type: ignore[operator]
        a, b = samples[test].damages, samples[reference].damages
        assert [replace(d, severity=None) for d in a] == [replace(d, severity=None) for d in b]
        gaps = np.array([d.severity - e.severity for d, e in zip(a, b, strict=True)])  # type: ignore[operator]
        assert gaps.any()
        assert (gaps * preference <= 0).all()  # preferred: nowhere more severe
    assert {p.id for p in dataset.pairs if p.test == p.id} == set(samples)
    assert sum(p.test == p.reference for p in dataset.pairs) == 8
    assert demo_versions() == dataset
    assert demo_versions(seed=1).images_hash != dataset.images_hash


def test_two_damages_lie_apart_and_both_versions_are_damaged() -> None:
    dataset = demo_versions()
    for sample in [s for s in dataset.samples if len(s.damages) == 2][::40]:
        one, other = sample.source.alphas()  # type: ignore[attr-defined]
        assert one.max() == other.max() == 1
        assert not (one * other).any()
        decoded = sample.source.load(DecodePolicy())
        assert isinstance(decoded, Decoded)


def test_pairs_of_a_rated_set_follow_its_labels(table: Path) -> None:
    whole = versions(str(table), str(table.parent))
    labels = {s.id: s.label for s in whole.samples}
    judged = [p for p in whole.pairs if p.preference]
    assert len(judged) == 2 * 6 * 3
    for pair in judged:
        gap = labels[pair.test] - labels[pair.reference]  # type: ignore[operator]
        assert pair.preference == pytest.approx(gap)
    assert sum(p.test == p.reference for p in whole.pairs) == 6
    fewer = versions(str(table), str(table.parent), per_content=1)
    assert {p.id for p in fewer.pairs if p.preference} < {p.id for p in judged}
    assert len([p for p in fewer.pairs if p.preference]) == 2 * 6
    assert isinstance(whole, Dataset)


def test_a_set_without_labels_that_differ_is_refused(table: Path) -> None:
    table.write_text("\n".join(table.read_text().splitlines()[:2]) + "\n")  # one image
    with pytest.raises(ValueError, match="versions need labels that differ"):
        versions(str(table), str(table.parent))
