"""Targets are what was done to which image, and nothing else was done to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from baselines.relational import engine
from baselines.relational.channels import CHANNELS
from baselines.relational.config import PRESETS, MapsConfig
from baselines.relational.damage import Damage, damaged
from baselines.relational.engine import (
    Difference,
    Plan,
    Triplets,
    compose,
    draw_triplets,
    make_triplets,
    targets,
)
from probes.degradations import BANK, HELD_OUT, degrade_batch
from tests.baselines.pretraining.trials import Photographs

SMOKE = replace(PRESETS["smoke"], curriculum=((0.0, 1.0),))
# Damage without draws, so that the order in which a batch is damaged changes nothing.
FIXED = tuple(c for c in CHANNELS if not any(BANK[t].stochastic for t in CHANNELS[c]))


PHOTOS = Photographs((130, 140), (40, 90))


def made(config: MapsConfig, seed: int = 0, n: int = 24, progress: float = 0.0) -> Triplets:
    drawn = draw_triplets(PHOTOS, n, config, torch.Generator().manual_seed(seed), progress)
    return make_triplets(drawn, config)


@dataclass
class Trace:
    """A batch, and what its maker damaged on the way."""

    batch: Triplets
    before: Tensor
    damages: list[Damage]
    masks: Tensor

    def masks_of(self, image: int) -> list[tuple[Damage, np.ndarray]]:
        return [(d, self.masks[d.mask].double().numpy()) for d in self.damages if d.image == image]


def trace(config: MapsConfig, seed: int = 0, n: int = 24) -> Trace:
    seen: list[tuple[Tensor, list[Damage], Tensor]] = []

    def noted(images: Tensor, damages: list[Damage], masks: Tensor, rngs: object) -> Tensor:
        seen.append((images.clone(), damages, masks))
        return damaged(images, damages, masks, rngs)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "damaged", noted)
        batch = made(config, seed, n)
    return Trace(batch, *seen[0])


@pytest.fixture(scope="module")
def traced() -> Trace:
    return trace(SMOKE, n=48)


def amounts(trace: Trace, image: int, channels: tuple[str, ...]) -> np.ndarray:
    """u of one image, ``[C, S, S]``."""
    found = np.zeros((len(channels), *trace.masks.shape[1:]))
    for damage, mask in trace.masks_of(image):
        for c, channel in enumerate(channels):
            if damage.type in CHANNELS[channel]:
                found[c] += CHANNELS[channel][damage.type] * mask * damage.severity / 5
    return found


def test_targets_are_means_of_blocks_of_what_one_has_more_of(traced: Trace) -> None:
    n = len(traced.batch.tests)
    identical = 0
    for pair in range(n):
        test = amounts(traced, pair, SMOKE.channels)
        reference = amounts(traced, n + pair, SMOKE.channels)
        if torch.equal(traced.batch.tests[pair], traced.batch.references[pair]):
            reference = test
            identical += 1
        dense = 0.5 + 0.5 * np.clip(test - reference, -1, 1)
        found = traced.batch.targets[pair].numpy()
        assert found.shape == (18, 16, 16)
        active = np.unique(np.nonzero(dense != 0.5)[0])
        assert (found[np.setdiff1d(range(18), active)] == 0.5).all()
        for c in active:
            for i in range(16):
                for j in range(16):
                    block = dense[c, 4 * i : 4 * i + 4, 4 * j : 4 * j + 4]
                    assert found[c, i, j] == pytest.approx(block.mean(), abs=1e-6)
    assert identical < n / 3


def test_an_image_is_bitwise_undamaged_where_its_masks_are_0(traced: Trace) -> None:
    batch, n = traced.batch, len(traced.batch.tests)
    after = torch.cat([batch.tests, batch.references])
    damaged_images = 0
    for pair in range(n):
        sides = [traced.masks_of(pair), traced.masks_of(n + pair)]
        if not sides[1] and torch.equal(batch.tests[pair], batch.references[pair]):
            continue  # identical or clean
        clear = [np.all([m == 0 for _, m in side], 0) & np.ones((64, 64), bool) for side in sides]
        for image, outside in zip((pair, n + pair), clear, strict=True):
            assert torch.equal(after[image][:, outside], traced.before[image][:, outside])
            damaged_images += not torch.equal(after[image], traced.before[image])
        neither = clear[0] & clear[1]
        assert torch.equal(batch.tests[pair][:, neither], batch.references[pair][:, neither])
        blocks = neither.reshape(16, 4, 16, 4).all((1, 3))
        assert (batch.targets[pair][:, blocks] == 0.5).all()
    assert damaged_images > n / 2


def test_images_are_multiples_of_a_gray_level(traced: Trace) -> None:
    batch = traced.batch
    for images in (batch.tests, batch.references):
        assert images.dtype == torch.float32
        assert images.shape == (48, 3, 64, 64)
        assert torch.equal((images * 255).round() / 255, images)
        assert 0 <= images.min() < images.max() <= 1
    assert batch.targets.dtype == torch.float32
    assert 0 <= batch.targets.min() < 0.5 < batch.targets.max() <= 1


def test_damage_is_of_the_whole_image_one_after_another() -> None:
    image = PHOTOS[0][:, :64, :64][None].float() / 255
    ramp = torch.linspace(0, 1, 64)
    masks = torch.stack([ramp.expand(64, 64), 1 - ramp[:, None].expand(64, 64)])
    plan = [Damage(0, 0, "jpeg", 4.0), Damage(0, 1, "gaussian-blur", 2.5)]
    rng = torch.Generator()
    found = damaged(image, plan, masks, rng)
    x = image.double()
    for damage in plan:
        mask = masks[damage.mask].double()
        whole = degrade_batch(x.float(), damage.type, [damage.severity], rng).double()
        x = (((1 - mask) * x + mask * whole) * 255).round() / 255
    # Where a value lies halfway between two gray levels, single precision may take the other.
    off = (found - x).abs()
    assert off.max() <= 1.01 / 255
    assert (off > 1e-6).float().mean() < 0.01


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_exchanging_the_images_gives_1_less_the_target(seed: int) -> None:
    config = replace(SMOKE, channels=FIXED, both_share=0.4)
    one = made(config, seed, 4)

    def exchanged(config: MapsConfig, n: int, *args: object) -> Plan:
        plan = compose(config, n, *args)  # type: ignore[arg-type]
        same = set(plan.identical)
        return Plan(
            [d if d.image in same else replace(d, image=(d.image + n) % (2 * n))
             for d in plan.damages],
            [replace(d, weight=-d.weight) for d in plan.differences],
            plan.identical,
        )  # fmt: skip

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "compose", exchanged)
        other = made(config, seed, 4)
    assert torch.equal(one.tests, other.references)
    assert torch.equal(one.references, other.tests)
    torch.testing.assert_close(one.targets, 1 - other.targets, atol=1e-6, rtol=0)


def test_two_damages_of_one_channel_are_clipped_before_the_mean() -> None:
    masks = torch.zeros(2, 4, 4)
    masks[:, :2] = 1
    masks[0, 2:] = 0.5
    differences = [Difference(0, 1, 0, 1.0), Difference(0, 1, 1, 0.8)]
    found = targets(differences, masks, 1, 2)
    # 1.8, clipped to 1, in one half, 0.5 in the other.
    torch.testing.assert_close(found, torch.tensor([0.5, 0.875]).view(1, 2, 1, 1))


@pytest.mark.parametrize("side", ["test", "reference"])
def test_damage_of_one_side_is_on_one_side_of_a_half(side: str) -> None:
    config = replace(
        SMOKE, both_share=0.0, reference_share=float(side == "reference"), identical_share=0.0
    )
    found = trace(config, 3, 48)
    n = len(found.batch.tests)
    up = 0
    for pair in range(n):
        names = {d.type for d in found.damages if d.image % n == pair}
        for c, channel in enumerate(config.channels):
            more = found.batch.targets[pair, c] - 0.5
            signs = [CHANNELS[channel][t] for t in names if t in CHANNELS[channel]]
            assert bool(signs) == bool((more != 0).any())
            for sign in signs:
                assert (sign * more * (1 if side == "test" else -1) >= 0).all()
                up += sign > 0
    untouched = found.batch.references if side == "test" else found.batch.tests
    assert torch.equal(untouched, found.before[n:])
    assert up > 30


def luma(images: Tensor) -> Tensor:
    return images.mean(1)


def chroma(images: Tensor) -> Tensor:
    return images.amax(1) - images.amin(1)


def smoothness(images: Tensor) -> Tensor:
    return -images.mean(1).diff(dim=2, append=images.mean(1)[:, :, -1:]).abs()


@pytest.mark.parametrize(
    ("channel", "measured"), [("brightness", luma), ("saturation", chroma), ("blur", smoothness)]
)
def test_of_inverse_types_one_is_more_and_one_is_less(
    channel: str, measured: Callable[[Tensor], Tensor]
) -> None:
    config = replace(SMOKE, channels=(channel,), regions=(1.0,), curriculum=((0.0, 3.0),))
    batch = made(config, 1, 64)
    more = (batch.targets[:, 0] - 0.5).repeat_interleave(4, 1).repeat_interleave(4, 2)
    change = measured(batch.tests) - measured(batch.references)
    for sign in (1, -1):
        where = sign * more > 0.1
        assert where.float().mean() > 0.05
        assert (sign * change[where]).mean() > 0.004


def test_identical_pairs_are_damaged_and_at_a_half_everywhere() -> None:
    config = replace(SMOKE, identical_share=1.0, clean_share=0.0)
    found = trace(config)
    assert torch.equal(found.batch.tests, found.batch.references)
    assert (found.batch.targets == 0.5).all()
    changed = (found.batch.tests != found.before[:24]).flatten(1).any(1)
    assert changed.float().mean() > 0.9


def test_clean_pairs_are_the_photographs() -> None:
    found = trace(replace(SMOKE, clean_share=1.0, identical_share=0.0))
    assert torch.equal(found.batch.tests, found.before[:24])
    assert torch.equal(found.batch.tests, found.batch.references)
    assert (found.batch.targets == 0.5).all()


def test_the_same_generator_is_the_same_batch_and_nothing_global_is_drawn() -> None:
    one = made(SMOKE, 5)
    torch.manual_seed(1)
    np.random.seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    again, other = made(SMOKE, 5), made(SMOKE, 6)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == np.random.get_state()[1].tolist()
    for name in ("tests", "references", "targets"):
        assert torch.equal(getattr(one, name), getattr(again, name))
        assert not torch.equal(getattr(one, name), getattr(other, name))


def test_contents_do_not_depend_on_the_damage() -> None:
    other = replace(SMOKE, channels=FIXED, regions=(1.0,), cells=(2.0, 2.0))
    assert torch.equal(trace(SMOKE, 4).before, trace(other, 4).before)


@pytest.fixture(scope="module")
def plans() -> list[Plan]:
    return [compose(SMOKE, 100, np.random.default_rng(seed), 1.0) for seed in range(40)]


def test_nothing_held_out_is_drawn_and_all_else_is(plans: list[Plan]) -> None:
    types = Counter(d.type for plan in plans for d in plan.damages)
    assert not set(types) & set(HELD_OUT)
    assert set(types) == set(BANK) - set(HELD_OUT) - {"mean-shift"}
    # A channel of two types gives each half as often.
    alone, half = types["jpeg"], types["brighten"]
    assert half / alone == pytest.approx(0.5, abs=0.12)


def test_shares_are_those_of_the_config(plans: list[Plan]) -> None:
    regions: Counter[int] = Counter()
    sides: Counter[str] = Counter()
    quiet = identical = 0
    for plan in plans:
        channels: dict[int, dict[int, set[int]]] = {}
        assert [d.mask for d in plan.damages] == list(range(len(plan.damages)))
        for d in plan.differences:
            image = plan.damages[d.mask].image
            assert image % 100 == d.pair
            channels.setdefault(d.pair, {}).setdefault(d.channel, set()).add(image // 100)
        for found in channels.values():
            regions[len(found)] += 1
            sides.update({(0,): "test", (1,): "reference"}.get(tuple(s), "both")
                         for s in found.values())  # fmt: skip
        identical += len(plan.identical)
        quiet += 100 - len(channels) - len(plan.identical)
    assert quiet / 4000 == pytest.approx(0.05, abs=0.015)
    assert identical / 4000 == pytest.approx(0.05, abs=0.015)
    for number, share in enumerate(SMOKE.regions, 1):
        assert regions[number] / regions.total() == pytest.approx(share, abs=0.03)
    for side, share in (("test", 0.5), ("reference", 0.25), ("both", 0.25)):
        assert sides[side] / sides.total() == pytest.approx(share, abs=0.03)


def test_severities_are_uniform_above_the_least() -> None:
    found = [d.severity for d in compose(SMOKE, 800, np.random.default_rng(0), 3.0).damages]
    assert min(found) >= 3
    counts, _ = np.histogram(found, 4, (3, 5))
    np.testing.assert_allclose(counts / len(found), 1 / 4, atol=0.06)


def test_the_curriculum_goes_by_progress() -> None:
    config = replace(SMOKE, clean_share=0.0, curriculum=((0.0, 4.5), (0.5, 1.0)))
    early, late = made(config, 2), made(config, 2, progress=0.5)
    assert (early.targets - 0.5).abs().mean() > (late.targets - 0.5).abs().mean()


def test_small_photographs_are_enlarged_and_few_are_used_again() -> None:
    photos = Photographs((30, 70), (40, 90), 2)
    batch = make_triplets(draw_triplets(photos, 6, SMOKE, torch.Generator().manual_seed(0)), SMOKE)
    assert batch.tests.shape == (6, 3, 64, 64)
    assert batch.references.std() > 0.05
