"""A student with a teacher that is trained in a moment."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn

from baselines.finetuning.config import TeacherPlan
from baselines.finetuning.objective import Regression
from tests.baselines.finetuning.small import Killed, student

PLAN = TeacherPlan(25, 6, lr=0.1)  # an epoch has 32 crops: a state each 5 of its steps, or less
EVERY = 2  # steps: ten rows, at least


@dataclass
class Teaching:
    """Learns the mean color of a crop, and is killed after ``left`` steps."""

    plan: TeacherPlan
    left: int
    seen: list[torch.Tensor] = field(default_factory=list)

    def part(self, module):
        return module["teacher"]

    def loss(self, module, images, generator):
        if len(self.seen) == self.left:
            self.die()
        self.seen.append(images)
        drawn = torch.rand((), generator=generator) + torch.rand(())
        color = images.mean((2, 3))
        gap = (module["teacher"](color)[:, 0] - color.mean(1)).abs().mean()
        return gap + 0.01 * drawn * module["teacher"].weight.square().sum(), {"gap": gap}

    def die(self):
        raise Killed


class Taught(Regression):
    """A student beside a teacher, and drawn to it."""

    def __init__(self, left: int = 1000, plan: TeacherPlan = PLAN, dies: bool = False) -> None:
        super().__init__(student, {})
        for name, value in (("teaching", Teaching(plan, left)), ("dies", dies)):
            object.__setattr__(self, name, value)

    def build(self):
        return nn.ModuleDict({"student": student(), "teacher": nn.Linear(3, 1)})

    def student(self, module):
        return module["student"]

    @property
    def preparation(self):
        return self.teaching

    def loss(self, module, images, labels, generator):
        if self.dies:
            raise Killed
        assert not any(p.requires_grad for p in module["teacher"].parameters())
        l1, _ = super().loss(module["student"], images, labels, generator)
        taught = (module["student"](images) - module["teacher"](images.mean((2, 3)))[:, 0]).abs()
        return l1 + 0.1 * taught.mean(), {"taught": taught.mean()}
