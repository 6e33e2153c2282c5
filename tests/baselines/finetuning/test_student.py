"""The student: the published size, what it gives, and that another can be built of its shape."""

from __future__ import annotations

import pytest
import torch

from baselines.finetuning.config import PRESETS
from baselines.finetuning.student import Student, backbone_of_timm
from baselines.slide_iqa import adapter as slide_iqa
from baselines.slide_iqa.encoder import Encoder
from harness.macs import count
from tests.baselines.finetuning.small import student

DEIT = "deit3_small_patch16_224.fb_in1k"


def test_that_of_the_paper_has_the_published_size():
    """SHDIQA, Table 5: 24.2 M parameters and 4.35 G multiply-accumulates of its modules."""
    config = PRESETS["paper"]
    encoder = Encoder(backbone_of_timm(DEIT, config.crop), pretrained=False)
    found = Student(encoder, config.queries, config.ffn).eval()
    crop = torch.rand(1, 3, config.crop, config.crop)
    with torch.inference_mode():
        counts = count(found, lambda: found(crop))
    assert counts.parameters == pytest.approx(24.2e6, rel=0.01)
    assert counts.macs_modules == pytest.approx(4.35e9, rel=0.01)
    assert counts == type(counts)(24_438_273, 4_313_680_128, 4_672_279_296)


def test_tokens_and_scores_have_the_shapes_that_are_told():
    found, images = student().eval(), torch.rand(5, 3, 32, 48)
    tokens = found.tokens(images)
    assert tokens.shape == (5, 1 + 2 * 3, found.dim)
    scores = found(images)
    assert scores.shape == (5,)
    torch.testing.assert_close(found.scores(tokens), scores)


def test_a_score_is_that_of_its_image_alone():
    found, images = student().eval(), torch.rand(3, 3, 32, 32)
    torch.testing.assert_close(found(images)[1:2], found(images[1:2]))


def test_every_token_counts():
    found = student()
    tokens = found.tokens(torch.rand(1, 3, 32, 32)).detach().requires_grad_()
    found.scores(tokens).sum().backward()
    assert (tokens.grad.abs().sum(2) > 0).all()


def test_first_weights_follow_from_the_global_seed():
    def drawn(seed):
        torch.manual_seed(seed)
        return torch.cat([p.flatten() for p in student().parameters()])

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


def test_one_of_the_same_shape_takes_its_weights():
    encoder = slide_iqa.read(None, slide_iqa.CARD).encoder
    found = Student(encoder, queries=3, ffn=20).eval()
    again = Student.of(found.config).eval()
    again.load_state_dict(found.state_dict())
    images = torch.rand(2, 3, 112, 112)
    assert torch.equal(found(images), again(images))


def test_a_network_that_is_no_vit_is_refused():
    with pytest.raises(ValueError, match="timm:test_resnet is no plain ViT"):
        backbone_of_timm("test_resnet", 64)
