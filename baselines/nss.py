"""``nss:brisque``: natural-scene statistics of an image, the 36 features of BRISQUE.

A. Mittal, A. K. Moorthy, A. C. Bovik, "No-Reference Image Quality Assessment in the Spatial
Domain", IEEE Transactions on Image Processing 21(12), 2012.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.model import Family, Images, ModelCard

from .loading import closest, refuse

if TYPE_CHECKING:
    import torch

Array = np.ndarray

# (rows, columns) by which the neighbor of a pixel is shifted: the four orientations of the paper.
NEIGHBORS = ((0, 1), (1, 0), (1, 1), (-1, 1))
LUMA = (0.299, 0.587, 0.114)  # Rec. 601 weights of R, G, B
SIGMA, RADIUS = 7 / 6, 3  # of the 7x7 Gaussian window
# Below this an MSCN coefficient is the rounding error of a flat neighborhood.
FLAT = 1e-9


class Brisque:
    """The 36 features at native size, in float64 until they are returned.

    As in the authors' release, luminance is rounded to whole gray levels, images are padded
    with zeros for the window, and neighbors wrap around at the border. Shapes are interpolated
    on its grid (0.2 to 10 in steps of 0.001), where it takes the nearest point, and exact
    zeros are made of what rounding leaves on flat areas.
    """

    def __init__(self) -> None:
        self.card = ModelCard(
            name="nss:brisque",
            version="1",
            mode="NR",
            summary="BRISQUE's 36 natural-scene statistics, without its regressor",
            license="Apache-2.0",
            paper="Mittal et al., IEEE TIP 2012, doi:10.1109/TIP.2012.2214050",
            trained_on=(),
            coverage="the whole image, at full and at half size",
            requires=("scipy",),
            precision="float64",
            max_pixels=64_000_000,  # about 60 bytes of memory each
        )

    def features(self, images: Images) -> torch.Tensor:
        """``float32 [N, 1, 36]``: 18 at full size, then 18 at half; finite for any image."""
        import torch

        rows = [brisque_features(luminance(image.numpy())) for image in images]
        return torch.from_numpy(np.stack(rows)).float()[:, None]


def luminance(rgb: Array) -> Array:
    """Luma of ``uint8 [3, H, W]`` as ``float64 [H, W]`` in whole numbers from 0 to 255."""
    return np.round(np.tensordot(LUMA, rgb.astype(np.float64), 1))


def brisque_features(gray: Array) -> Array:
    """``float64 [36]`` of ``gray [H, W]`` in [0, 255] at two scales."""
    return np.concatenate([_scale_features(gray), _scale_features(halve(gray))])


def mscn(gray: Array) -> Array:
    """Mean-subtracted, contrast-normalized coefficients of ``gray`` (eq. 1-3 with C = 1)."""
    from scipy.ndimage import gaussian_filter

    def local_mean(values: Array) -> Array:
        return gaussian_filter(values, SIGMA, radius=RADIUS, mode="constant")

    mean = local_mean(gray)
    deviation = np.sqrt(np.abs(local_mean(gray * gray) - mean * mean))
    found = (gray - mean) / (deviation + 1)
    return np.where(np.abs(found) < FLAT, 0.0, found)


def halve(gray: Array) -> Array:
    """``gray`` at half size, rounded up: antialiased bicubic (a = -0.5), mirrored borders."""
    from scipy.ndimage import correlate1d

    for axis in (0, 1):
        # Output i lies between inputs 2i and 2i + 1; origin -1 aims the even taps there.
        full = correlate1d(gray, _half_taps(), axis, mode="reflect", origin=-1)
        gray = full[::2] if axis == 0 else full[:, ::2]
    return gray


def ggd(x: Array) -> tuple[float, float]:
    """Shape and variance of a zero-mean generalized Gaussian (Sharifi, Leon-Garcia 1995)."""
    variance = float(np.mean(x * x))
    return _shape(float(np.mean(np.abs(x))), variance), variance


def aggd(x: Array) -> tuple[float, float, float, float]:
    """Shape, mean, left and right variance of an asymmetric generalized Gaussian.

    Fitted by moments (Lasmar, Stitou, Berthoumieu 2009). Of values that are all zero, the shape
    is the smallest, 0.2, and the rest is 0.
    """
    square = x * x
    left, right = _mean_where(square, x < 0), _mean_where(square, x > 0)
    small, large = sorted((left**0.5, right**0.5))
    ratio = small / large if large else 1.0  # the correction is the same for its inverse
    # The first moment that a symmetric density of this shape would have, squared.
    correction = (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    first = float(np.mean(np.abs(x))) * correction**0.5
    shape = _shape(first, float(np.mean(square)))
    mean = (right**0.5 - left**0.5) * _ratio(shape) ** 0.5
    return shape, mean, left, right


def _scale_features(gray: Array) -> list[float]:
    coefficients = mscn(gray)
    found = list(ggd(coefficients))
    for shift in NEIGHBORS:
        found += aggd(coefficients * np.roll(coefficients, shift, (0, 1)))
    return found


def _mean_where(values: Array, chosen: Array) -> float:
    count = int(np.count_nonzero(chosen))
    return float(np.sum(values, where=chosen)) / count if count else 0.0


def _shape(first: float, second: float) -> float:
    """The shape of the generalized Gaussian whose E|x| and E[x^2] are these, in [0.2, 10]."""
    shapes, ratios = _shape_table()
    return float(np.interp(first * first / second if second else 0.0, ratios, shapes))


@cache
def _shape_table() -> tuple[Array, Array]:
    shapes = np.linspace(0.2, 10, 9801)
    return shapes, _ratio(shapes)


def _ratio(shape: Any) -> Any:
    """E|x|^2 / E[x^2] of a generalized Gaussian: gamma(2/a)^2 / (gamma(1/a) gamma(3/a))."""
    from scipy.special import gammaln

    return np.exp(2 * gammaln(2 / shape) - gammaln(1 / shape) - gammaln(3 / shape))


@cache
def _half_taps() -> Array:
    """Keys' cubic kernel stretched to half resolution: eight taps, half a pixel off center."""
    t = np.abs(np.arange(8) - 3.5) / 2
    near = 1.5 * t**3 - 2.5 * t**2 + 1
    far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    taps = np.where(t <= 1, near, far)
    return taps / taps.sum()


def load(name: str, **options: Any) -> Brisque:
    """The features called ``name``; ValueError for an unknown name or any option."""
    if name != "brisque":
        raise ValueError(f"nss has no features {name!r}; {closest(name, ['brisque'])}")
    refuse("nss:brisque", options)
    return Brisque()


FAMILY = Family(load, "natural-scene statistics, as features", ("brisque",))
