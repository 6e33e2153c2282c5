"""The share of seen blocks, estimated where the calls do not suffice: unbiased, and covered."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import hypergeom

from probes.coverage import Coverage, summarize
from probes.coverage_images import Frame, Region
from probes.coverage_search import SEEN, UNSEEN, _interval, search

CALLS = 1000
LARGE = ((1024, 768), (3000, 2000))


def scattered(frame: Frame, rng: np.random.Generator, share: float = 0.3) -> np.ndarray:
    return rng.random((frame.rows, frame.columns)) < share


def rare(frame: Frame, rng: np.random.Generator) -> np.ndarray:
    return scattered(frame, rng, 0.03)


def disk(frame: Frame, rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[: frame.rows, : frame.columns]
    radius = rng.uniform(0.2, 0.6) * frame.rows
    return np.hypot(y - frame.rows / 2, x - frame.columns / 2) < radius


def half(frame: Frame, rng: np.random.Generator) -> np.ndarray:
    left = np.arange(frame.columns) < frame.columns * rng.uniform(0.2, 0.9)
    return np.tile(left, (frame.rows, 1))


def crops(frame: Frame, rng: np.random.Generator) -> np.ndarray:
    truth = np.zeros((frame.rows, frame.columns), bool)
    for _ in range(20):
        y, x = rng.integers(0, (frame.rows - 14, frame.columns - 14))
        truth[y : y + 14, x : x + 14] = True
    return truth


def searched(frame: Frame, truth: np.ndarray, rng: np.random.Generator) -> Coverage:
    """Of a model that repeats itself and sees ``truth``, within CALLS."""
    spent = 18  # before the search

    def answers(region: Region, kind: str) -> bool:
        nonlocal spent
        spent += 1
        return bool(truth[region[0] : region[1], region[2] : region[3]].any())

    found = search(frame, answers, lambda: (CALLS - spent) // 3, rng)
    assert spent <= CALLS
    return summarize("m", "score", frame, *found, spent, 0.0, 1.0, 24.0)


def check(pattern: Callable[..., np.ndarray], size: tuple[int, int], runs: int) -> None:
    frame, errors, covered = Frame(*size), [], []
    for seed in range(runs):
        truth = pattern(frame, np.random.default_rng(seed))
        found = searched(frame, truth, np.random.default_rng([seed, 1]))
        assert truth[found.seen == SEEN].all()
        assert not truth[found.seen == UNSEEN].any()
        assert found.low - 1e-9 <= found.share <= found.high + 1e-9
        share = (frame.pixels * truth).sum() / (frame.width * frame.height)
        errors.append(found.share - share)
        covered.append(found.low - 1e-9 <= share <= found.high + 1e-9)
    assert abs(np.mean(errors)) < 0.01
    assert np.mean(covered) >= 0.9


@pytest.mark.parametrize("pattern", [scattered, crops])
def test_small_images(pattern):
    """Of which much is drawn: without replacement."""
    check(pattern, (512, 384), 60)


@pytest.mark.slow
@pytest.mark.parametrize("size", LARGE)
@pytest.mark.parametrize("pattern", [scattered, rare, disk, half, crops])
def test_large_images(pattern, size):
    check(pattern, size, 100)


@pytest.mark.parametrize(("draws", "total"), [(1, 5), (12, 40), (39, 40), (40, 40)])
def test_the_interval_covers_whatever_the_share(draws, total):
    intervals = [_interval(hits / draws, draws, total) for hits in range(draws + 1)]
    for seen in range(total + 1):
        chances = hypergeom.pmf(range(draws + 1), total, seen, draws)
        covers = [low <= seen <= high for low, high in intervals]
        assert chances[covers].sum() >= 0.95
    assert all(low <= total * hits / draws <= high for hits, (low, high) in enumerate(intervals))
