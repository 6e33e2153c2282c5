"""The yardsticks: what they score, and that the untrained network is the same everywhere."""

import numpy as np
import pytest
import torch

from baselines.controls import FAMILY
from harness.model import operations


def image(seed=0, height=40, width=56):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (3, height, width), dtype=np.uint8))


@pytest.mark.parametrize("name", FAMILY.listed)
def test_every_control_says_that_it_is_one_and_was_trained_on_nothing(name):
    card = FAMILY.load(name).card
    assert card.name == f"control:{name}"
    assert card.control
    assert card.trained_on == ()


def test_constant_is_zero_for_every_image():
    scores = FAMILY.load("constant").score([image(), image(1, 9, 7)])
    assert torch.equal(scores, torch.zeros(2, dtype=torch.float64))


def test_luminance_is_the_mean_luma():
    pixels = image()
    scores = FAMILY.load("luminance").score([pixels, pixels // 2, torch.full_like(pixels, 255)])
    red, green, blue = (float(channel.numpy().mean()) for channel in pixels)
    assert scores.dtype == torch.float64
    assert scores[0].item() == pytest.approx(0.299 * red + 0.587 * green + 0.114 * blue)
    assert scores[1] < scores[0]
    assert scores[2].item() == pytest.approx(255)


def test_the_untrained_network_depends_on_its_seed_alone():
    torch.manual_seed(1)
    first = FAMILY.load("untrained-vit")
    torch.manual_seed(2)
    second, other = FAMILY.load("untrained-vit", seed=0), FAMILY.load("untrained-vit", seed=1)
    assert first.card.weights_hash == second.card.weights_hash != other.card.weights_hash
    images = [image(), image(1, 33, 64)]
    features = first.features(images)
    assert operations(first) == {"features"}
    assert features.shape == (2, 1, 384)
    assert features.dtype == torch.float32
    assert torch.equal(features, second.features(images))
    assert not torch.allclose(features, other.features(images))
    assert not torch.allclose(features[0], features[1])
    assert "untrained" in first.card.summary
    assert "seed 0" in first.card.summary


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("untrained", {}, "no control 'untrained'; did you mean untrained-vit"),
        ("constant", {"value": 1}, "control:constant: unknown option 'value'"),
        ("untrained-vit", {"sed": 1}, "unknown option 'sed'; options: device, seed"),
        ("untrained-vit", {"seed": -1}, "seed must be 0 or more"),
    ],
)
def test_bad_names_and_options(name, options, message):
    with pytest.raises(ValueError, match=message):
        FAMILY.load(name, **options)
