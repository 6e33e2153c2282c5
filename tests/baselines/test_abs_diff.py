"""``control:abs-diff``: the smoothed |t − r|."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.controls import SMOOTHING, AbsDiff
from harness.conformance import check
from harness.registry import load_model


def test_it_is_the_mean_difference_through_a_gaussian() -> None:
    reference = torch.full((3, 81, 81), 100, dtype=torch.uint8)
    test = reference.clone()
    test[:, 40, 40] += 90
    (found,) = AbsDiff().distortion_map([test], [reference])
    y, x = np.mgrid[-40:41, -40:41]
    gauss = np.exp(-(x**2 + y**2) / (2 * SMOOTHING**2)) / (2 * np.pi * SMOOTHING**2)
    np.testing.assert_allclose(found[0].numpy(), 0.5 + 0.5 * 90 / 255 * gauss, atol=1e-5)
    (swapped,) = AbsDiff().distortion_map([reference], [test])
    assert torch.equal(swapped, found)  # it knows no direction


def test_an_image_beside_itself_is_one_half_and_other_sizes_are_refused() -> None:
    image = torch.randint(0, 256, (3, 20, 30), dtype=torch.uint8)
    (same,) = AbsDiff().distortion_map([image], [image])
    assert (same == 0.5).all()
    with pytest.raises(ValueError, match="images of one size, not 30 × 20 and 20 × 30"):
        AbsDiff().distortion_map([image], [image.mT])


def test_it_keeps_the_contract() -> None:
    model = load_model("control:abs-diff")
    assert model.card.mode == "FR"
    assert model.card.control
    assert not [c for c in check(model) if c.problem]
