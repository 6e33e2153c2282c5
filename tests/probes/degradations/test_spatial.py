import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from skimage.data import chelsea

from probes.degradations import BANK

PIXELS = chelsea()[60:156, 100:228]  # 96 x 128: a quarter of 384 x 512
IMAGE = torch.from_numpy(PIXELS).permute(2, 0, 1)[None] / 255
# Every value is unique, so that each pixel tells where it comes from.
ADDRESSES = torch.arange(384.0 * 512).view(1, 1, 384, 512).repeat(1, 3, 1, 1)


def changed(name, level, image=IMAGE, seed=0):
    rng = [torch.Generator().manual_seed(seed)]
    return BANK[name].apply(image, torch.tensor([float(level)]), rng)[0].double().numpy()


@pytest.mark.parametrize("deviation", [0.05, 0.7])
def test_jitter_is_five_rounds_of_scipys_bilinear_resampling(deviation):
    steps = torch.randn((5, 96, 128, 2), generator=torch.Generator().manual_seed(0))
    expected = IMAGE[0].double().numpy()
    for step in steps.double().numpy() * deviation:
        places = np.mgrid[:96, :128] + step[..., ::-1].transpose(2, 0, 1)
        expected = np.stack(
            [ndimage.map_coordinates(c, places, order=1, mode="nearest") for c in expected]
        )
    np.testing.assert_allclose(changed("jitter", deviation), expected, atol=1e-4)


@pytest.mark.parametrize("scale", [3 / 5, 1 / 3, 1 / 5])
def test_pixelate_is_pillows_nearest(scale):
    """At sizes that the scale divides, and odd ratios, where no pixel lies midway."""
    picture = Image.fromarray(PIXELS[:90, :105])
    small = (round(105 * scale), round(90 * scale))
    reduced = picture.resize(small, Image.Resampling.NEAREST)
    expected = np.asarray(reduced.resize(picture.size, Image.Resampling.NEAREST))
    actual = changed("pixelate", (0.95 - scale) ** (1 / 0.6), IMAGE[..., :90, :105])
    np.testing.assert_allclose(actual.transpose(1, 2, 0) * 255, expected, atol=1e-4)


@pytest.mark.parametrize("level", [1e-4, 0.05, 0.2, 0.5, 0.7])
def test_pixelate_has_as_many_blocks_as_its_scale_says(level):
    blocks = np.unique(changed("pixelate", level, ADDRESSES)[0])
    scale = 0.95 - level**0.6
    assert len(blocks) == pytest.approx(384 * scale * 512 * scale, rel=0.03)


@pytest.mark.parametrize("count", [2, 4, 7, 20])
def test_quantization_is_a_loop_over_values(count):
    values = [i / (count - 1) for i in range(count)]
    ramp = torch.arange(256).expand(1, 3, 16, 256) / 255
    expected = [min(values, key=lambda v: abs(v - x / 255)) for x in range(256)]
    actual = changed("quantization", count, ramp)[0, 0]
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_quantization_keeps_a_fractional_count_within_a_step():
    ramp = torch.linspace(0, 1, 500).expand(1, 3, 16, 500)
    error = np.abs(changed("quantization", 4.5, ramp).clip(0, 1) - ramp[0].numpy())
    assert error.max() == pytest.approx(0.5 / 3.5, rel=0.02)


@pytest.mark.parametrize("count", [1, 16, 100])
def test_patches_come_from_nearby(count):
    damaged = changed("non-eccentricity", count, ADDRESSES)[0].astype(int)
    y, x = np.mgrid[:384, :512]
    dy, dx = damaged // 512 - y, damaged % 512 - x
    hit = damaged != ADDRESSES[0, 0].numpy()
    assert (np.abs(dy)[hit] >= 1).all()
    assert (np.abs(dx)[hit] >= 1).all()
    assert max(np.abs(dy).max(), np.abs(dx).max()) <= 8
    # Overlaps hide some pixels: none of them where there is one patch.
    assert 0.8 * count * 256 <= hit.sum() <= count * 256
    assert len(np.unique(np.stack([dy[hit], dx[hit]]), axis=1).T) <= count
    if count == 1:
        rows, columns = np.nonzero(hit)
        assert np.ptp(rows) == np.ptp(columns) == 15


@pytest.mark.parametrize("count", [1, 4, 16])
def test_blocks_are_squares_of_one_color(count):
    image = torch.full((1, 3, 384, 512), -1.0)
    damaged = changed("color-block", count, image)
    hit = damaged[0] >= 0
    assert 0.7 * count * 32**2 <= hit.sum() <= count * 32**2
    shades = np.unique(damaged[:, hit], axis=1).T
    assert len(shades) == count
    for shade in shades:
        rows, columns = np.nonzero((damaged == shade[:, None, None]).all(0))
        assert np.ptp(rows) <= 31
        assert np.ptp(columns) <= 31


@pytest.mark.parametrize(("name", "side"), [("color-block", 32), ("non-eccentricity", 16)])
def test_a_fractional_count_shows_part_of_the_last_patch(name, side):
    one, more, two = (changed(name, count, ADDRESSES, seed=5) for count in (1, 1.25, 2))
    rows = np.nonzero((more != one).any(axis=(0, 2)))[0]
    assert len(rows) == side / 4
    assert ((more == one) | (more == two)).all()


def test_patches_scale_with_the_image():
    for image, side in ((ADDRESSES[..., :192, :256], 8), (ADDRESSES[..., :16, :16], 2)):
        hit = changed("non-eccentricity", 1, image)[0] != image[0, 0].numpy()
        assert hit.sum() == side**2
