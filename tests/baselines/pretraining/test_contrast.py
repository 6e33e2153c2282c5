"""The loss against a slow loop in float64, and its gradients where there is nothing to attract."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from baselines.pretraining.contrast import EXCLUDED, NEGATIVE, POSITIVE, info_nce


def slow(queries: Tensor, keys: Tensor, relations: Tensor, tau: float) -> float:
    """The formula, anchor by anchor, in plain Python floats."""
    q, k, kinds = queries.tolist(), keys.tolist(), relations.tolist()

    def cosine(u: list[float], v: list[float]) -> float:
        dot = sum(a * b for a, b in zip(u, v, strict=True))
        return dot / math.hypot(*u) / math.hypot(*v)

    losses = []
    for i, row in enumerate(kinds):
        terms = [math.exp(cosine(q[i], key) / tau) for key in k]
        attracted = [term for term, kind in zip(terms, row, strict=True) if kind == POSITIVE]
        repelled = [term for term, kind in zip(terms, row, strict=True) if kind == NEGATIVE]
        if attracted:
            whole = sum(attracted) + sum(repelled)
            losses.append(-sum(math.log(term / whole) for term in attracted) / len(attracted))
    return sum(losses) / len(losses) if losses else 0.0


def drawn(views: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    queries, keys = torch.randn(2, views, 5, generator=rng, dtype=torch.float64)
    kinds = torch.randint(-1, 2, (views, views), generator=rng, dtype=torch.int8)
    kinds = kinds.triu(1) + kinds.triu(1).mT
    return queries, keys, kinds


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 9), st.integers(0, 2**32), st.floats(0.05, 2))
def test_equals_the_slow_loop(views: int, seed: int, tau: float) -> None:
    queries, keys, kinds = drawn(views, seed)
    found = info_nce(queries, keys, kinds, tau)
    assert found.dtype == torch.float64
    assert found.item() == pytest.approx(slow(queries, keys, kinds, tau), rel=1e-10, abs=1e-12)
    single = info_nce(queries.float(), keys.float(), kinds, tau)
    assert single.item() == pytest.approx(found.item(), rel=1e-3, abs=1e-4)


def test_gradient_is_that_of_the_formula() -> None:
    queries, keys, kinds = drawn(6, 1)
    assert (kinds == POSITIVE).any(1).sum() > 2
    queries.requires_grad_()
    assert torch.autograd.gradcheck(lambda q: info_nce(q, keys, kinds, 0.2), queries)


def test_excluded_pairs_and_anchors_without_positives_have_no_gradient() -> None:
    queries, keys = torch.randn(2, 4, 5, dtype=torch.float64)
    kinds = torch.tensor(
        [[0, 1, -1, 0], [1, 0, -1, 0], [-1, -1, 0, 0], [0, 0, 0, 0]], dtype=torch.int8
    )
    queries.requires_grad_()
    keys.requires_grad_()
    info_nce(queries, keys, kinds, 0.2).backward()
    for tensor in (queries, keys):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()
    assert queries.grad[:2].abs().sum() > 0
    assert not queries.grad[2:].any()  # anchors without a positive
    assert keys.grad[2].any()  # but seen as a negative
    assert not keys.grad[3].any()  # excluded from everything


@pytest.mark.parametrize("kind", [EXCLUDED, NEGATIVE])
def test_no_anchor_with_a_positive_is_zero_with_zero_gradients(kind: int) -> None:
    queries, keys = torch.randn(2, 4, 5)
    queries.requires_grad_()
    loss = info_nce(queries, keys, torch.full((4, 4), kind, dtype=torch.int8), 0.2)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(queries.grad, torch.zeros(4, 5))


def test_anchors_with_positives_alone_pull_them_together_to_log_of_their_number() -> None:
    same = torch.ones(4, 3)
    kinds = torch.full((4, 4), POSITIVE, dtype=torch.int8).fill_diagonal_(EXCLUDED)
    assert info_nce(same, same, kinds, 0.2).item() == pytest.approx(math.log(3))


def test_autocast_does_not_reach_it() -> None:
    queries, keys, kinds = drawn(8, 3)
    queries, keys = queries.float(), keys.float()
    plain = info_nce(queries, keys, kinds, 0.2)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(info_nce(queries, keys, kinds, 0.2), plain)
    half = info_nce(queries.bfloat16(), keys.bfloat16(), kinds, 0.2)
    assert half.dtype == torch.float32
