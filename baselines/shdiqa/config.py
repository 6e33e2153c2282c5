"""Every choice that the paper leaves open, as one named field with our default.

SHDIQA (Li et al., CVPR 2025, pp. 2344–2354): the abstract and the supplementary material are known
to us, the main text is not. Stated there are the partitions, one distinct type of damage a block,
four levels, a mask matrix, and that types are told apart and regions compared. The rest is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from math import cos, isqrt, pi
from types import MappingProxyType
from typing import Any, Literal, get_args

from probes.degradations import HELD_OUT, TYPES

Partition = Literal["vertical", "horizontal", "grid"]
Edges = Literal["patch", "pixel"]
Queries = Literal["shared", "block"]
Among = Literal["image", "batch"]
TRAINED_TYPES = tuple(name for name in TYPES if name not in HELD_OUT)


@dataclass(frozen=True)
class TeacherPlan:
    """How the degradation teacher is trained before the student, without labels: by AdamW.

    It starts from the weights that the student starts from. ``lr`` rises linearly over the share
    ``warmup`` of the ``steps``, then falls to 0 on a cosine. Its loss is the cross-entropy of a
    block's type and, times ``level_weight``, of its level.
    """

    steps: int
    batch: int = 32
    lr: float = 2e-4
    weight_decay: float = 0.05
    warmup: float = 0.1
    level_weight: float = 0.5

    def __post_init__(self) -> None:
        for met, what in (
            (self.steps >= 1, "steps must be at least 1"),
            (self.batch >= 1, "batch must be at least 1"),
            (self.lr > 0, "lr must be above 0"),
            (self.weight_decay >= 0, "weight_decay must not be below 0"),
            (0 <= self.warmup < 1, "warmup must be a share of the steps, 0 to below 1"),
            (self.level_weight >= 0, "level_weight must not be below 0"),
        ):
            _require(met, f"{what} (teacher)")

    def share(self, step: int) -> float:
        """Of the learning rate, at ``step``, which counts from 0."""
        warm = min(round(self.warmup * self.steps), self.steps - 1)
        if step < warm:
            return (step + 1) / warm
        return (1 + cos(pi * (step - warm) / (self.steps - warm))) / 2


@dataclass(frozen=True)
class ShdiqaConfig:
    """What is added to the fine-tuning of a student; raises ValueError for what cannot be run.

    Types held out of all training (``HELD_OUT``) cannot be named in it.
    """

    # Block-wise Degradation Modelling.
    partition: Partition = "vertical"  # the paper's default: strips side by side
    blocks: int = 4  # of "grid" a square: 2 × 2
    edges: Edges = "patch"  # of blocks: at the nearest edge of a patch, or equal to the pixel
    types: tuple[str, ...] = TRAINED_TYPES  # the paper has 24
    levels: tuple[float, ...] = (2.0, 3.0, 4.0, 5.0)  # severities; 1 is barely visible
    # Block-wise Aggregation and Filtering: queries that attend to the patch tokens of their block.
    block_queries: Queries = (
        "shared"  # one for all blocks, so that a token tells damage and not place
    )
    block_heads: int = 6  # of that attention
    # Distillation of the block tokens; both losses compare by cosines.
    contrast_weight: float = 0.1  # λ_c
    affinity_weight: float = 1.0  # λ_a
    temperature: float = 0.1
    affinity: Among = "image"  # whose blocks are compared: those of one image, or of the batch
    teacher: TeacherPlan = field(default_factory=lambda: TeacherPlan(2000, 64))

    def __post_init__(self) -> None:
        for where, named, known, held_out in (
            ("types", self.types, TYPES, HELD_OUT),
            ("partition", (self.partition,), get_args(Partition), ()),
            ("edges", (self.edges,), get_args(Edges), ()),
            ("block_queries", (self.block_queries,), get_args(Queries), ()),
            ("affinity", (self.affinity,), get_args(Among), ()),
        ):
            for name in named:
                if name not in known:
                    close = ", ".join(get_close_matches(name, known, n=3, cutoff=0))
                    raise ValueError(f"{name!r} in {where} is unknown; closest: {close}")
                _require(name not in held_out, f"{name!r} in {where} is held out of all training")
        for met, what in (
            (len(set(self.types)) == len(self.types), "types must be distinct"),
            (self.blocks >= 2, "blocks must be at least 2"),
            (
                self.partition != "grid" or isqrt(self.blocks) ** 2 == self.blocks,
                f"blocks of a grid must be a square number, not {self.blocks}",
            ),
            (
                len(self.types) >= self.blocks,
                f"types must be at least {self.blocks}, as there are blocks",
            ),
            (len(self.levels) >= 1, "levels must be at least one"),
            (len(set(self.levels)) == len(self.levels), "levels must be distinct"),
            (all(1 <= s <= 5 for s in self.levels), "levels must be severities, 1 to 5"),
            (self.block_heads >= 1, "block_heads must be at least 1"),
            (self.contrast_weight >= 0, "contrast_weight must not be below 0"),
            (self.affinity_weight >= 0, "affinity_weight must not be below 0"),
            (self.temperature > 0, "temperature must be above 0"),
        ):
            _require(met, what)


def _require(met: bool, otherwise: str) -> None:
    if not met:
        raise ValueError(otherwise)


_PAPER = ShdiqaConfig()
PRESETS: Mapping[str, ShdiqaConfig] = MappingProxyType(
    {
        "paper": _PAPER,
        # For two CPU cores: differs in the training of its teacher alone.
        "tiny": replace(_PAPER, teacher=TeacherPlan(30, 32, lr=1e-3)),
    }
)


_TEACHER = "teacher_"


def option_names() -> tuple[str, ...]:
    """What `configured` takes: the fields, and in place of the teacher's plan its own, prefixed."""
    own = [each.name for each in fields(ShdiqaConfig) if each.name != "teacher"]
    return (*own, *(_TEACHER + each.name for each in fields(TeacherPlan)))


def configured(preset: str, options: Mapping[str, Any]) -> ShdiqaConfig:
    """The preset of that name with ``options``, of `option_names`, in place of its own.

    Raises ValueError, in one line, for a value of another kind or that cannot be run.
    """
    found = PRESETS[preset]
    of_config, of_teacher = dict[str, Any](), dict[str, Any]()
    for name, value in options.items():
        inner = name.startswith(_TEACHER)
        field_name = name.removeprefix(_TEACHER)
        default = getattr(found.teacher if inner else found, field_name)
        if not _alike(value, default):
            raise ValueError(f"{name} is {value!r}; it takes the like of {default!r}")
        given = tuple(value) if isinstance(default, tuple) else value
        (of_teacher if inner else of_config)[field_name] = given
    return replace(found, teacher=replace(found.teacher, **of_teacher), **of_config)


def _alike(value: Any, default: Any) -> bool:
    if isinstance(default, tuple):
        return isinstance(value, list | tuple) and all(_alike(each, default[0]) for each in value)
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(default)
