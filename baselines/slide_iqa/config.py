"""Every choice that the paper leaves open, as one named field with our default.

SLIDE-IQA (Durbha et al., arXiv 2606.29162, 2026) is public as an abstract and figure captions:
localized synthetic damage in a contrastive objective, and a threshold-bounded exclusion of
ambiguous pairs. All numbers here are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal, get_args

from baselines.pretraining.recipe import Optimization
from probes.degradations import BANK, HELD_OUT, TYPES
from probes.masks import HELD_OUT_SHAPES, SHAPES, Shape

Relation = Literal[
    "exclusion", "type-only", "coverage-only", "overlap", "none-positive", "none-negative"
]
TRAINED_TYPES = tuple(name for name in TYPES if name not in HELD_OUT)
TRAINED_SHAPES = tuple(shape for shape in SHAPES if shape not in HELD_OUT_SHAPES)


@dataclass(frozen=True)
class Backbone:
    """The perceptual ViT: of ``timm`` by name with its published weights, or from scratch.

    ``stem``: four stride-2 convolutions, or one linear patch embedding. ``mscn``: locally
    normalized luma and chroma beside RGB. ``image_size``: side of the training crops.
    """

    stem: Literal["conv", "patch"] = "conv"
    mscn: bool = True
    image_size: int = 112
    patch: int = 16
    width: int = 192
    depth: int = 4
    heads: int = 3
    timm: str | None = None


@dataclass(frozen=True)
class SlideConfig:
    """What a run of pretraining is; raises ValueError for what no run can be.

    Damage held out of all training (``HELD_OUT``, ``HELD_OUT_SHAPES``) cannot be named in it.
    """

    # The rule, see relations.py: coverage is a fraction of the crop, gaps of it are in octaves.
    relation: Relation = "exclusion"
    least_coverage: float = 0.03  # tau_min: below it a type is not active
    positive_gap: float = 0.5  # tau_p
    negative_gap: float = 1.5  # tau_n
    unshared_coverage: float = 0.15  # tau_u
    positive_severity: float = 0.0  # l_p
    negative_severity: float = 2.0  # l_n
    temperature: float = 0.2
    # What is done to a pair of views. What is neither pristine nor full-frame is localized.
    pristine_share: float = 0.05
    full_frame_share: float = 0.35
    regions: tuple[float, ...] = (0.5, 0.35, 0.15)  # shares of 1, 2, 3 regions
    # Log-uniform, fraction of the crop; of the image that two crops are cut from, where there are
    # two: a crop of it shows more or less, and its record says how much.
    areas: tuple[float, float] = (0.03, 0.6)
    feather_share: float = 0.5
    feathers: tuple[float, float] = (2.0, 12.0)  # uniform, pixels
    band_share: float = 0.03  # of the localized
    two_draws_share: float = 0.05  # of the localized
    types: tuple[str, ...] = TRAINED_TYPES
    shapes: tuple[Shape, ...] = TRAINED_SHAPES
    # (share of the steps done, least severity from there on); the largest is always 5.
    curriculum: tuple[tuple[float, int], ...] = ((0.0, 1),)
    # How a batch is made up.
    type_sets: tuple[int, ...] = (4, 4, 4)  # sets of 1, 2, 3 types
    popularity: float = 0.5  # of a set, in times the one before
    area_bins: int = 3
    same_image_share: float = 0.5  # of the pairs: two crops of one damaged image
    window: float = 1.5  # sides of that image, in crops
    # The networks.
    backbone: Backbone = field(default_factory=Backbone)
    projector_hidden: int = 1024
    embedding: int = 256
    momentum: float | None = 0.99  # of the teacher; 1 at the end, on a cosine; None: no teacher
    freeze_patches: bool = False  # keep the patch projection as it is initialized
    optimization: Optimization = field(default_factory=lambda: Optimization(2000, 128))

    def __post_init__(self) -> None:
        for where, named, known, held_out in (
            ("types", self.types, TYPES, HELD_OUT),
            ("shapes", self.shapes, SHAPES, HELD_OUT_SHAPES),
            ("relation", (self.relation,), get_args(Relation), ()),
        ):
            for name in named:
                close = ", ".join(get_close_matches(name, known, n=3, cutoff=0))
                _require(name in known, f"{name!r} in {where} is unknown; closest: {close}")
                _require(name not in held_out, f"{name!r} in {where} is held out of all training")
            _require(len(set(named)) == len(named) > 0, f"{where} must be distinct, at least one")
        for first, second in (
            ("pristine_share", "full_frame_share"),
            ("band_share", "two_draws_share"),
        ):
            one, other = getattr(self, first), getattr(self, second)
            met = min(one, other) >= 0 and one + other <= 1
            _require(met, f"{first} and {second} must be at least 0 and sum to at most 1")
        most = len(self.regions)
        starts, severities = zip(*self.curriculum, strict=True) if self.curriculum else ((), ())
        for met, what in (
            (abs(sum(self.regions) - 1) < 1e-6, "regions must be shares that sum to 1"),
            (
                len(self.type_sets) == most,
                f"type_sets must be {most} numbers, as there are regions",
            ),
            (self.type_sets[:1] >= (most,), f"type_sets must begin with at least {most}"),
            (len(self.types) >= most, f"types must be at least {most}, as there may be regions"),
            (0 < self.areas[0] < self.areas[1] <= 1, "areas must be two growing parts of 1"),
            (0 < self.least_coverage <= 1, "least_coverage must be in (0, 1]"),
            (self.window >= 1, "window must be at least 1"),
            (0 < self.popularity <= 1, "popularity must be in (0, 1]"),
            (starts[:1] == (0,), "curriculum must start at 0"),
            (list(starts) == sorted(starts), "curriculum must be in the order of its starts"),
            (set(severities) <= {1, 2, 3, 4, 5}, "severities of curriculum must be 1 to 5"),
            (
                not self.two_draws_share or self.stochastic_types,
                "two_draws_share must be 0 where no type is stochastic",
            ),
        ):
            _require(bool(met), what)

    @property
    def crop(self) -> int:
        """Side of a view in pixels."""
        return self.backbone.image_size

    @property
    def stochastic_types(self) -> tuple[str, ...]:
        """Types of which two draws can be told apart only by their noise.

        Those with a random sign are left out: two signs are two damages.
        """
        return tuple(t for t in self.types if BANK[t].stochastic and not BANK[t].signed)


def _require(met: bool, otherwise: str) -> None:
    if not met:
        raise ValueError(otherwise)


# From scratch, on few samples. Severities 1 and 2 are hard to see at first, and a teacher lags:
# after 150 steps a linear probe named the damage (one of 22 types, or none) in 0.33 of cases
# without one, and in 0.19 with one.
_SMALL = SlideConfig(
    curriculum=((0.0, 3), (0.5, 2), (0.75, 1)),
    type_sets=(8, 4, 4),
    popularity=0.48,
    momentum=None,
    optimization=Optimization(2000, 128, lr=4e-3, weight_decay=0.05, grad_clip=3.0),
)
PRESETS: Mapping[str, SlideConfig] = MappingProxyType(
    {
        "small": _SMALL,
        # The paper's plain ViT, from ImageNet weights: 20 epochs of 140,000 photographs.
        "full": SlideConfig(
            backbone=Backbone(
                "patch", False, 224, 16, 384, 12, 6, "vit_small_patch16_224.augreg_in21k_ft_in1k"
            ),
            projector_hidden=4096,
            freeze_patches=True,
            optimization=Optimization(2735, 1024, precision="bf16-mixed"),
        ),
        "smoke": replace(
            _SMALL,
            backbone=Backbone(image_size=64, width=48, depth=2),
            projector_hidden=64,
            embedding=32,
            momentum=0.99,
            optimization=Optimization(8, 16, log_every=2, save_every=4),
        ),
        # The arms of the experiment differ from "small" in one field each.
        "uniform": replace(_SMALL, full_frame_share=1 - _SMALL.pristine_share),
        **{name: replace(_SMALL, relation=name) for name in get_args(Relation)[1:]},
    }
)
