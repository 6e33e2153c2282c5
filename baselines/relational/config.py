"""Every choice of the two trainings: the paper's where it states one, else ours, as named fields.

Pixel Perfect (Khan et al., arXiv 2605.02863, 2026). Its numbers are ``p_swap``, ``beta`` and
``w_high`` of the maps, ``margin``, ``temperature`` and the two weights of the score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import MappingProxyType

from baselines.pretraining.recipe import Optimization
from probes.degradations import HELD_OUT

from .channels import CHANNELS

STRIDE = 4  # pixels of the images to one of the maps


@dataclass(frozen=True)
class Network:
    """The network of the maps: an encoder for both images, and a decoder of their differences.

    ``widths`` and ``depths`` are channels and blocks of the encoder's stages, whose strides are
    2, 4, 8 …; with ``timm`` it is that backbone, with its published weights. ``mscn``: locally
    normalized luma and chroma beside RGB. ``antisymmetric``: F(t, r) = 1 - F(r, t) by construction,
    else the paper's free form, that is trained towards it by swapping images.
    """

    widths: tuple[int, ...] = (32, 64, 96, 128)
    depths: tuple[int, ...] = (1, 2, 2, 2)
    mscn: bool = True
    decoder_width: int = 64
    antisymmetric: bool = True
    timm: str | None = None

    def __post_init__(self) -> None:
        for met, what in (
            (len(self.widths) == len(self.depths) > 1, "widths and depths must be of equal length"),
            (min(self.widths + self.depths, default=0) > 0, "widths and depths must be above 0"),
            (self.decoder_width > 0, "decoder_width must be above 0"),
        ):
            _require(met, what)


@dataclass(frozen=True)
class MapsConfig:
    """A training of the maps; raises ValueError for what no training can be.

    Damage held out of all training (``HELD_OUT``) cannot be named in it; masks are Perlin noise,
    none of the shapes that probes have.
    """

    channels: tuple[str, ...] = tuple(CHANNELS)
    crop: int = 112  # side of the images in pixels
    # What is done to a pair of images. What is neither clean nor identical has regions.
    clean_share: float = 0.05
    identical_share: float = 0.05  # damaged, both in the same way
    regions: tuple[float, ...] = (0.4, 0.4, 0.2)  # shares of 1, 2, 3 channels
    reference_share: float = 0.25  # of the regions: damage of the reference instead of the test
    both_share: float = 0.25  # of the regions: of both, each with a mask and severity of its own
    # (share of the steps done, least severity from there on); the largest is always 5.
    curriculum: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    # The masks. Full frames are for ratings: people rate hardly anything else.
    full_frame_share: float = 0.15
    cells: tuple[float, float] = (1.0, 4.0)  # log-uniform: cells of the noise along a side
    covered: tuple[float, float] = (0.1, 0.9)  # uniform: share of the pixels above 0
    saturated: tuple[float, float] = (0.0, 0.8)  # uniform: share of those that is 1
    # The loss.
    p_swap: float = 0.25  # only of the free form: swapped, the other's loss is the same
    beta: float = 0.05
    w_high: float = 10.0
    network: Network = field(default_factory=Network)
    optimization: Optimization = field(default_factory=lambda: Optimization(2000, 64))

    def __post_init__(self) -> None:
        for name in self.channels:
            close = ", ".join(get_close_matches(name, CHANNELS, n=3, cutoff=0))
            _require(name not in HELD_OUT, f"{name!r} in channels is held out of all training")
            _require(name in CHANNELS, f"{name!r} in channels is unknown; closest: {close}")
        most, network = len(self.regions), self.network
        total = STRIDE if network.timm else max(STRIDE, 2 ** len(network.widths))
        for first, second in (
            ("clean_share", "identical_share"),
            ("reference_share", "both_share"),
        ):
            one, other = getattr(self, first), getattr(self, second)
            met = min(one, other) >= 0 and one + other <= 1
            _require(met, f"{first} and {second} must be at least 0 and sum to at most 1")
        for name in ("full_frame_share", "p_swap"):
            _require(0 <= getattr(self, name) <= 1, f"{name} must be a share, 0 to 1")
        for name in ("cells", "covered", "saturated"):
            low, high = getattr(self, name)
            _require(
                0 <= low <= high, f"{name} must be two numbers, the second not below the first"
            )
        starts, severities = zip(*self.curriculum, strict=True) if self.curriculum else ((), ())
        for met, what in (
            (len(set(self.channels)) == len(self.channels), "channels must be distinct"),
            (abs(sum(self.regions) - 1) < 1e-6, "regions must be shares that sum to 1"),
            (min(self.regions, default=0) >= 0, "regions must not be below 0"),
            (
                len(self.channels) >= most,
                f"channels must be at least {most}, as there may be regions",
            ),
            (
                self.crop >= 16 and self.crop % total == 0,
                f"crop must be a multiple of {total} pixels, at least 16",
            ),
            (self.cells[0] > 0, "cells must be above 0"),
            (self.covered[0] > 0 and self.covered[1] <= 1, "covered must be shares above 0"),
            (self.saturated[1] < 1, "saturated must be below 1"),
            (starts[:1] == (0,), "curriculum must start at 0"),
            (list(starts) == sorted(starts), "curriculum must be in the order of its starts"),
            (all(1 <= s <= 5 for s in severities), "severities of curriculum must be 1 to 5"),
            (0 <= self.beta < 0.5, "beta must be at least 0 and below 0.5"),
            (self.w_high > 0, "w_high must be above 0"),
        ):
            _require(met, what)

    def least_severity(self, progress: float) -> float:
        """Of what is drawn when ``progress``, a share, of the training is done."""
        return [severity for start, severity in self.curriculum if progress >= start][-1]


@dataclass(frozen=True)
class ScoreConfig:
    """A training of the score on maps that are trained; raises ValueError for what cannot be one.

    ``maps`` is how those were trained: damage and masks of the ranked sets are drawn alike. A set
    is a content under ``recipes`` recipes, each at ``tiers`` tiers, of which the first is clean.
    """

    maps: MapsConfig = field(default_factory=MapsConfig)
    tiers: int = 5
    recipes: int = 2
    margin: float = 1.0
    temperature: float = 0.07
    rank_weight: float = 1.0
    contrast_weight: float = 0.5
    hidden: int = 128
    embedding: int = 64
    optimization: Optimization = field(default_factory=lambda: Optimization(1000, 80))

    def __post_init__(self) -> None:
        for name, least in (("tiers", 2), ("recipes", 1), ("hidden", 1), ("embedding", 1)):
            _require(getattr(self, name) >= least, f"{name} must be at least {least}")
        for name in ("margin", "temperature"):
            _require(getattr(self, name) > 0, f"{name} must be above 0")
        for name in ("rank_weight", "contrast_weight"):
            _require(getattr(self, name) >= 0, f"{name} must not be below 0")


def _require(met: bool, otherwise: str) -> None:
    if not met:
        raise ValueError(otherwise)


# From scratch, on few samples: severities 1 and 2 are hard to see at first.
_SMALL = MapsConfig(
    curriculum=((0.0, 3.0), (0.3, 2.0), (0.6, 1.0)),
    optimization=Optimization(3000, 64, lr=4e-3, weight_decay=0.05, grad_clip=1.0),
)
_SMOKE = replace(
    _SMALL,
    crop=64,
    network=Network(widths=(8, 12, 16), depths=(1, 1, 1), decoder_width=12),
    optimization=Optimization(8, 8, lr=0.1, log_every=2, save_every=4, grad_clip=1.0),
)
PRESETS: Mapping[str, MapsConfig] = MappingProxyType(
    {
        "small": _SMALL,
        # The paper's encoder, from ImageNet weights, in the antisymmetric form.
        "full": MapsConfig(
            crop=256,
            network=Network(mscn=False, decoder_width=256, timm="swinv2_tiny_window8_256"),
            optimization=Optimization(
                50_000, 64, lr=4e-4, weight_decay=0.05, grad_clip=1.0, precision="bf16-mixed"
            ),
        ),
        # Differs from "small" in one field: the paper's form of the network.
        "free": replace(_SMALL, network=replace(_SMALL.network, antisymmetric=False)),
        "smoke": _SMOKE,
    }
)
SCORE_PRESETS: Mapping[str, ScoreConfig] = MappingProxyType(
    {
        "small": ScoreConfig(
            maps=_SMALL,
            optimization=Optimization(1000, 80, lr=3e-3, weight_decay=0.05, grad_clip=1.0),
        ),
        "smoke": ScoreConfig(
            maps=_SMOKE,
            tiers=3,
            hidden=16,
            embedding=8,
            optimization=Optimization(8, 12, lr=0.1, log_every=2, save_every=4, grad_clip=1.0),
        ),
    }
)
