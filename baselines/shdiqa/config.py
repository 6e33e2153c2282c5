"""Every choice that the paper leaves open, as one named field with our default.

SHDIQA (Li et al., CVPR 2025, pp. 2344–2354): the abstract and the supplementary material are known
to us, the main text is not. Stated there are the partitions, one distinct type of damage a block,
four levels, a mask matrix, and that types are told apart and regions compared. The rest is ours.

Our loss is L1 + λ_c · InfoNCE + λ_a · ‖A_student − A_teacher‖². Of it these are fixed, not fields:

- L1 is of labels that are standardized by the mean and the SD of the training part, so that λ_c and
  λ_a mean the same on every scale of ratings.
- A is the cosine affinity of block tokens; ‖·‖² is the mean, not the sum, of the squares of all its
  entries (K² of an image of K blocks, (BK)² where ``affinity`` is "batch"). The diagonal, whose
  difference is always 0, is among them: without it the same λ_a would weigh K / (K − 1) times more.
- InfoNCE compares the student's block tokens with the teacher's; all blocks of the batch with the
  same type are positives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from math import isqrt
from types import MappingProxyType
from typing import Any, Literal, get_args

from probes.degradations import HELD_OUT, TYPES

from ..finetuning.config import TeacherPlan
from ..finetuning.options import with_numbers, with_options

Partition = Literal["vertical", "horizontal", "grid"]
Edges = Literal["patch", "pixel"]
Queries = Literal["shared", "block"]
Among = Literal["image", "batch"]
TRAINED_TYPES = tuple(name for name in TYPES if name not in HELD_OUT)


@dataclass(frozen=True)
class DamageTeacherPlan(TeacherPlan):
    """How the degradation teacher is trained, from the weights that the student starts from.

    Its loss is the cross-entropy of a block's type and, times ``level_weight``, of its level.
    """

    level_weight: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        _require(self.level_weight >= 0, "level_weight must not be below 0 (teacher)")


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
    teacher: DamageTeacherPlan = field(default_factory=lambda: DamageTeacherPlan(2000, 64))

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
        "tiny": replace(_PAPER, teacher=DamageTeacherPlan(30, 32, lr=1e-3)),
    }
)


_TEACHER = "teacher_"


def option_names() -> tuple[str, ...]:
    """What `configured` takes: the fields, and in place of the teacher's plan its own, prefixed."""
    own = [each.name for each in fields(ShdiqaConfig) if each.name != "teacher"]
    return (*own, *(_TEACHER + each.name for each in fields(DamageTeacherPlan)))


def with_option_numbers(options: Mapping[str, Any]) -> dict[str, Any]:
    """``options`` with numbers in place of their text, as `with_numbers` does."""
    own = with_numbers(_PAPER, options)
    return with_numbers(_PAPER.teacher, own, _TEACHER)


def configured(preset: str, options: Mapping[str, Any]) -> ShdiqaConfig:
    """The preset of that name with ``options``, of `option_names`, in place of its own.

    Raises ValueError, in one line, for a value of another kind or that cannot be run.
    """
    found = PRESETS[preset]
    of_teacher = {
        name.removeprefix(_TEACHER): value
        for name, value in options.items()
        if name.startswith(_TEACHER)
    }
    own = {name: value for name, value in options.items() if not name.startswith(_TEACHER)}
    teacher = with_options(found.teacher, of_teacher, _TEACHER)
    return with_options(replace(found, teacher=teacher), own)
