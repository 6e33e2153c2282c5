"""What a change of a model's output says: whether it is one, and how fine a detail makes it.

Outputs are vectors: one score, or all features of all views.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .coverage_images import Frame, base

# Of the change that perturbing everything makes: what may be rounding.
RELATIVE = 1e-6
# Of the strongest answer of a model to any texture: what is an answer. At the finest period that
# a resize keeps, a triangle filter lets 0.4 of the amplitude through.
ANSWER = 0.25
# Of the answer to a shift of the level as large: below it, 8 bits shift the level of a texture.
_ROUNDING = 1e-3
_FINE = 16.0  # levels, standard deviation of the standard fine damage: white noise


@dataclass(frozen=True)
class Reference:
    """The output for the base image. ``noise`` is the largest change between repeated calls on it,
    ``tolerance`` what a change must exceed."""

    center: np.ndarray
    noise: float
    tolerance: float

    def changed(self, output: np.ndarray) -> bool:
        return distance(output, self.center) > self.tolerance


def reference(repeats: Sequence[np.ndarray], whole: Sequence[np.ndarray]) -> Reference:
    """From outputs for the base image, and for it with every block perturbed, one way each.

    The tolerance is the repeat noise, and at least RELATIVE of the smallest change (other than
    none) that the perturbations of everything make.
    """
    noise = max((distance(a, b) for a, b in combinations(repeats, 2)), default=0.0)
    center = repeats[0] if noise == 0 else np.mean(repeats, axis=0)
    changes = [distance(output, center) for output in whole]
    scale = min((c for c in changes if 0 < c < np.inf), default=0.0)
    return Reference(center, noise, max(noise, RELATIVE * scale))


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """The Euclidean distance; equal infinities and NaNs are none apart, others infinitely."""
    with np.errstate(invalid="ignore"):
        gap = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    return float(np.linalg.norm(np.where(np.isnan(gap), np.inf, gap)))


def resampling(reference: Reference, textures: Mapping[float, np.ndarray]) -> float:
    """By how much an image seems to be reduced before it is looked at.

    Half the finest period (pixels) of those textures that change the output by more than the
    tolerance and by at least ANSWER of the largest change that any texture makes: 1 where every
    pixel counts, about 2 where the image is halved with a filter against aliasing; inf where
    no texture says more than a shift of the level. Periods are half an octave apart, and so is
    this. ``textures`` maps each of PERIODS to the output for it.
    """
    answers = {period: distance(output, reference.center) for period, output in textures.items()}
    shift = answers.pop(np.inf)
    rounding = max(reference.tolerance, _ROUNDING * shift if np.isfinite(shift) else 0.0)
    least = ANSWER * max(answers.values())
    heard = [p for p, answer in answers.items() if answer > rounding and answer >= least]
    return min(heard, default=np.inf) / 2


def fine_psnr(frame: Frame, resampling: float) -> float:
    """The PSNR in dB of white noise (SD 16 levels, everywhere) after such a reduction.

    Both images are reduced with Pillow's antialiased bicubic filter; 24 dB where nothing is lost.
    inf where no detail is left.
    """
    from PIL import Image

    if np.isinf(resampling):
        return np.inf
    image = base(frame)
    noise = np.random.default_rng([frame.seed, 9]).standard_normal(image.shape, np.float32)
    damaged = np.clip(image + _FINE * noise, 0, 255).round().astype(np.uint8)
    width, height = (max(1, round(side / resampling)) for side in (frame.width, frame.height))

    def reduced(planes: np.ndarray) -> np.ndarray:
        picture = Image.fromarray(np.moveaxis(planes, 0, 2))
        return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC), np.float64)

    error = np.mean((reduced(damaged) - reduced(image)) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else np.inf
