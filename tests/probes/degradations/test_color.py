import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from skimage import color
from skimage.data import chelsea

from probes.degradations import BANK, degrade, seeded

# skimage warns of colors outside sRGB, which it clips as we do.
pytestmark = pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB")
PIXELS = chelsea()[60:157, 100:231]
IMAGE = torch.from_numpy(PIXELS).permute(2, 0, 1)[None] / 255


def changed(name, level, rng=()):
    damaged = BANK[name].apply(IMAGE, torch.tensor([float(level)]), rng)
    return damaged[0].permute(1, 2, 0).double().numpy()


@pytest.mark.parametrize("factor", [0.88, 0.3, 0, -0.4])
def test_hsv_saturation_is_skimages(factor):
    hsv = color.rgb2hsv(PIXELS)
    saturation = hsv[..., 1] * factor
    # A negative saturation is a positive one of the opposite hue, from a value that grows.
    value = hsv[..., 2] * (1 - np.minimum(saturation, 0))
    hue = (hsv[..., 0] + 0.5 * (saturation < 0)) % 1
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.abs(saturation) / np.where(saturation < 0, 1 - saturation, 1)
    expected = color.hsv2rgb(np.dstack([hue, share, value]))
    np.testing.assert_allclose(changed("color-saturation-hsv", factor), expected, atol=1e-6)


@pytest.mark.parametrize("factor", [1, 1.4, 3.2])
def test_lab_saturation_is_skimages(factor):
    lab = color.rgb2lab(PIXELS) * [1, factor, factor]
    expected = color.lab2rgb(lab)
    np.testing.assert_allclose(changed("color-saturation-lab", factor), expected, atol=2e-3)


@pytest.mark.parametrize("level", [1, 2.2])
def test_diffusion_is_scipys_gaussian_on_skimages_lab(level):
    lab = color.rgb2lab(PIXELS)
    for channel in (1, 2):
        blurred = ndimage.gaussian_filter(lab[..., channel], 1.5 * level + 2, mode="nearest")
        lab[..., channel] = blurred * level
    expected = color.lab2rgb(lab)
    np.testing.assert_allclose(changed("color-diffusion", level), expected, atol=2e-3)


@pytest.mark.parametrize("distance", [1.3, 8])
def test_shift_moves_green_where_edges_are(distance):
    rgb = PIXELS / 255
    angle = 2 * np.pi * torch.rand((), generator=torch.Generator().manual_seed(2)).item()
    offset = distance * np.array([np.sin(angle), np.cos(angle)])
    moved = ndimage.shift(rgb[..., 1], offset, order=1, mode="nearest")
    gradient = np.hypot(*np.gradient(rgb @ [0.299, 0.587, 0.114]))
    magnitude = ndimage.gaussian_filter(gradient, 4, mode="nearest")
    low, high = np.percentile(magnitude, [1, 99])
    edges = np.clip((magnitude - low) / (high - low), 0, 1)
    expected = rgb.copy()
    expected[..., 1] += edges * (moved - expected[..., 1])
    actual = changed("color-shift", distance, [torch.Generator().manual_seed(2)])
    np.testing.assert_allclose(actual, expected, atol=2e-3)


def test_shift_of_a_flat_image_is_none():
    flat = torch.full((3, 32, 32), 90, dtype=torch.uint8)
    assert torch.equal(degrade(flat, "color-shift", 5, seeded(0, "flat", "color-shift")), flat)


@pytest.mark.parametrize("count", [8, 16, 64])
def test_palette_has_its_size_and_less_error_than_median_cut(count):
    actual = (changed("color-quantization", count) * 255).round().astype(int)
    assert len(np.unique(actual.reshape(-1, 3), axis=0)) == count
    cut = Image.fromarray(PIXELS).quantize(count, Image.Quantize.MEDIANCUT, dither=0)
    reference = np.asarray(cut.convert("RGB")).astype(int)
    errors = [((palette - PIXELS.astype(int)) ** 2).mean() for palette in (actual, reference)]
    assert errors[0] < errors[1]


def test_palette_colors_are_the_means_of_their_pixels():
    actual = changed("color-quantization", 12).reshape(-1, 3)
    original = PIXELS.reshape(-1, 3) / 255
    for shade in np.unique(actual, axis=0):
        own = (actual == shade).all(1)
        np.testing.assert_allclose(original[own].mean(0), shade, atol=1e-5)


def test_fractional_palettes_lie_between():
    few, some, more = (changed("color-quantization", count) for count in (12, 12.25, 13))
    np.testing.assert_allclose(some, 0.75 * few + 0.25 * more, atol=1e-5)


def test_an_image_with_fewer_colors_than_the_palette_is_kept():
    # Multiples of 8: each color has a histogram cell of its own.
    stripes = (torch.arange(6).repeat_interleave(4) * 40).to(torch.uint8).expand(3, 24, 24)
    kept = degrade(stripes, "color-quantization", 4, torch.Generator())
    assert torch.equal(kept, stripes)
