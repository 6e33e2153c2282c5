"""Pairs that do not lie pixel upon pixel are noticed; damaged versions are none of them."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from harness.alignment import misaligned
from probes.contents import embedded
from probes.degradations import TYPES, degrade_batch


@pytest.fixture(scope="module")
def photographs() -> list[torch.Tensor]:
    return [content.image()[:, :200, :200] for content in embedded()]


@pytest.mark.parametrize(("right", "down"), [(1, 0), (0, -3), (-2, 5)])
def test_a_shift_is_told_with_its_size(photographs, right, down):
    for image in photographs[:4]:
        reference = image[:, 8:-8, 8:-8]
        test = image[:, 8 - down : 192 - down, 8 - right : 192 - right]
        told = misaligned(test, reference)
        assert f"by {right} pixels to the right and {down} down" in str(told)


def test_two_scenes_are_no_versions_of_one(photographs):
    told = [misaligned(a, b) for a, b in pairwise(photographs)]
    assert sum("one scene" in str(each) for each in told) >= len(told) - 1


@pytest.mark.parametrize("type", TYPES)
def test_damage_of_any_type_is_not_taken_for_either(photographs, type):
    images = torch.stack(photographs[:3])
    rng = torch.Generator().manual_seed(0)
    hurt = degrade_batch(images.float() / 255, type, [5.0] * len(images), rng)
    for one, other in zip((hurt * 255).round().byte(), images, strict=True):
        assert misaligned(one, other) is None


def test_what_is_equal_or_flat_says_nothing(photographs):
    flat = torch.full((3, 64, 64), 128, dtype=torch.uint8)
    assert misaligned(photographs[0], photographs[0]) is None
    assert misaligned(flat, flat // 2) is None
