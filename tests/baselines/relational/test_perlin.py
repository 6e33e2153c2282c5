"""Noise is Perlin's, pixel by pixel; masks of it cover what was drawn and are smooth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from baselines.relational import perlin as module
from baselines.relational.config import PRESETS
from baselines.relational.perlin import OCTAVES, gradient_noise, masks, perlin

SMALL = PRESETS["small"]
# Of one octave along one axis, in a cell: fade's steepest slope, 15/8, times the two values that
# it passes between, each at most a diagonal away from its node; and the gradient's own slope, 1.
STEEPEST = 15 / 8 * 2 * math.sqrt(2) + 1


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def slow(angles: np.ndarray, y: float, x: float) -> float:
    """Perlin's improved noise at one place, as he has it: corner by corner, interpolated."""
    row, column = math.floor(y), math.floor(x)
    v, u = y - row, x - column

    def corner(down: int, right: int) -> float:
        angle = angles[row + down, column + right]
        return math.cos(angle) * (u - right) + math.sin(angle) * (v - down)

    def ease(t: float) -> float:
        return 6 * t**5 - 15 * t**4 + 10 * t**3

    top = corner(0, 0) + ease(u) * (corner(0, 1) - corner(0, 0))
    bottom = corner(1, 0) + ease(u) * (corner(1, 1) - corner(1, 0))
    return top + ease(v) * (bottom - top)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), nodes=st.integers(2, 7), height=st.integers(1, 9))
def test_an_octave_is_perlins_noise(seed: int, nodes: int, height: int) -> None:
    angles = 6.3 * torch.rand(2, nodes, nodes, generator=rng(seed))
    y = (nodes - 1) * torch.rand(2, height, generator=rng(seed + 1)).clamp(max=0.999)
    x = (nodes - 1) * torch.rand(2, 5, generator=rng(seed + 2)).clamp(max=0.999)
    found = gradient_noise(angles, y, x)
    for k in range(2):
        wanted = [[slow(angles[k].numpy(), float(v), float(u)) for u in x[k]] for v in y[k]]
        np.testing.assert_allclose(found[k], wanted, atol=2e-6)


def test_it_is_zero_at_the_nodes() -> None:
    nodes = torch.arange(5.0)[None]
    assert gradient_noise(torch.rand(1, 6, 6, generator=rng(0)), nodes, nodes).abs().max() == 0


def test_octaves_double_in_frequency_and_halve_in_amplitude(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[tuple[Tensor, Tensor, Tensor]] = []

    def noted(*given: Tensor) -> Tensor:
        calls.append(given)
        return gradient_noise(*given)

    monkeypatch.setattr(module, "gradient_noise", noted)
    (found,) = perlin(1, 12, (2, 2), rng(0)).numpy()
    assert len(calls) == OCTAVES == 3
    total = np.zeros((12, 12))
    for octave, (angles, y, x) in enumerate(calls):
        for places in (y, x):
            np.testing.assert_allclose(places[0].diff(), 2 * 2**octave / 12, rtol=1e-4)
            assert 0 <= places.min() < 1
            assert places.max() < angles.shape[-1] - 1
        each = [[slow(angles[0].numpy(), float(v), float(u)) for u in x[0]] for v in y[0]]
        total += np.array(each) / 2**octave
    wanted = (total - total.min()) / (total.max() - total.min())
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), cells=st.floats(1, 6))
def test_an_octave_is_smooth(seed: int, cells: float) -> None:
    angles = 2 * math.pi * torch.rand(4, 9, 9, generator=rng(seed))
    at = (cells * torch.arange(64) / 64).expand(4, -1)
    found = gradient_noise(angles, at, at)
    for axis in (1, 2):
        assert found.diff(dim=axis).abs().max() <= STEEPEST * cells / 64 + 1e-6


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_fields_span_0_to_1_and_are_smooth(seed: int) -> None:
    found = perlin(4, 112, (1, 4), rng(seed))
    assert found.dtype == torch.float32
    assert (found.amin((1, 2)) == 0).all()
    assert (found.amax((1, 2)) == 1).all()
    # Unlike noise of single pixels, whose largest steps are nearly 1.
    assert max(found.diff(dim=axis).abs().max() for axis in (1, 2)) < 0.15


def test_the_generator_alone_fixes_them() -> None:
    one = masks(6, SMALL, rng(5))
    torch.manual_seed(9)
    before = torch.get_rng_state()
    assert torch.equal(one, masks(6, SMALL, rng(5)))
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(one, masks(6, SMALL, rng(6)))
    assert len({mask.numpy().tobytes() for mask in one[one.amin((1, 2)) == 0]}) > 1


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), share=st.floats(0.05, 0.95), full=st.floats(0, 0.9))
def test_masks_cover_what_was_drawn(seed: int, share: float, full: float) -> None:
    config = replace(SMALL, full_frame_share=0.0, covered=(share, share), saturated=(full, full))
    found = masks(4, config, rng(seed))
    assert found.shape == (4, 112, 112)
    assert found.min() == 0
    assert (found.amax((1, 2)) == 1).all()
    np.testing.assert_allclose((found > 0).float().mean((1, 2)), share, atol=0.03)
    np.testing.assert_allclose((found == 1).float().mean((1, 2)), share * full, atol=0.03)


def test_a_share_of_the_masks_is_the_full_frame() -> None:
    found = masks(600, replace(SMALL, crop=16, full_frame_share=0.3), rng(0))
    whole = (found == 1).flatten(1).all(1)
    assert whole.float().mean().item() == pytest.approx(0.3, abs=0.06)
    assert (found[~whole].amin((1, 2)) == 0).all()
    covered = (found[~whole] > 0).float().mean((1, 2))
    counts, _ = np.histogram(covered, 4, (0.1, 0.9))
    np.testing.assert_allclose(counts / len(covered), 1 / 4, atol=0.08)


def test_there_may_be_none() -> None:
    assert masks(0, SMALL, rng(0)).shape == (0, 112, 112)
