"""What a fitting trains: everything about it that the loop does not know; and the control's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch.nn.functional as F
from torch import Generator, Tensor, nn

from .config import TeacherPlan
from .student import Student


class Preparation(Protocol):
    """The training of a teacher, on the training images without their labels.

    The loop runs it: step by step, and killed and resumed as the epochs are.
    """

    @property
    def plan(self) -> TeacherPlan: ...

    def part(self, module: nn.Module) -> nn.Module:
        """The part of ``module`` that is trained then, all of it, and frozen afterwards."""

    def loss(
        self, module: nn.Module, images: Tensor, generator: Generator
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """As an objective's, without labels: ``images`` are random crops of training images."""


class Objective(Protocol):
    """A loss, and the networks that it needs beside the student.

    Draws come from the generator that is given, on the CPU, or from torch's global one, which is
    seeded before every step; so a fit that was killed goes on as if nothing had happened.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def config(self) -> Mapping[str, Any]:
        """All settings, as JSON takes them; a fit goes on only with those that it began with."""

    def build(self) -> nn.Module:
        """Everything that has state: student, teacher, heads; on the CPU.

        Its first weights depend on torch's global seed alone.
        """

    def student(self, module: nn.Module) -> Student:
        """The part of ``module`` that predicts and is kept."""

    @property
    def preparation(self) -> Preparation | None:
        """What comes before the epochs."""

    def loss(
        self, module: nn.Module, images: Tensor, labels: Tensor, generator: Generator
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The loss of a batch, a scalar, and numbers for the curve, always the same ones.

        ``images`` are crops ``float [B, 3, S, S]`` in [0, 1], ``labels [B]`` standardized;
        ``generator`` is the step's own.
        """


@dataclass(frozen=True)
class Regression:
    """The control: a student that learns the labels and nothing else, by their L1 loss.

    ``make`` builds the student; ``config`` says what it makes.
    """

    make: Callable[[], Student]
    config: Mapping[str, Any]
    name: str = "regression"
    version: str = "1"

    def build(self) -> Student:
        return self.make()

    def student(self, module: nn.Module) -> Student:
        assert isinstance(module, Student)
        return module

    @property
    def preparation(self) -> None:
        """There is no teacher."""

    def loss(
        self, module: nn.Module, images: Tensor, labels: Tensor, generator: Generator
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        return F.l1_loss(module(images), labels), {}
