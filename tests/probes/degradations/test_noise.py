import numpy as np
import pytest
import torch
from scipy.signal import wiener
from skimage import color
from skimage.data import chelsea
from skimage.util import random_noise

from probes.degradations import BANK

GRAY = torch.full((1, 3, 200, 300), 0.5)


def noisy(name, level, image=GRAY, seed=0):
    rng = [torch.Generator().manual_seed(seed)]
    return BANK[name].apply(image, torch.tensor([level]), rng)[0].double().numpy()


@pytest.mark.parametrize("variance", [2e-4, 5e-3])
def test_white_noise_has_skimages_statistics(variance):
    noise = noisy("white-noise", variance) - 0.5
    reference = random_noise(np.full_like(noise, 0.5), "gaussian", var=variance, rng=0) - 0.5
    assert noise.mean() == pytest.approx(0, abs=4 * np.sqrt(variance / noise.size))
    assert noise.var() == pytest.approx(reference.var(), rel=0.03)
    assert (np.abs(noise) > 2 * np.sqrt(variance)).mean() == pytest.approx(0.0455, abs=0.003)
    # Independent between channels and neighbors.
    flat = np.vstack([noise.reshape(3, -1), np.roll(noise[0], 1, axis=1).reshape(1, -1)])
    assert np.abs(np.corrcoef(flat) - np.eye(4)).max() < 0.02


def test_color_noise_is_white_in_ycbcr():
    noise = noisy("white-noise-color", 1e-3) - 0.5
    # Of skimage's studio-swing Y, Cb, Cr, to full swing.
    matrix = color.colorconv.ycbcr_from_rgb / [[219], [224], [224]]
    parts = np.tensordot(matrix, noise, axes=1).reshape(3, -1)
    np.testing.assert_allclose(parts.var(axis=1), 1e-3, rtol=0.03)
    assert np.abs(np.corrcoef(parts) - np.eye(3)).max() < 0.02


@pytest.mark.parametrize("density", [2e-3, 0.05])
def test_impulse_noise_is_salt_and_pepper(density):
    values = noisy("impulse-noise", density)
    reference = random_noise(np.full_like(values, 0.5), "s&p", amount=density, rng=0)
    for extreme in (0, 1):
        share, expected = ((x == extreme).mean() for x in (values, reference))
        bound = 5 * np.sqrt(density / values.size)
        assert share == pytest.approx(density / 2, abs=bound)
        assert share == pytest.approx(expected, abs=bound)
    assert set(np.unique(values)) == {0, 0.5, 1}
    hits = (values != 0.5).reshape(3, -1)
    assert np.abs(np.corrcoef(hits) - np.eye(3)).max() < 0.02


def test_impulses_of_a_low_density_are_among_those_of_a_high_one():
    low, high = (noisy("impulse-noise", density) != 0.5 for density in (0.01, 0.03))
    assert (low <= high).all()


def test_multiplicative_noise_follows_the_signal():
    ramp = torch.linspace(0, 1, 300).expand(1, 3, 200, 300)
    noise = noisy("multiplicative-noise", 0.01, ramp) - ramp[0].numpy()
    expected = 0.1 * np.linspace(0, 1, 300)
    np.testing.assert_allclose(noise.std(axis=(0, 1)), expected, rtol=0.2)
    reference = random_noise(ramp[0].double().numpy(), "speckle", var=0.01, clip=False, rng=0)
    assert noise.std() == pytest.approx((reference - ramp[0].numpy()).std(), rel=0.03)


def test_denoise_with_a_box_is_scipys_wiener():
    image = torch.from_numpy(chelsea()).permute(2, 0, 1)[None, :, 60:157, 100:231] / 255
    variance = 5e-3
    windows = {}
    for seed in range(12):
        rng = torch.Generator().manual_seed(seed)
        gaussian = torch.rand((), generator=rng) < 0.5
        noise = torch.randn(image.shape[1:], generator=rng)
        dirty = (image[0] + noise * variance**0.5).clamp(0, 1).double().numpy()
        clean = np.stack([wiener(channel, 5, noise=variance) for channel in dirty])
        actual = noisy("denoise", variance, image, seed)
        inner = np.s_[:, 2:-2, 2:-2]  # scipy pads with zeros
        windows[bool(gaussian)] = np.abs(actual - clean)[inner].max()
    assert windows[False] < 1e-4
    assert windows[True] > 0.01


def test_denoise_lies_nearer_to_the_original_than_the_noise():
    image = torch.from_numpy(chelsea()).permute(2, 0, 1)[None, :, 60:157, 100:231] / 255
    left = ((noisy("denoise", 0.01, image) - image[0].numpy()) ** 2).mean()
    assert left < 0.5 * 0.01
