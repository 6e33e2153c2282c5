"""Student, heads and teacher: what is trained, what only follows."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from baselines.pretraining.schedule import parameter_groups
from baselines.slide_iqa import encoder, model
from baselines.slide_iqa.config import PRESETS, Backbone
from baselines.slide_iqa.model import Slide
from baselines.timm_encoder import create

SMOKE = PRESETS["smoke"]


@pytest.fixture
def slide() -> Slide:
    torch.manual_seed(0)
    return Slide(SMOKE).train()


def test_queries_and_keys_of_a_batch_start_alike_but_for_the_predictor(slide: Slide) -> None:
    student, teacher = slide.encoded(torch.rand(6, 3, 64, 64))
    assert student.shape == (6, 2 * slide.encoder.dim)
    assert torch.equal(student, teacher)
    queries, keys = slide.heads(student, teacher)
    assert queries.shape == keys.shape == (6, SMOKE.embedding)
    torch.testing.assert_close(keys, slide.projector(teacher))


def test_the_teacher_has_no_gradients_and_all_else_has(slide: Slide) -> None:
    queries, keys = slide.heads(*slide.encoded(torch.rand(6, 3, 64, 64)))
    assert not keys.requires_grad
    (queries - keys).square().sum().backward()
    for name, parameter in slide.named_parameters():
        assert parameter.requires_grad != name.startswith("teacher_"), name
        assert (parameter.grad is None) == name.startswith("teacher_"), name


def test_the_teacher_moves_by_the_momentum(slide: Slide) -> None:
    before = [p.clone() for p in slide.teacher_encoder.parameters()]
    with torch.no_grad():
        for parameter in (*slide.encoder.parameters(), *slide.projector.parameters()):
            parameter.add_(torch.randn_like(parameter))
    slide.update_teacher(0.9)
    now = zip(slide.teacher_encoder.parameters(), before, slide.encoder.parameters(), strict=True)
    for teacher, old, student in now:
        torch.testing.assert_close(teacher, 0.9 * old + 0.1 * student)
    slide.update_teacher(0)
    pairs = zip(slide.teacher_projector.parameters(), slide.projector.parameters(), strict=True)
    assert all(torch.equal(teacher, student) for teacher, student in pairs)


def test_patches_are_frozen_only_where_weights_are_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, preset in PRESETS.items():
        assert preset.freeze_patches == (preset.backbone.timm is not None), name
    with pytest.raises(ValueError, match="freeze_patches keeps published weights"):
        Slide(replace(SMOKE, freeze_patches=True))
    # No published weights are here: drawn ones stand for them.
    drawn = lambda name, pretrained: create(name, pretrained=False)  # noqa: E731
    monkeypatch.setattr(encoder, "create", drawn)
    config = replace(SMOKE, backbone=Backbone("patch", False, 160, timm="test_vit"))
    for frozen in (True, False):
        slide = model.Slide(replace(config, freeze_patches=frozen))
        groups = parameter_groups(slide, 0.1)
        trained = {id(p) for group in groups for p in group["params"]}
        patches = list(slide.encoder.vit.patch_embed.parameters())
        assert len(patches) == 2
        assert [id(p) in trained for p in patches] == [not frozen] * 2
        assert id(slide.encoder.vit.cls_token) in trained
