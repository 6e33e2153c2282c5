"""``local-human``: the images that are damaged locally, and patches beside their images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from harness.datasets.crops import CropSource, RegionSource
from harness.protocols.base import Inputs, Measure, Need, Skip
from harness.protocols.local_human import LOCAL_HUMAN, POOLED
from harness.reducers import MASK_STATS
from harness.sample import Damage, Dataset, Sample
from harness.store import Output

Rated = Callable[..., Dataset]
Make = Callable[..., Inputs]
SCORE = Need("score")


def named(rows: list[Measure]) -> dict[tuple[str, str], Measure]:
    return {(row.subset, row.metric): row for row in rows}


def test_local_types_stand_beside_the_others(rated: Rated, inputs: Make) -> None:
    dataset = rated(25, 6)
    kinds = ("color-block", "non-eccentricity", "jpeg")
    samples = [
        replace(s, damages=(Damage(kinds[i % 3], 1.0),)) for i, s in enumerate(dataset.samples)
    ]
    dataset = replace(dataset, samples=tuple(samples))
    labels = np.array([s.label for s in samples])
    noise = np.where(np.arange(len(samples)) % 3 == 2, 0.1, 3.0)
    values = labels + noise * np.random.default_rng(0).normal(size=len(labels))
    output = Output(tuple(s.id for s in samples), values, {})
    rows = named(LOCAL_HUMAN.evaluate(inputs(dataset, {SCORE: output})))
    for subset, kept in {
        "local": (0, 1),
        "global": (2,),
        "type=color-block": (0,),
        "type=non-eccentricity": (1,),
    }.items():
        where = np.isin(np.arange(len(samples)) % 3, kept)
        row = rows[subset, "srcc"]
        expected = stats.spearmanr(values[where], labels[where]).statistic
        assert row.value == pytest.approx(expected, abs=1e-12)
        assert row.n_scored == where.sum()
    assert rows["local", "srcc"].value < rows["global", "srcc"].value


def patches(n_images: int, source: type, spread: float = 1.0) -> Dataset:
    rng = np.random.default_rng(0)
    samples = [
        Sample(
            f"i{i:05}-{k}",
            source(Path("nowhere.png"), (k, 0, 8, 8)),
            f"i{i:05}",
            label=float(rng.normal() + spread * rng.normal()),
        )
        for i in range(n_images)
        for k in range(3)
    ]
    return Dataset("patches", tuple(samples), label_kind="mos")


def test_patches_within_their_image(inputs: Make) -> None:
    dataset = patches(30, CropSource)
    labels = {s.id: s.label for s in dataset.samples}
    output = Output(tuple(labels), np.array(list(labels.values())), {})
    rows = named(LOCAL_HUMAN.evaluate(inputs(dataset, {SCORE: output})))
    assert rows["all", "srcc"].value == pytest.approx(1)
    assert rows["within-image", "pair_accuracy"].value == 1
    assert "90 pairs of patches in 30 images" in rows["within-image", "pair_accuracy"].reason
    # The order between images alone says nothing of the patches of one.
    by_image = replace(output, values=np.arange(30.0).repeat(3))
    rows = named(LOCAL_HUMAN.evaluate(inputs(dataset, {SCORE: by_image})))
    assert rows["within-image", "pair_accuracy"].value == 0.5
    worst = replace(output, values=-output.values)
    rows = named(LOCAL_HUMAN.evaluate(inputs(dataset, {SCORE: worst})))
    row = rows["within-image", "pair_accuracy"]
    assert (row.value, row.ci_low, row.ci_high) == (0, 0, 0)


def test_maps_are_pooled_inside_the_patch(inputs: Make) -> None:
    dataset = patches(30, RegionSource)
    assert LOCAL_HUMAN.needs(frozenset({"score", "quality_map"}), dataset, 0) == (POOLED,)
    assert isinstance(LOCAL_HUMAN.needs(frozenset({"score"}), dataset, 0), Skip)
    statistics = np.zeros((90, 1, len(MASK_STATS.statistics)))
    statistics[:, 0, MASK_STATS.statistics.index("inside")] = [s.label for s in dataset.samples]
    statistics[0] = np.nan  # a patch without a value on the map's grid
    output = Output(tuple(s.id for s in dataset.samples), statistics, {})
    rows = named(LOCAL_HUMAN.evaluate(inputs(dataset, {POOLED: output})))
    row = rows["all", "srcc"]
    assert (row.value, row.n_scored, row.n_failed) == (pytest.approx(1), 89, 1)
    assert "the map inside the patch is not finite" in row.reason


def test_it_does_not_apply_to_everything(rated: Rated) -> None:
    assert isinstance(LOCAL_HUMAN.needs(frozenset({"score"}), rated(3), 0), Skip)
    bare = replace(patches(2, CropSource), label_kind="none")
    assert isinstance(LOCAL_HUMAN.needs(frozenset({"score"}), bare, 0), Skip)
    assert LOCAL_HUMAN.needs(frozenset({"score"}), patches(2, CropSource), 0) == (SCORE,)
