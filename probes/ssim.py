"""The SSIM map of luma, with what depends on the first image computed once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

RADIUS = 5  # pixels: a window of 11 × 11
_SIGMA = 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
Box = tuple[slice, slice]


@dataclass(frozen=True)
class Moments:
    """An image of one channel in 0 … 255 with mean and variance under its windows, ``[H, W]``."""

    values: np.ndarray
    mean: np.ndarray
    variance: np.ndarray

    def crop(self, box: Box) -> Moments:
        """The part in a box: the border's windows are still those of the whole image."""
        return Moments(self.values[box], self.mean[box], self.variance[box])


def luma(image: np.ndarray) -> np.ndarray:
    """Y of ``uint8 [3, H, W]``, ``float64 [H, W]`` in 0 … 255."""
    return np.tensordot(_LUMA, image, 1)


def moments(values: np.ndarray) -> Moments:
    mean = _window(values)
    return Moments(values, mean, _window(values * values) - mean * mean)


def ssim_map(first: Moments, values: np.ndarray) -> np.ndarray:
    """SSIM of two images of one channel, ``float64 [H, W]``.

    Equation 13 of Wang et al. (2004) with a Gaussian window of 11 × 11, sigma 1.5, and the
    border mirrored.
    """
    second = moments(values)
    product = first.mean * second.mean
    covariance = _window(first.values * values) - product
    means = (2 * product + _C1) / (first.mean**2 + second.mean**2 + _C1)
    return means * (2 * covariance + _C2) / (first.variance + second.variance + _C2)


def _window(values: np.ndarray) -> np.ndarray:
    return gaussian_filter(values, _SIGMA, radius=RADIUS)
