"""SHDIQA as what a fitting trains: labels of undamaged crops, and a teacher's view of damage."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from ..finetuning.objective import Regression
from ..finetuning.student import Student
from ..slide_iqa.encoder import Encoder
from .blockwise import Plan, damaged, draw
from .config import DamageTeacherPlan, ShdiqaConfig
from .distill import affinity_gap, contrastive
from .filtering import BlockTokens
from .partitions import divide
from .teacher import Teacher


class Branches(nn.Module):
    """The student and, for training alone, its block tokens and the teacher.

    The teacher's encoder starts as a copy of the student's. Raises ValueError as ``divide`` does.
    """

    pixels: Tensor
    patches: Tensor

    def __init__(self, student: Student, config: ShdiqaConfig, crop: int) -> None:
        super().__init__()
        self.student = student
        self.block_tokens = BlockTokens(student.dim, config)
        self.teacher = Teacher(deepcopy(student.encoder), student.dim, config)
        for name, mask in divide(config, crop, student.patch)._asdict().items():
            self.register_buffer(name, mask, persistent=False)

    def hurt(self, images: Tensor, generator: Generator) -> tuple[Tensor, Plan]:
        """``images`` with a damage in each block, and what it is."""
        plan = draw(len(images), self.teacher.config, generator)
        return damaged(images, plan, self.pixels, self.teacher.config), plan


@dataclass(frozen=True)
class Teaching:
    """The training of the teacher on damage of undamaged crops; no label is read."""

    plan: DamageTeacherPlan

    def part(self, module: nn.Module) -> Teacher:
        return _branches(module).teacher

    def loss(
        self, module: nn.Module, images: Tensor, generator: Generator
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Of types and levels; "accuracy" is the share of blocks whose type the teacher tells."""
        branches = _branches(module)
        hurt, plan = branches.hurt(images, generator)
        tokens = branches.teacher(hurt, branches.patches)
        loss, accuracy = branches.teacher.loss(tokens, plan)
        return loss, {"accuracy": accuracy}


@dataclass(frozen=True)
class Shdiqa:
    """L1(labels) + λ_c · contrast + λ_a · affinity; ``control`` is the same student without both.

    ``crop`` is the side of the crops. The labels are of undamaged crops; the rest is about the same
    crops, with a damage in each block (see `distill`).
    """

    control: Regression
    settings: ShdiqaConfig
    crop: int
    name: str = "shdiqa"
    version: str = "1"

    @property
    def config(self) -> Mapping[str, Any]:
        return {**self.control.config, "shdiqa": asdict(self.settings)}

    def build(self) -> Branches:
        return Branches(self.control.build(), self.settings, self.crop)

    def student(self, module: nn.Module) -> Student:
        return _branches(module).student

    @property
    def preparation(self) -> Teaching:
        return Teaching(self.settings.teacher)

    def loss(
        self, module: nn.Module, images: Tensor, labels: Tensor, generator: Generator
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The sum, and its parts before they are weighted.

        "teacher_accuracy" is the share of blocks whose type the teacher tells, of 22 as a default.
        """
        branches, settings = _branches(module), self.settings
        hurt, plan = branches.hurt(images, generator)
        with torch.no_grad():
            taught = branches.teacher(hurt, branches.patches)
            _, accuracy = branches.teacher.loss(taught, plan)
        plain, told = branches.student.tokens(torch.cat([images, hurt])).chunk(2)
        learned = branches.block_tokens(told, branches.patches)
        types = plan.types.to(images.device)
        l1 = F.l1_loss(branches.student.scores(plain), labels)
        contrast = contrastive(learned, taught, types, settings.temperature)
        affinity = affinity_gap(learned, taught, settings.affinity)
        total = l1 + settings.contrast_weight * contrast + settings.affinity_weight * affinity
        parts = {"l1": l1, "contrast": contrast, "affinity": affinity}
        return total, {**parts, "teacher_accuracy": accuracy}


def check(settings: ShdiqaConfig, crop: int, encoder: Encoder) -> None:
    """Raises ValueError, in one line, where blocks or their attention do not fit the encoder."""
    divide(settings, crop, encoder.patch)
    with torch.device("meta"):
        BlockTokens(encoder.dim, settings)


def _branches(module: nn.Module) -> Branches:
    assert isinstance(module, Branches)
    return module
