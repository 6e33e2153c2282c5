"""What is added to the control, and that the teacher learns types, then stands still."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from baselines.finetuning.objective import Regression
from baselines.finetuning.steps import adamw, step
from baselines.shdiqa.blockwise import Plan, damaged, draw
from baselines.shdiqa.config import ShdiqaConfig
from baselines.shdiqa.objective import Branches, Shdiqa

Cut = Callable[[int, Generator], Tensor]
SIDE = 64


def seeded(seed: int) -> Generator:
    return torch.Generator().manual_seed(seed)


def made(control: Regression, config: ShdiqaConfig) -> tuple[Shdiqa, Branches]:
    objective = Shdiqa(control, config, SIDE)
    torch.manual_seed(0)
    return objective, objective.build()


@pytest.fixture(scope="module")
def taught(control: Regression, config: ShdiqaConfig, cut: Cut) -> tuple[Shdiqa, Branches]:
    """With a teacher that was trained as the loop does."""
    objective, module = made(control, config)
    preparation, draws = objective.preparation, seeded(1)
    plan, part = preparation.plan, preparation.part(module).requires_grad_(True)
    optimizer = adamw(part, plan.weight_decay)
    for i in range(plan.steps):
        loss, numbers = preparation.loss(module, cut(plan.batch, draws), seeded(1000 + i))
        step(optimizer, plan.rate(i), loss, numbers)
    part.zero_grad(set_to_none=True)
    part.requires_grad_(False)
    return objective, module


@torch.no_grad()
def told(module: Branches, config: ShdiqaConfig, cut: Cut) -> float:
    """The share of types that the teacher tells on damage that it has not seen."""
    plan = draw(48, config, seeded(9))
    images = damaged(cut(48, seeded(8)), plan, module.pixels, config)
    _, accuracy = module.teacher.loss(module.teacher(images, module.patches), plan)
    return float(accuracy)


def test_the_teacher_learns_the_types_and_nothing_else_is_trained(
    control: Regression, config: ShdiqaConfig, cut: Cut, taught: tuple[Shdiqa, Branches]
) -> None:
    (_, before), (_, module) = made(control, config), taught
    assert told(before, config, cut) < 0.4  # of five types
    assert told(module, config, cut) > 0.6
    for name, value in before.state_dict().items():
        if not name.startswith("teacher."):
            assert torch.equal(value, module.state_dict()[name]), name


def test_the_loss_of_the_teacher_is_that_of_the_damage_it_draws(
    control: Regression, config: ShdiqaConfig, cut: Cut
) -> None:
    objective, module = made(control, config)
    images = cut(4, seeded(3))
    loss, numbers = objective.preparation.loss(module, images, seeded(5))
    plan = draw(4, config, seeded(5))
    hurt = damaged(images, plan, module.pixels, config)
    expected, accuracy = module.teacher.loss(module.teacher(hurt, module.patches), plan)
    assert float(loss) == float(expected)
    assert numbers.keys() == {"accuracy"}
    assert float(numbers["accuracy"]) == float(accuracy)
    other, _ = objective.preparation.loss(module, images, seeded(6))
    assert float(other) != float(loss)
    assert objective.preparation.part(module) is module.teacher


def test_student_and_teacher_start_from_the_same_weights_and_the_control_too(
    control: Regression, config: ShdiqaConfig
) -> None:
    objective, module = made(control, config)
    torch.manual_seed(0)
    alone = control.build()
    student = objective.student(module)
    for name, value in alone.state_dict().items():
        assert torch.equal(value, student.state_dict()[name]), name
    for name, value in student.encoder.state_dict().items():
        assert torch.equal(value, module.teacher.encoder.state_dict()[name]), name
    shared = {p.data_ptr() for p in student.parameters()}
    assert not shared & {p.data_ptr() for p in module.teacher.parameters()}


def test_the_loss_is_its_parts_and_labels_are_of_undamaged_crops(
    control: Regression, config: ShdiqaConfig, cut: Cut
) -> None:
    weighted = replace(config, contrast_weight=0.3, affinity_weight=0.7)
    objective, module = made(control, weighted)
    images, labels = cut(6, seeded(3)), torch.randn(6, generator=seeded(4))
    loss, parts = objective.loss(module, images, labels, seeded(5))
    by_hand = parts["l1"] + 0.3 * parts["contrast"] + 0.7 * parts["affinity"]
    torch.testing.assert_close(loss, by_hand)
    alone, _ = control.loss(objective.student(module), images, labels, seeded(5))
    torch.testing.assert_close(parts["l1"], alone)
    assert set(parts) == {"l1", "contrast", "affinity", "teacher_accuracy"}


def test_without_weights_the_gradient_is_the_controls(
    control: Regression, config: ShdiqaConfig, cut: Cut
) -> None:
    objective, module = made(control, replace(config, contrast_weight=0.0, affinity_weight=0.0))
    images, labels = cut(4, seeded(3)), torch.randn(4, generator=seeded(4))
    objective.loss(module, images, labels, seeded(5))[0].backward()
    torch.manual_seed(0)
    alone = control.build()
    control.loss(alone, images, labels, seeded(5))[0].backward()
    for (name, p), q in zip(module.student.named_parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, msg=name)


def test_gradients_reach_the_student_and_never_the_teacher(
    control: Regression, config: ShdiqaConfig, cut: Cut
) -> None:
    objective, module = made(control, config)
    images, labels = cut(4, seeded(3)), torch.randn(4, generator=seeded(4))
    _, parts = objective.loss(module, images, labels, seeded(5))
    for name in ("contrast", "affinity"):
        module.zero_grad(set_to_none=True)
        parts[name].backward(retain_graph=True)
        for part in (module.student.encoder, module.block_tokens):
            assert any(p.grad is not None and p.grad.any() for p in part.parameters()), name
        assert all(p.grad is None for p in module.teacher.parameters())
        # The block tokens are no part of what predicts.
        assert all(p.grad is None for p in module.student.regressor.parameters())


def test_distillation_brings_the_student_to_the_teacher(
    taught: tuple[Shdiqa, Branches], cut: Cut
) -> None:
    objective, module = deepcopy(taught)
    optimizer = adamw(module, 0.01)
    rows, draws = [], seeded(6)
    for i in range(32):
        loss, parts = objective.loss(module, cut(8, draws), torch.zeros(8), seeded(100 + i))
        step(optimizer, 2e-3, loss, {})
        rows.append({name: float(part.detach()) for name, part in parts.items()})
    for name in ("contrast", "affinity"):
        first, last = (sum(row[name] for row in some) / 5 for some in (rows[:5], rows[-5:]))
        assert last < 0.85 * first, name


def test_a_draw_is_of_the_generator_alone(
    control: Regression, config: ShdiqaConfig, cut: Cut
) -> None:
    objective, module = made(control, config)
    images, labels = cut(4, seeded(3)), torch.zeros(4)
    losses = [
        float(objective.loss(module, images, labels, seeded(seed))[0].detach())
        for seed in (5, 5, 6)
    ]
    assert losses[0] == losses[1] != losses[2]


def test_settings_are_json_and_tell_two_apart(control: Regression, config: ShdiqaConfig) -> None:
    one = Shdiqa(control, config, SIDE).config
    other = Shdiqa(control, replace(config, partition="grid"), SIDE).config
    assert json.loads(json.dumps(one)) != json.loads(json.dumps(other))
    assert one["toy"]


def test_the_teacher_is_asked_about_the_damage_that_was_done(
    control: Regression, config: ShdiqaConfig
) -> None:
    _, module = made(control, config)
    plan = Plan(torch.tensor([[0, 1, 2, 3]]), torch.tensor([[0, 1, 0, 1]]), 0)
    tokens = F.normalize(module.teacher.prototypes[:4])[None]
    right, accuracy = module.teacher.loss(tokens, plan)
    assert accuracy == 1
    wrong, none = module.teacher.loss(tokens.roll(1, dims=1), plan)
    assert none == 0
    assert wrong > right


def test_blocks_without_a_patch_are_refused_before_anything_is_trained(
    control: Regression, config: ShdiqaConfig
) -> None:
    with pytest.raises(ValueError, match="too many for crops of 64 pixels"):
        made(control, replace(config, blocks=5))
