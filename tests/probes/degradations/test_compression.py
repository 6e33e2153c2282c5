from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import chelsea
from skimage.metrics import peak_signal_noise_ratio

from probes.degradations import BANK, degrade_batch

PIXELS = chelsea()[60:157, 100:231]
IMAGE = torch.from_numpy(PIXELS).permute(2, 0, 1)[None] / 255


def coded(name, level):
    damaged = BANK[name].apply(IMAGE, torch.tensor([float(level)]), ())[0]
    return (damaged * 255).round().byte().permute(1, 2, 0).numpy()


def pillow(**options):
    buffer = BytesIO()
    Image.fromarray(PIXELS).save(buffer, **options)
    return np.asarray(Image.open(buffer).convert("RGB")), buffer.tell()


@pytest.mark.parametrize("quality", [1, 4, 12, 35, 50, 75, 95, 100])
def test_jpeg_at_whole_qualities_is_pillows(quality):
    expected, _ = pillow(format="JPEG", quality=quality, subsampling="4:2:0")
    np.testing.assert_array_equal(coded("jpeg", quality), expected)


def test_jpeg_between_qualities_lies_between():
    errors = [
        peak_signal_noise_ratio(PIXELS, coded("jpeg", quality)) for quality in (10, 10.3, 10.6, 11)
    ]
    assert (np.diff(errors) > 0).all()


@pytest.mark.parametrize("rate", [8, 40.5])
def test_jpeg2000_keeps_its_rate(rate):
    expected, size = pillow(
        format="JPEG2000",
        quality_mode="rates",
        quality_layers=[rate],
        irreversible=True,
        num_resolutions=6,
    )
    np.testing.assert_array_equal(coded("jpeg2000", rate), expected)
    assert size <= PIXELS.size / rate + 200  # the header


@pytest.mark.parametrize("quality", [0, 6, 65])
def test_webp_is_pillows(quality):
    expected, _ = pillow(format="WEBP", quality=quality, method=4)
    np.testing.assert_array_equal(coded("webp", quality), expected)


@pytest.mark.parametrize("quality", [0, 42])
def test_avif_is_pillows(quality):
    expected, _ = pillow(
        format="AVIF", quality=quality, subsampling="4:2:0", speed=8, max_threads=1
    )
    np.testing.assert_array_equal(coded("avif", quality), expected)


def test_threads_change_nothing():
    images = torch.cat([IMAGE.roll(i, 3) for i in range(4)])
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            results.append(degrade_batch(images, "jpeg", [1, 2, 3, 4], [torch.Generator()] * 4))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*results)
