"""Operations are held to the contract; statistics of maps agree with the obvious formulas."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from harness.operate import ContractError, operate
from harness.reducers import MASK_STATS, REDUCERS
from harness.sample import Sample
from harness.source import FileSource
from tests.conftest import Difference, Sharpness, card

IMAGES = [torch.full((3, 8, 6), level, dtype=torch.uint8) for level in (0, 100, 200)]
SAMPLES = [Sample(str(i), FileSource(Path(str(i))), "c") for i in range(3)]


def call(result, operation="score", **changes):
    model = SimpleNamespace(card=card("m", **changes), **{operation: lambda *images: result})
    reducer = MASK_STATS.name if operation.endswith("map") else None
    return operate(model, operation, reducer, IMAGES, samples=SAMPLES)


def test_what_keeps_the_contract_passes():
    scores = torch.tensor([1.0, float("nan"), -float("inf")], dtype=torch.float64)
    torch.testing.assert_close(call(scores), scores, rtol=0, atol=0, equal_nan=True)
    features = torch.rand(3, 5, 7)
    assert torch.equal(call(features, "features"), features)
    found = operate(Difference(), "score_pair", None, IMAGES, IMAGES[::-1], samples=SAMPLES)
    assert found.tolist() == [-40000.0, 0.0, -40000.0]
    assert found.dtype == torch.float64


def test_results_are_free_of_the_graph():
    weight = torch.nn.Parameter(torch.ones(1))
    model = SimpleNamespace(card=card("m"), score=lambda images: weight.double().expand(3))
    found = operate(model, "score", None, IMAGES, samples=SAMPLES)
    assert not found.requires_grad


@pytest.mark.parametrize(
    ("operation", "result", "words"),
    [
        ("score", [1.0, 2.0, 3.0], "score returned a list, not a tensor"),
        ("score", torch.zeros(3), "score returned torch.float32 [3] for 3 images"),
        ("score", torch.zeros(2).double(), "torch.float64 [2] for 3 images"),
        ("score", torch.zeros(3, 1).double(), "torch.float64 with 1 dimensions and 3 rows"),
        ("features", torch.zeros(3, 4), "torch.float32 with 3 dimensions"),
        ("features", torch.zeros(3, 1, 4).double(), "features returned torch.float64 [3, 1, 4]"),
        ("features", torch.zeros(4, 1, 4), "for 3 images"),
        ("quality_map", [torch.zeros(8, 6)] * 2, "returned 2 maps for 3 images"),
        ("quality_map", [torch.zeros(1, 8, 6)] * 3, "torch.float32 with 2 dimensions"),
        ("quality_map", [torch.zeros(8, 6).double()] * 3, "returned torch.float64 [8, 6]"),
        ("distortion_map", [torch.zeros(3, 8, 6)] * 3, "3 channels; the card names 2"),
        ("distortion_map", [torch.zeros(8, 6)] * 3, "torch.float32 with 3 dimensions"),
    ],
)
def test_what_breaks_it_is_said_in_one_line(operation, result, words):
    with pytest.raises(ContractError) as error:
        call(result, operation, map_channels=("a", "b"))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_maps_become_one_row_of_statistics_an_image():
    maps = [torch.rand(2, 4, 5), torch.rand(2, 6, 3), torch.rand(2, 1, 1)]
    found = call(maps, "distortion_map", map_channels=("a", "b"))
    width = len(MASK_STATS.statistics)
    assert found.shape == (3, 2 * width)
    assert found.dtype == torch.float64
    for row, channels in zip(found.reshape(3, 2, width), maps, strict=True):
        torch.testing.assert_close(row[:, 0], channels.double().mean((1, 2)))
        torch.testing.assert_close(row[:, 1], channels.double().flatten(1).std(1, correction=0))
        assert torch.equal(row[:, 2].float(), channels.amin((1, 2)))
        assert torch.equal(row[:, 3].float(), channels.amax((1, 2)))
        assert row[:, 4:].isnan().all()  # the samples know no mask


def test_the_mask_of_the_sample_reaches_the_statistics():
    alpha = np.zeros((8, 6), np.float32)
    alpha[:4] = 1
    source = SimpleNamespace(alpha=lambda: alpha)
    maps = [torch.from_numpy(alpha) * 0.5 + 0.25] * 3
    model = SimpleNamespace(card=card("m"), quality_map=lambda images: maps)
    samples = [Sample(str(i), source, "c") for i in range(3)]
    found = operate(model, "quality_map", MASK_STATS.name, IMAGES, samples=samples)
    np.testing.assert_allclose(found[0, 4:], [0.75, 0.25, 1.0])


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.95), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_inside_outside_and_auroc_against_scikit_learn(seed, share, channels):
    rng = np.random.default_rng(seed)
    mask = rng.random((12, 9)) < share
    mask[0, 0], mask[-1, -1] = True, False
    maps = rng.integers(0, 6, (channels, 12, 9)).astype(np.float32)  # with ties
    found = MASK_STATS.reduce(maps, mask.astype(np.float32))
    for row, values in zip(found, maps, strict=True):
        np.testing.assert_allclose(row[4], values[mask].mean(), rtol=1e-6)
        np.testing.assert_allclose(row[5], values[~mask].mean(), rtol=1e-6)
        np.testing.assert_allclose(row[6], roc_auc_score(mask.ravel(), values.ravel()))


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_mask_of_nothing_or_of_everything_has_one_side_only(level):
    maps = np.ones((1, 4, 4), np.float32)
    found = MASK_STATS.reduce(maps, np.full((4, 4), level, np.float32))[0]
    assert np.isnan(found[4]) == (level == 0)
    assert np.isnan(found[5]) == (level == 1)
    assert np.isnan(found[6])


def test_a_coarse_map_sees_a_fine_mask():
    """A 4 × 4 map of a 64 × 64 image: the mask is averaged over each map value's area."""
    alpha = np.zeros((64, 64), np.float32)
    alpha[:32, :32] = 1
    maps = np.zeros((1, 4, 4), np.float32)
    maps[0, :2, :2] = 1
    found = MASK_STATS.reduce(maps, alpha)[0]
    np.testing.assert_allclose(found[4:], [1, 0, 1])


def test_a_mask_is_averaged_before_it_is_made_coarse():
    """Gaps just where a coarse map would sample do not hide a mask that covers 14 of 16."""
    alpha = np.ones((64, 64), np.float32)
    alpha[:, 7::16] = alpha[:, 8::16] = 0
    found = MASK_STATS.reduce(np.ones((1, 4, 4), np.float32), alpha)[0]
    assert found[4] == 1
    assert np.isnan(found[5])


def test_reducers_are_named_with_their_version():
    assert all(name == r.name and "@" in name for name, r in REDUCERS.items())


def test_inference_builds_no_graph():
    seen = []

    class Watches(Sharpness):
        def score(self, images):
            seen.append(torch.is_inference_mode_enabled())
            return super().score(images)

    operate(Watches(), "score", None, IMAGES, samples=SAMPLES)
    assert seen == [True]
