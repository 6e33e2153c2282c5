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
from baselines.shdiqa.blockwise import Plan, damaged, draw
from baselines.shdiqa.config import ShdiqaConfig, TeacherPlan
from baselines.shdiqa.objective import Branches, Shdiqa

Cut = Callable[[int, Generator], Tensor]
SIDE = 64


def seeded(seed: int) -> Generator:
    return torch.Generator().manual_seed(seed)


def made(control: Regression, config: ShdiqaConfig) -> tuple[Shdiqa, Branches]:
    objective = Shdiqa(control, config, SIDE)
    torch.manual_seed(0)
    return objective, objective.build()


def prepared(
    control: Regression,
    config: ShdiqaConfig,
    cut: Cut,
    tick: Callable[[int], None] = lambda n: None,
) -> tuple[Shdiqa, Branches]:
    objective, module = made(control, config)
    draws = seeded(1)
    objective.prepare(module.train(), lambda n: cut(n, draws), seeded(2), tick)
    return objective, module


@torch.no_grad()
def told(module: Branches, config: ShdiqaConfig, cut: Cut) -> float:
    """The share of types that the teacher tells on damage that it has not seen."""
    plan = draw(48, config, seeded(9))
    images = damaged(cut(48, seeded(8)), plan, module.pixels, config)
    _, accuracy = module.teacher.loss(module.teacher(images, module.patches), plan)
    return float(accuracy)


@pytest.fixture(scope="module")
def taught(control: Regression, config: ShdiqaConfig, cut: Cut) -> tuple[Shdiqa, Branches]:
    return prepared(control, config, cut)


def test_the_teacher_learns_the_types_and_is_frozen_then(
    control: Regression, config: ShdiqaConfig, cut: Cut, taught: tuple[Shdiqa, Branches]
) -> None:
    (_, before), (_, module) = made(control, config), taught
    assert told(before, config, cut) < 0.4  # of five types
    assert told(module, config, cut) > 0.6
    assert not any(p.requires_grad or p.grad is not None for p in module.teacher.parameters())
    for name, value in before.state_dict().items():
        if not name.startswith("teacher."):
            assert torch.equal(value, module.state_dict()[name]), name


def test_preparing_again_gives_the_same_teacher_and_tells_what_it_uses(
    control: Regression, config: ShdiqaConfig, cut: Cut
) -> None:
    short, used = replace(config, teacher=TeacherPlan(3, 4)), list[int]()
    (_, one), (_, again) = (prepared(control, short, cut, used.append) for _ in range(2))
    assert used == 2 * 3 * [4]
    for name, value in one.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_the_rate_of_the_teacher_rises_and_falls() -> None:
    plan = TeacherPlan(10, warmup=0.2)
    shares = [plan.share(step) for step in range(10)]
    assert shares[:3] == [0.5, 1.0, 1.0]
    assert shares[2:] == sorted(shares[2:], reverse=True)
    assert 0 < shares[-1] < 0.05
    assert TeacherPlan(1, warmup=0.9).share(0) == 1


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
    trained = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=2e-3)
    rows, draws = [], seeded(6)
    for step in range(24):
        loss, parts = objective.loss(module, cut(8, draws), torch.zeros(8), seeded(100 + step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
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
