import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import chelsea

from probes.degradations import BANK

PIXELS = chelsea()[60:157, 100:231]
IMAGE = torch.from_numpy(PIXELS).permute(2, 0, 1)[None] / 255
FILTERS = {
    "resize-bicubic": Image.Resampling.BICUBIC,
    "resize-bilinear": Image.Resampling.BILINEAR,
    "resize-lanczos": Image.Resampling.LANCZOS,
}


@pytest.mark.parametrize("factor", [1, 1.15, 1.6, 2.5, 4.2, 8, 16])
@pytest.mark.parametrize("name", FILTERS)
def test_there_and_back_is_pillows(name, factor):
    height, width = PIXELS.shape[:2]
    small = (round(width / factor), round(height / factor))
    expected = []
    for channel in IMAGE[0].numpy():  # as floats, which Pillow does not round in between
        reduced = Image.fromarray(channel).resize(small, FILTERS[name])
        clipped = Image.fromarray(np.asarray(reduced).clip(0, 1))
        expected.append(np.asarray(clipped.resize((width, height), FILTERS[name])))
    damaged = BANK[name].apply(IMAGE, torch.tensor([factor], dtype=torch.float32), ())
    np.testing.assert_allclose(damaged[0], np.stack(expected), atol=1e-4)
