"""The list of degradations, and their levels at each severity."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal

from torch import Tensor

from . import blur, brightness, color, compression, noise, resize, sharpness, spatial
from .draws import Rngs

Table = Literal["ours", "kadid"]
Levels = tuple[float, float, float, float, float]


@dataclass(frozen=True)
class Degradation:
    """One type of damage.

    ``apply(images, levels, rngs)`` takes float32 ``[B, 3, H, W]`` in [0, 1] and levels ``[B]`` on
    the same device, and gives the damaged images, not clipped. ``levels`` are ours, for severities
    1 to 5: mean damage over contents grows strictly, by the measure ``ladder`` (PSNR or mean
    CIEDE2000). ``kadid`` are KADID-10k's (Lin et al., 2019), where damage need not grow and may be
    none; None where it has no such type. ``signed``: our levels get a random sign. ``stochastic``:
    generators are used. ``held_out``: no model of ours is trained on it.
    """

    name: str
    family: str
    apply: Callable[[Tensor, Tensor, Rngs], Tensor]
    levels: Levels
    kadid: Levels | None = None
    ladder: Literal["psnr", "delta_e"] = "psnr"
    signed: bool = False
    stochastic: bool = False
    held_out: bool = False

    @property
    def summary(self) -> str:
        """One line for a listing."""
        return f"{self.family}; held out of all training" if self.held_out else self.family


# fmt: off
_ALL = (
    Degradation("gaussian-blur", "blur", blur.gaussian,
                (0.5, 0.8, 1.3, 2.2, 4), (0.1, 0.5, 1, 2, 5)),
    Degradation("lens-blur", "blur", blur.lens,
                (0.7, 1.3, 2.2, 3.7, 6), (1, 2, 4, 6, 8), held_out=True),
    Degradation("motion-blur", "blur", blur.motion,
                (1.5, 2.5, 4.5, 8, 15), (1, 2, 4, 6, 10), stochastic=True),
    Degradation("color-diffusion", "color", color.diffusion,
                (1, 1.25, 1.65, 2.2, 3), (1, 3, 6, 8, 12), "delta_e"),
    Degradation("color-shift", "color", color.shift,
                (0.5, 1.3, 3.2, 8, 20), (1, 3, 6, 8, 12), "delta_e", stochastic=True,
                held_out=True),
    Degradation("color-quantization", "color", color.quantization,
                (192, 80, 32, 14, 6), (64, 48, 32, 16, 8), "delta_e"),
    Degradation("color-saturation-hsv", "color", color.saturation_hsv,
                (0.88, 0.76, 0.56, 0.3, 0), (0.4, 0.2, 0.1, 0, -0.4), "delta_e"),
    Degradation("color-saturation-lab", "color", color.saturation_lab,
                (1.17, 1.4, 1.75, 2.3, 3.2), (1, 2, 3, 6, 9), "delta_e"),
    Degradation("jpeg2000", "compression", compression.jpeg2000,
                (8, 18, 40, 90, 200), (16, 32, 45, 120, 170), held_out=True),
    Degradation("jpeg", "compression", compression.jpeg,
                (95, 75, 35, 12, 4), (43, 36, 24, 7, 4)),
    Degradation("white-noise", "noise", noise.white,
                (2e-4, 6e-4, 1.8e-3, 5e-3, 1.5e-2), (1e-3, 2e-3, 3e-3, 5e-3, 1e-2),
                stochastic=True),
    Degradation("white-noise-color", "noise", noise.white_color,
                (6e-5, 2e-4, 7e-4, 2.2e-3, 7e-3), (1e-4, 5e-4, 1e-3, 2e-3, 3e-3),
                stochastic=True),
    Degradation("impulse-noise", "noise", noise.impulse,
                (7e-4, 2e-3, 6e-3, 1.8e-2, 5e-2), (1e-3, 5e-3, 1e-2, 2e-2, 3e-2),
                stochastic=True, held_out=True),
    Degradation("multiplicative-noise", "noise", noise.multiplicative,
                (1e-3, 3e-3, 9e-3, 2.7e-2, 8e-2), (1e-3, 5e-3, 1e-2, 2e-2, 5e-2),
                stochastic=True),
    Degradation("denoise", "noise", noise.denoise,
                (5e-4, 1.6e-3, 5e-3, 1.6e-2, 5e-2), (1e-3, 2e-3, 3e-3, 5e-3, 1e-2),
                stochastic=True),
    Degradation("brighten", "brightness", brightness.brighten,
                (0.05, 0.09, 0.15, 0.26, 0.45), (0.1, 0.2, 0.4, 0.7, 1.1)),
    Degradation("darken", "brightness", brightness.darken,
                (0.05, 0.09, 0.15, 0.26, 0.45), (0.05, 0.1, 0.2, 0.4, 0.8)),
    Degradation("mean-shift", "brightness", brightness.mean_shift,
                (0.015, 0.026, 0.045, 0.075, 0.125), (0.15, 0.08, 0, -0.08, -0.15),
                signed=True, stochastic=True),
    Degradation("jitter", "spatial", spatial.jitter,
                (0.05, 0.12, 0.3, 0.7, 1.6), (0.05, 0.1, 0.2, 0.5, 1), stochastic=True,
                held_out=True),
    Degradation("non-eccentricity", "spatial", spatial.non_eccentricity,
                (6, 16, 40, 100, 256), (20, 40, 60, 80, 100), stochastic=True),
    Degradation("pixelate", "spatial", spatial.pixelate,
                (1e-4, 0.05, 0.2, 0.5, 0.7), (0.01, 0.05, 0.1, 0.2, 0.5)),
    Degradation("quantization", "spatial", spatial.quantization,
                (28, 16, 10, 6, 4), (20, 16, 13, 10, 7)),
    Degradation("color-block", "spatial", spatial.color_block,
                (1, 2, 4, 8, 16), (2, 4, 6, 8, 10), stochastic=True),
    Degradation("high-sharpen", "sharpness", sharpness.high_sharpen,
                (0.2, 0.45, 0.9, 1.8, 3.6), (1, 2, 3, 6, 12)),
    Degradation("contrast", "sharpness", sharpness.contrast,
                (0.05, 0.1, 0.17, 0.28, 0.45), (0.5, 0.35, 0.2, -0.2, -0.4), "delta_e",
                signed=True, stochastic=True, held_out=True),
    Degradation("resize-bicubic", "resize", resize.bicubic, (1.15, 1.6, 2.5, 4.2, 8)),
    Degradation("resize-bilinear", "resize", resize.bilinear, (1.1, 1.5, 2.3, 4, 8)),
    Degradation("resize-lanczos", "resize", resize.lanczos, (1.15, 1.6, 2.5, 4.2, 8)),
    Degradation("webp", "compression", compression.webp, (92, 65, 30, 6, 0), held_out=True),
    Degradation("avif", "compression", compression.avif, (88, 65, 42, 20, 0), held_out=True),
)
# fmt: on

BANK: Mapping[str, Degradation] = MappingProxyType({each.name: each for each in _ALL})
TYPES: tuple[str, ...] = tuple(BANK)
HELD_OUT: tuple[str, ...] = tuple(each.name for each in _ALL if each.held_out)


def find(name: str) -> Degradation:
    """The degradation of that name; ValueError with the closest names where there is none."""
    if name in BANK:
        return BANK[name]
    close = ", ".join(get_close_matches(name, TYPES, n=3, cutoff=0))
    raise ValueError(f"unknown degradation {name!r}; closest: {close}")


def level(degradation: Degradation, severity: float, table: Table = "ours") -> float:
    """The level at a severity in [1, 5].

    Between integers it is interpolated, geometrically where both neighbors are above 0 and
    linearly elsewhere. ValueError for a severity outside, or a table that the type lacks.
    """
    if table not in ("ours", "kadid"):
        raise ValueError(f"unknown table {table!r}; choose 'ours' or 'kadid'")
    levels = degradation.levels if table == "ours" else degradation.kadid
    if levels is None:
        raise ValueError(f"{degradation.name} has no KADID-10k levels; use table='ours'")
    if not 1 <= severity <= 5:
        raise ValueError(f"severity must be from 1 to 5, not {severity}")
    below = min(int(severity), 4)
    share = severity - below
    low, high = levels[below - 1], levels[below]
    if low > 0 and high > 0:
        return math.exp((1 - share) * math.log(low) + share * math.log(high))
    return (1 - share) * low + share * high
