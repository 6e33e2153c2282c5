"""Ladders hold more and more of one recipe, and sets are ordered by dominance alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage import data
from torch import Tensor

from baselines.relational.config import SCORE_PRESETS, ScoreConfig
from baselines.relational.loss import dominance
from baselines.relational.ranked import Ranked, draw_ranked, make_ranked

SMOKE = replace(
    SCORE_PRESETS["smoke"],
    tiers=4,
    maps=replace(SCORE_PRESETS["smoke"].maps, curriculum=((0.0, 1.0),)),
)
NAMES = ("astronaut", "coffee", "chelsea")
PHOTOS = [torch.from_numpy(getattr(data, n)())[50:200, 90:250].permute(2, 0, 1) for n in NAMES] * 2


def made(config: ScoreConfig = SMOKE, seed: int = 0, n: int = 6, progress: float = 0.0) -> Ranked:
    drawn = draw_ranked(PHOTOS, n, config, torch.Generator().manual_seed(seed), progress)
    return make_ranked(drawn, config)


def of_channel(channel: str, **changes: object) -> ScoreConfig:
    maps = replace(SMOKE.maps, channels=(channel,), regions=(1.0,), **changes)  # type: ignore[arg-type]
    return replace(SMOKE, maps=maps)


def test_shapes_are_those_of_aligned_rows() -> None:
    found = made()
    assert found.tests.shape == found.references.shape == (24, 3, 64, 64)
    assert found.tier.tolist() == [0, 1, 2, 3] * 6
    assert found.set.tolist() == [s for s in range(3) for _ in range(8)]
    assert found.amounts.shape == (24, 18)
    assert found.amounts.dtype == torch.float32
    assert torch.equal((found.tests * 255).round() / 255, found.tests)
    for rows in (found.references[found.set == s] for s in range(3)):
        assert (rows == rows[0]).all()
    assert not torch.equal(found.references[0], found.references[8])


def test_the_first_tier_is_undamaged() -> None:
    found = made()
    assert torch.equal(found.tests[::4], found.references[::4])
    assert (found.amounts[::4] == 0).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), tiers=st.integers(2, 6))
def test_amounts_grow_with_the_tier(seed: int, tiers: int) -> None:
    found = made(replace(SMOKE, tiers=tiers), seed, 2)
    for ladder in found.amounts.view(2, tiers, -1):
        active = (ladder != 0).any(0)
        assert 1 <= active.sum() <= 3
        assert (ladder[1:, active].abs() > ladder[:-1, active].abs()).all()
        assert (ladder[1:, active].sign() == ladder[1, active].sign()).all()
        better = dominance(ladder, torch.zeros(tiers, dtype=torch.long))
        assert torch.equal(better, torch.ones(tiers, tiers, dtype=torch.bool).triu(1))


def test_amounts_are_mean_mask_times_severity() -> None:
    # Full frames of one type: what is left is the severity, in even steps.
    found = made(of_channel("brightness", full_frame_share=1.0))
    severities = 5 * found.amounts.abs().view(6, 4)[:, 1:]
    assert severities.min() >= 1
    assert severities.max() <= 5
    torch.testing.assert_close(severities.diff(dim=1), torch.full((6, 2), 4 / 3))
    change = (found.tests - found.references).mean((1, 2, 3)).view(6, 4)[:, 1:]
    assert torch.equal(change.sign(), found.amounts.view(6, 4)[:, 1:].sign())
    masked = made(of_channel("brightness", full_frame_share=0.0, covered=(0.2, 0.2)))
    assert 0 < masked.amounts.abs().max() < 0.25


def error(found: Ranked) -> Tensor:
    return (found.tests - found.references).square().mean((1, 2, 3))


def test_damage_grows_with_the_tier() -> None:
    errors = error(made(seed=2, n=30)).view(30, 4)
    assert (errors[:, 0] == 0).all()
    grown = errors.diff(dim=1) > 0
    assert grown.float().mean() > 0.95
    assert (errors.mean(0).diff() > 0).all()


def test_masks_and_draws_stay_from_tier_to_tier() -> None:
    found = made(of_channel("white-noise", full_frame_share=0.0, covered=(0.4, 0.4)), 1, 4)
    residual = (found.tests - found.references).view(4, 4, -1)
    for ladder in residual:
        strongest, weaker = ladder[3], ladder[2]
        assert (weaker[strongest == 0] == 0).float().mean() > 0.95
        assert np.corrcoef(weaker, strongest)[0, 1] > 0.9
    # Another recipe of the same content has draws of its own.
    assert abs(np.corrcoef(residual[0, 3], residual[1, 3])[0, 1]) < 0.3


@settings(max_examples=60, deadline=None)
@given(
    amounts=arrays(np.float32, (6, 3), elements=st.sampled_from([-0.5, -0.25, 0, 0.25, 0.5])),
    sets=arrays(np.int64, 6, elements=st.integers(0, 1)),
)
def test_dominance_is_a_strict_partial_order(amounts: np.ndarray, sets: np.ndarray) -> None:
    better = dominance(torch.from_numpy(amounts), torch.from_numpy(sets)).numpy()
    assert not better.diagonal().any()
    assert not (better & better.T).any()
    assert not ((better.astype(int) @ better > 0) & ~better).any()  # transitive
    assert not better[sets[:, None] != sets].any()


def test_sets_are_ordered_but_not_wholly() -> None:
    found = made(seed=3, n=12)
    better = dominance(found.amounts, found.set)
    same = found.set[:, None] == found.set
    # The undamaged are better than all that is damaged in their set, and equal among themselves.
    clean = found.tier == 0
    assert torch.equal(better[clean][:, ~clean], same[clean][:, ~clean])
    assert not better[clean][:, clean].any()
    undecided = same & ~better & ~better.T & ~clean[:, None] & ~clean
    assert undecided.fill_diagonal_(False).any()


def test_the_same_generator_is_the_same_sets_and_nothing_global_is_drawn() -> None:
    one = made(seed=5)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    again, other = made(seed=5), made(seed=6)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(getattr(one, name), getattr(again, name)) for name in vars(one))
    assert not torch.equal(one.tests, other.tests)


def test_the_curriculum_goes_by_progress() -> None:
    config = of_channel("jpeg", full_frame_share=1.0, curriculum=((0.0, 3.0), (0.5, 1.0)))
    early, late = (5 * made(config, 1, 6, p).amounts.view(6, 4)[:, 1:] for p in (0.0, 0.5))
    assert early.min() >= 3
    assert late.min() < 3


@pytest.mark.parametrize("n", [0, 3])
def test_ladders_come_in_whole_sets(n: int) -> None:
    with pytest.raises(ValueError, match=f"ladders come in sets of 2; {n} is no multiple of it"):
        made(n=n)
