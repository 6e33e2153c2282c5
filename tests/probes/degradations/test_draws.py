import hashlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from probes.degradations import seeded
from probes.degradations.draws import integers, normal, uniform

RECIPE = {"seed": 7, "content": "chelsea", "type": "jpeg", "replicate": 0}


def first(**changes):
    return torch.rand(4, generator=seeded(**RECIPE | changes))


def test_seed_is_sha256_of_the_canonical_recipe():
    text = '{"content":"chelsea","replicate":0,"seed":7,"type":"jpeg"}'
    seed = int(hashlib.sha256(text.encode()).hexdigest()[:16], 16)
    assert seeded(**RECIPE).initial_seed() == seed


@pytest.mark.parametrize(
    "change",
    [{"seed": 8}, {"content": "coffee"}, {"type": "webp"}, {"replicate": 1}],
)
def test_each_part_of_the_recipe_changes_the_draws(change):
    assert not torch.equal(first(), first(**change))


def test_equal_recipes_draw_equal_numbers():
    assert torch.equal(first(), first(seed=7.0))


@pytest.mark.parametrize("draw", [uniform, normal])
def test_an_image_draws_the_same_alone_and_in_a_batch(draw):
    like = torch.zeros(3, 1, dtype=torch.float64)
    batch = draw([seeded(i, "x", "t") for i in range(3)], (2, 50), like)
    assert batch.shape == (3, 2, 50)
    assert batch.dtype == torch.float64
    for i in range(3):
        assert torch.equal(draw([seeded(i, "x", "t")], (2, 50), like[:1])[0], batch[i])


def test_one_generator_serves_a_batch():
    draws = uniform(torch.Generator().manual_seed(0), (1000,), torch.zeros(2, 1))
    assert draws.shape == (2, 1000)
    assert not torch.equal(draws[0], draws[1])
    assert draws.mean().item() == pytest.approx(0.5, abs=0.03)


@given(st.integers(1, 5000))
def test_integers_stay_below_the_count(count):
    largest = torch.nextafter(torch.tensor(1.0), torch.tensor(0.0))
    assert integers(torch.stack([torch.tensor(0.0), largest]), count).tolist() == [0, count - 1]
