import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.interpolate import CubicSpline
from skimage import color
from skimage.data import chelsea

from probes.degradations import BANK

# skimage warns of colors outside sRGB, which it clips as we do.
pytestmark = pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB")
PIXELS = chelsea()[60:157, 100:231]
IMAGE = torch.from_numpy(PIXELS).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize("amount", [0.2, 1.8, 12])
def test_high_sharpen_is_unsharp_masking_of_lightness(amount):
    lab = color.rgb2lab(PIXELS)
    smooth = ndimage.gaussian_filter(lab[..., 0], 3, radius=6, mode="nearest")
    lab[..., 0] = np.clip(lab[..., 0] + amount * (lab[..., 0] - smooth), 0, 100)
    expected = color.lab2rgb(lab)
    damaged = BANK["high-sharpen"].apply(IMAGE, torch.tensor([amount]), ())
    np.testing.assert_allclose(damaged[0].permute(1, 2, 0), expected, atol=3e-3)


@pytest.mark.parametrize("amount", [-0.45, -0.17, 0.05, 0.28, 0.5])
def test_contrast_is_scipys_spline(amount):
    x = np.arange(256) / 255
    nodes = [0, 0.3, 0.5, 0.7, 1]
    curve = CubicSpline(nodes, [0, 0.3 - amount / 4, 0.5, 0.7 + amount / 4, 1])
    ramp = torch.from_numpy(x).float().expand(1, 3, 16, 256)
    damaged = BANK["contrast"].apply(ramp, torch.tensor([amount]), ())[0, 0, 0]
    np.testing.assert_allclose(damaged, curve(x), atol=1e-6)


@pytest.mark.parametrize("table", ["levels", "kadid"])
def test_contrast_curves_never_turn_back(table):
    ramp = torch.linspace(0, 1, 256).expand(1, 3, 16, 256)
    for amount in getattr(BANK["contrast"], table):
        for sign in (1, -1) if table == "levels" else (1,):
            level = torch.tensor([sign * amount])
            values = BANK["contrast"].apply(ramp, level, ()).clamp(0, 1)[0, 0, 0]
            assert (values.diff() >= -1e-6).all()
