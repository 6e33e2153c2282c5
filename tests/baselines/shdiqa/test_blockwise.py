"""Each block holds its own damage, of the whole crop, and nothing of its neighbors'."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from baselines.shdiqa.blockwise import Plan, damaged, draw
from baselines.shdiqa.config import PRESETS, ShdiqaConfig
from baselines.shdiqa.partitions import divide
from probes.degradations import BANK, HELD_OUT, degrade
from tests.baselines.pretraining.trials import Photographs

CONFIG = PRESETS["paper"]
# Damage without draws, so that one crop damaged alone is damaged alike.
FIXED = tuple(name for name in CONFIG.types if not BANK[name].stochastic)


def crops(number: int, side: int = 64) -> Tensor:
    photos = Photographs((side, side), (40, 90), number)
    return torch.stack([photos[i] for i in range(number)]).float() / 255


def drawn(n: int, config: ShdiqaConfig, seed: int = 0) -> Plan:
    return draw(n, config, torch.Generator().manual_seed(seed))


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 40), st.sampled_from((2, 4, 9, 22)), st.integers(0, 2**32))
def test_types_of_a_crop_are_distinct_and_none_is_held_out(n: int, blocks: int, seed: int) -> None:
    config = replace(CONFIG, blocks=blocks)
    plan = drawn(n, config, seed)
    assert plan.types.shape == plan.levels.shape == (n, blocks)
    for types, levels in zip(plan.types.tolist(), plan.levels.tolist(), strict=True):
        assert len(set(types)) == blocks
        assert not {config.types[t] for t in types} & set(HELD_OUT)
        assert set(levels) <= set(range(len(config.levels)))


def test_every_block_gets_every_type_and_level_as_often() -> None:
    plan = drawn(8000, CONFIG)
    for block in range(CONFIG.blocks):
        types = torch.bincount(plan.types[:, block], minlength=22) / 8000
        levels = torch.bincount(plan.levels[:, block], minlength=4) / 8000
        np.testing.assert_allclose(types, 1 / 22, atol=0.012)
        np.testing.assert_allclose(levels, 1 / 4, atol=0.025)


@pytest.mark.parametrize("partition", ["vertical", "horizontal", "grid"])
def test_each_block_is_the_damage_of_the_whole_crop(partition: str) -> None:
    config = replace(CONFIG, partition=partition, types=FIXED)  # type: ignore[arg-type]
    images, pixels = crops(6), divide(config, 64, 16).pixels
    before, plan = images.clone(), drawn(6, config)
    found = damaged(images, plan, pixels, config)
    assert torch.equal(images, before)
    for i, image in enumerate((images * 255).round().byte()):
        for block, mask in enumerate(pixels):
            name = FIXED[int(plan.types[i, block])]
            severity = config.levels[int(plan.levels[i, block])]
            alone = degrade(image, name, severity, torch.Generator())
            assert torch.equal((found[i, :, mask] * 255).round().byte(), alone[:, mask]), name


def test_pixels_are_multiples_of_a_level_and_nearly_all_blocks_change() -> None:
    images, pixels = crops(24), divide(CONFIG, 64, 16).pixels
    found = damaged(images, drawn(24, CONFIG), pixels, CONFIG)
    assert torch.equal(found, (found * 255).round() / 255)
    assert found.min() >= 0
    assert found.max() <= 1
    changed = (found != images).any(1)[:, None] & pixels
    assert changed.flatten(2).any(2).float().mean() > 0.9


def test_a_damage_of_one_block_does_not_depend_on_the_others() -> None:
    """What is drawn in a block may; what is not drawn may not."""
    config = replace(CONFIG, types=FIXED)
    images, pixels = crops(8), divide(config, 64, 16).pixels
    plan = drawn(8, config)
    other = Plan(plan.types.clone(), plan.levels.clone(), plan.noise)
    other.types[:, 1:] = plan.types[:, 1:].roll(1, dims=1)
    one, two = (damaged(images, p, pixels, config) for p in (plan, other))
    assert torch.equal(one[:, :, pixels[0]], two[:, :, pixels[0]])
    assert not torch.equal(one, two)


def test_the_same_generator_is_the_same_damage_and_nothing_global_is_drawn() -> None:
    images, pixels = crops(4), divide(CONFIG, 64, 16).pixels
    state = torch.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index]
    one, again, other = (damaged(images, drawn(4, CONFIG, s), pixels, CONFIG) for s in (5, 5, 6))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(state[0], torch.get_rng_state())
    assert state[1] == np.random.get_state()[1].tolist()  # type: ignore[index]
