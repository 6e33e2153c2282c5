import numpy as np
import pytest
import torch
from scipy.interpolate import lagrange
from skimage import color
from skimage.data import chelsea

from probes.degradations import BANK

PIXELS = chelsea()[60:157, 100:231]
IMAGE = torch.from_numpy(PIXELS).permute(2, 0, 1)[None] / 255


def changed(name, level):
    damaged = BANK[name].apply(IMAGE, torch.tensor([float(level)]), ())
    return damaged[0].permute(1, 2, 0).double().numpy()


def curve(middle, x):
    """The parabola through three points, by Lagrange."""
    return np.clip(lagrange([0, 0.5, 1], [0, middle, 1])(x), 0, 1)


@pytest.mark.parametrize("amount", [0.05, 0.26, 1.1])
def test_brighten_mixes_curves_on_rgb_and_lightness(amount):
    lab = color.rgb2lab(PIXELS)
    lab[..., 0] = 100 * curve(0.5 + amount / 2, lab[..., 0] / 100)
    expected = 2 / 3 * curve(0.5 + amount / 2, PIXELS / 255) + color.lab2rgb(lab) / 3
    np.testing.assert_allclose(changed("brighten", amount), expected, atol=2e-3)


@pytest.mark.parametrize("amount", [0.05, 0.26, 0.8])
def test_darken_is_a_parabola(amount):
    expected = curve(0.5 - amount / 2, PIXELS / 255)
    np.testing.assert_allclose(changed("darken", amount), expected, atol=1e-6)


@pytest.mark.parametrize("offset", [0.045, -0.125])
def test_mean_shift_adds(offset):
    np.testing.assert_allclose(changed("mean-shift", offset), PIXELS / 255 + offset, atol=1e-6)


def test_curves_never_turn_back():
    ramp = torch.arange(256).expand(1, 3, 16, 256) / 255
    for name in ("brighten", "darken"):
        for amount in (0.05, 0.45, 1.1 if name == "brighten" else 0.8):
            values = BANK[name].apply(ramp, torch.tensor([amount]), ())[0, 0, 0]
            assert (values.diff() >= -1e-6).all()
            assert values[[0, -1]].tolist() == pytest.approx([0, 1], abs=1e-3)
