"""BRISQUE's features against SciPy, Pillow and pyiqa, and the properties of the fits."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from scipy.signal import convolve2d
from scipy.stats import gennorm

from baselines import nss
from baselines.nss import FAMILY


@pytest.fixture(scope="module")
def photo():
    """uint8 [3, 288, 384]."""
    from skimage.data import astronaut

    return np.ascontiguousarray(astronaut()[:288, :384].transpose(2, 0, 1))


def test_features_equal_those_of_pyiqa(photo):
    """Same borders, neighbors and rounding of luminance.

    What differs: its shapes are of a grid with step 0.001, ours lie between (at most 0.0005
    away); it adds 1e-7 under the square root and resizes in float32 (1e-4 in the others).
    """
    pytest.importorskip("pyiqa")
    from pyiqa.archs.brisque_arch import natural_scene_statistics
    from pyiqa.matlab_utils import imresize

    for odd in (0, 1):
        rgb = photo[:, odd:, odd:]
        full = torch.from_numpy(nss.luminance(rgb))[None, None]
        half = imresize(full, scale=0.5, antialiasing=True)
        expected = np.concatenate([natural_scene_statistics(x)[0] for x in (full, half)])
        found = FAMILY.load("brisque").features([torch.from_numpy(rgb.copy())])[0, 0]
        shapes = np.isin(np.arange(36) % 18, (0, 2, 6, 10, 14))
        np.testing.assert_allclose(found[shapes], expected[shapes], atol=6e-4)
        np.testing.assert_allclose(found[~shapes], expected[~shapes], atol=1e-4)


def test_the_contract(photo):
    model = FAMILY.load("brisque")
    images = [torch.from_numpy(photo), torch.from_numpy(photo[:, :97, :131].copy())]
    features = model.features(images)
    assert features.shape == (2, 1, 36)
    assert features.dtype == torch.float32
    assert torch.equal(features[1:], model.features(images[1:]))
    assert "scipy" in model.card.requires
    assert model.card.trained_on == ()


def test_luminance_is_that_of_pillow_to_one_level(photo):
    expected = np.asarray(Image.fromarray(photo.transpose(1, 2, 0)).convert("L"), np.float64)
    assert np.abs(nss.luminance(photo) - expected).max() <= 1


def test_coefficients_equal_a_direct_convolution(photo):
    gray = nss.luminance(photo)[:60, :50]
    offsets = np.arange(-3, 4)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * (7 / 6) ** 2))
    window /= window.sum()
    mean = convolve2d(gray, window, "same")
    deviation = np.sqrt(np.abs(convolve2d(gray**2, window, "same") - mean**2))
    np.testing.assert_allclose(nss.mscn(gray), (gray - mean) / (deviation + 1), atol=1e-9)


def test_halving_equals_pillow_inside_and_keeps_the_mean(photo):
    gray = nss.luminance(photo)
    half = nss.halve(gray)
    pillow = Image.fromarray(gray.astype(np.float32)).resize((192, 144), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(half[4:-4, 4:-4], np.asarray(pillow)[4:-4, 4:-4], atol=1e-3)
    assert nss.halve(gray[:7, :5]).shape == (4, 3)
    np.testing.assert_allclose(nss.halve(np.full((9, 6), 37.0)), 37.0)


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0, 4.0])
def test_a_generalized_gaussian_is_recovered(shape):
    x = gennorm.rvs(shape, scale=1.7, size=400_000, random_state=np.random.default_rng(0))
    found, variance = nss.ggd(x)
    assert found == pytest.approx(shape, rel=0.03)
    assert variance == pytest.approx(gennorm.var(shape, scale=1.7), rel=0.02)


@pytest.mark.parametrize(("shape", "left", "right"), [(0.6, 1.0, 0.4), (1.0, 0.5, 2.0), (3, 1, 1)])
def test_an_asymmetric_generalized_gaussian_is_recovered(shape, left, right):
    rng = np.random.default_rng(1)
    size = np.abs(gennorm.rvs(shape, size=400_000, random_state=rng))
    # Each side's share of the probability is in proportion to its scale.
    side = rng.random(size.size) < left / (left + right)
    x = np.where(side, -left * size, right * size)
    found, mean, left_variance, right_variance = nss.aggd(x)
    unit = gennorm.var(shape)
    assert found == pytest.approx(shape, rel=0.03)
    assert left_variance == pytest.approx(left**2 * unit, rel=0.03)
    assert right_variance == pytest.approx(right**2 * unit, rel=0.03)
    assert mean == pytest.approx(x.mean(), abs=0.01)


@given(
    arrays(np.float64, 50, elements=st.floats(-10, 10).map(lambda v: round(v, 3))),
    st.floats(0.1, 10),
)
def test_fits_follow_scale_and_reflection(x, scale):
    shape, mean, left, right = nss.aggd(x)
    assert nss.aggd(-x) == pytest.approx((shape, -mean, right, left))
    expected = (shape, scale * mean, scale**2 * left, scale**2 * right)
    assert nss.aggd(scale * x) == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert nss.ggd(-x) == nss.ggd(x)
    assert 0.2 <= shape <= 10


@pytest.mark.parametrize("level", [0, 1, 128, 255])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (64, 48)])
def test_flat_images_give_finite_values(level, size):
    flat = torch.full((3, *size), level, dtype=torch.uint8)
    assert torch.isfinite(FAMILY.load("brisque").features([flat])).all()


def test_rounding_on_flat_areas_leaves_no_coefficients():
    inside = nss.mscn(np.full((40, 40), 201.0))[3:-3, 3:-3]
    assert not inside.any()
    assert nss.aggd(np.zeros(100)) == (0.2, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("brisk", {}, "no features 'brisk'; did you mean brisque"),
        ("brisque", {"scales": 3}, "unknown option 'scales'"),
    ],
)
def test_bad_names_and_options(name, options, message):
    with pytest.raises(ValueError, match=message):
        FAMILY.load(name, **options)
