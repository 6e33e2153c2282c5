"""Both losses against slow loops in float64; the teacher's tokens are compared, never moved."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from baselines.shdiqa.distill import affinity_gap, contrastive

sizes = {"images": st.integers(1, 5), "blocks": st.integers(2, 5), "seed": st.integers(0, 2**32)}


def drawn(images: int, blocks: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    student, teacher = torch.randn(2, images, blocks, 6, generator=rng, dtype=torch.float64)
    types = torch.rand(images, 7, generator=rng).argsort(1)[:, :blocks]
    return student, teacher, types


def cosine(u: list[float], v: list[float]) -> float:
    return sum(a * b for a, b in zip(u, v, strict=True)) / math.hypot(*u) / math.hypot(*v)


def rows(tokens: Tensor) -> list[list[float]]:
    return [token for image in tokens.tolist() for token in image]


@settings(deadline=None, max_examples=100)
@given(**sizes, tau=st.floats(0.05, 2))
def test_contrast_equals_the_slow_loop(images: int, blocks: int, seed: int, tau: float) -> None:
    student, teacher, types = drawn(images, blocks, seed)
    queries, keys, kinds = rows(student), rows(teacher), types.flatten().tolist()
    losses = []
    for query, kind in zip(queries, kinds, strict=True):
        terms = [math.exp(cosine(query, key) / tau) for key in keys]
        alike = [t for t, other in zip(terms, kinds, strict=True) if other == kind]
        losses.append(-sum(math.log(t / sum(terms)) for t in alike) / len(alike))
    found = contrastive(student, teacher, types, tau)
    assert found.dtype == torch.float64
    assert found.item() == pytest.approx(sum(losses) / len(losses), rel=1e-10, abs=1e-12)
    single = contrastive(student.float(), teacher.float(), types, tau)
    assert single.item() == pytest.approx(found.item(), rel=1e-3, abs=1e-4)


@settings(deadline=None, max_examples=100)
@given(**sizes)
def test_affinity_of_images_equals_the_slow_loop(images: int, blocks: int, seed: int) -> None:
    student, teacher, _ = drawn(images, blocks, seed)
    squares = [
        (cosine(s[a], s[b]) - cosine(t[a], t[b])) ** 2
        for s, t in zip(student.tolist(), teacher.tolist(), strict=True)
        for a in range(blocks)
        for b in range(blocks)
    ]
    found = affinity_gap(student, teacher, "image").item()
    assert found == pytest.approx(sum(squares) / len(squares), rel=1e-10, abs=1e-14)


@settings(deadline=None, max_examples=100)
@given(**sizes)
def test_affinity_of_a_batch_equals_the_slow_loop(images: int, blocks: int, seed: int) -> None:
    student, teacher, _ = drawn(images, blocks, seed)
    s, t = rows(student), rows(teacher)
    every = range(len(s))
    squares = [(cosine(s[a], s[b]) - cosine(t[a], t[b])) ** 2 for a in every for b in every]
    found = affinity_gap(student, teacher, "batch").item()
    assert found == pytest.approx(sum(squares) / len(squares), rel=1e-10, abs=1e-14)


def test_of_one_image_both_affinities_are_the_same() -> None:
    student, teacher, _ = drawn(1, 4, 0)
    one, other = (affinity_gap(student, teacher, among) for among in ("image", "batch"))
    assert one.item() == pytest.approx(other.item(), rel=1e-12)


@pytest.mark.parametrize("among", ["image", "batch"])
def test_norms_and_rotations_are_no_affinity(among: str) -> None:
    student, _, _ = drawn(3, 4, 1)
    turn, _ = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))
    scaled = 3 * student @ turn
    assert affinity_gap(student, scaled, among).item() < 1e-20  # type: ignore[arg-type]
    assert affinity_gap(student, -student, among).item() < 1e-20  # type: ignore[arg-type]
    assert contrastive(student, -student, torch.arange(12).view(3, 4), 0.5) > 2


def test_gradients_are_those_of_the_formulas() -> None:
    student, teacher, types = drawn(2, 3, 2)
    student.requires_grad_()
    assert torch.autograd.gradcheck(lambda s: contrastive(s, teacher, types, 0.2), student)
    for among in ("image", "batch"):
        assert torch.autograd.gradcheck(lambda s, a=among: affinity_gap(s, teacher, a), student)


def test_one_type_everywhere_pulls_all_to_all() -> None:
    student, teacher, _ = drawn(2, 3, 3)
    same = torch.ones(2, 3, 6, dtype=torch.float64)
    types = torch.zeros(2, 3, dtype=torch.long)
    assert contrastive(same, same, types, 0.1).item() == pytest.approx(math.log(6))
    assert contrastive(student, teacher, types, 0.1) > math.log(6)
