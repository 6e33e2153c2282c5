import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.data import chelsea

from probes.degradations import BANK
from probes.degradations.blur import disk_kernels, line_kernels

IMAGE = torch.from_numpy(chelsea()).permute(2, 0, 1)[None, :, 60:157, 100:231] / 255


def filtered(name, level, rng=()):
    return BANK[name].apply(IMAGE, torch.tensor([float(level)]), rng)[0].double().numpy()


def convolved(kernel):
    return np.stack(
        [ndimage.convolve(c, kernel, mode="nearest") for c in IMAGE[0].double().numpy()]
    )


@pytest.mark.parametrize("sigma", [0.3, 0.8, 2.2, 5])
def test_gaussian_is_scipys(sigma):
    expected = [ndimage.gaussian_filter(c, sigma, mode="nearest") for c in IMAGE[0].double()]
    np.testing.assert_allclose(filtered("gaussian-blur", sigma), np.stack(expected), atol=2e-6)


@pytest.mark.parametrize("radius", [0.7, 1, 1.5, 2.2, 3.7, 6, 8])
def test_disk_kernel_is_the_area_of_each_pixel(radius):
    kernel = disk_kernels(torch.tensor([radius], dtype=torch.float64))[0].numpy()
    reach, fine = kernel.shape[0] // 2, 201
    steps = (np.arange(kernel.shape[0] * fine) + 0.5) / fine - reach - 0.5
    inside = (steps[:, None] ** 2 + steps**2 <= radius**2).astype(float)
    counted = inside.reshape(len(kernel), fine, len(kernel), fine).mean((1, 3))
    assert counted.sum() == pytest.approx(np.pi * radius**2, rel=1e-3)
    np.testing.assert_allclose(kernel, counted / counted.sum(), atol=2e-4)


def test_disk_kernels_of_a_batch_share_a_size():
    radii = torch.tensor([0.4, 3.0])
    small, large = disk_kernels(radii)
    assert small[3, 3] == 1
    torch.testing.assert_close(large, disk_kernels(radii[1:])[0])


@pytest.mark.parametrize("radius", [1, 3.7, 6])
def test_lens_is_scipys_convolution_with_a_disk(radius):
    kernel = disk_kernels(torch.tensor([radius], dtype=torch.float64))[0].numpy()
    np.testing.assert_allclose(filtered("lens-blur", radius), convolved(kernel), atol=2e-6)


@pytest.mark.parametrize(
    ("angle", "axis"), [(0, 1), (np.pi / 2, 0)], ids=["horizontal", "vertical"]
)
def test_odd_motion_along_an_axis_is_a_box(angle, axis):
    kernel = line_kernels(torch.tensor([5.0]), torch.tensor([angle]))[0].numpy()
    box = np.zeros_like(kernel)
    center = len(kernel) // 2
    np.swapaxes(box, 0, axis)[center - 2 : center + 3, center] = 0.2
    np.testing.assert_allclose(kernel, box, atol=1e-6)


@pytest.mark.parametrize("degrees", [20, 45, 110, 163])
def test_motion_kernel_lies_along_its_angle(degrees):
    kernel = line_kernels(torch.tensor([15.0]), torch.tensor([np.deg2rad(degrees)]))[0].numpy()
    reach = len(kernel) // 2
    y, x = np.mgrid[reach : -reach - 1 : -1, -reach : reach + 1]
    assert kernel.sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-6)
    moments = np.array([[(kernel * a * b).sum() for a in (x, y)] for b in (x, y)])
    values, vectors = np.linalg.eigh(moments)
    along = np.rad2deg(np.arctan2(*vectors[::-1, 1])) % 180
    assert along == pytest.approx(degrees, abs=1)
    # A segment of 15 pixels has variance (15² - 1) / 12 along itself, and a pixel's width across.
    assert values[1] == pytest.approx((15**2 - 1) / 12, rel=0.06)
    assert values[0] < 0.3


def test_motion_of_one_pixel_is_none():
    rng = [torch.Generator().manual_seed(1)]
    np.testing.assert_allclose(filtered("motion-blur", 1, rng), IMAGE[0].numpy(), atol=1e-6)


def test_motion_is_scipys_convolution_with_a_drawn_line():
    angle = torch.pi * torch.rand((), generator=torch.Generator().manual_seed(4))
    kernel = line_kernels(torch.tensor([8.0]), angle[None])[0].double().numpy()
    rng = [torch.Generator().manual_seed(4)]
    np.testing.assert_allclose(filtered("motion-blur", 8, rng), convolved(kernel), atol=2e-6)
