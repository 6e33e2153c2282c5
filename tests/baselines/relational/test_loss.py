"""The losses against slow loops in float64, and what has no gradient."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from baselines.relational.loss import contrast, dominance, hinge, weighted_mse


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- weighted MSE -------------------------------------------------------------------------------


def maps(seed: int, shape: tuple[int, ...] = (3, 4, 5, 6)) -> tuple[Tensor, Tensor]:
    """Predictions anywhere, targets that are 0.5 in most places, near it in some."""
    rng = generator(seed)
    predicted, targets = torch.rand(2, *shape, generator=rng, dtype=torch.float64)
    kind = torch.randint(3, shape, generator=rng)
    near = 0.5 + (targets - 0.5) * 0.09
    return predicted, torch.where(kind == 0, 0.5, torch.where(kind == 1, near, targets))


def slow_mse(predicted: Tensor, targets: Tensor, beta: float, high: float) -> list[float]:
    losses = []
    for f, d in zip(predicted.tolist(), targets.tolist(), strict=True):
        terms = [
            (high if abs(y - 0.5) > beta else 1.0) * (x - y) ** 2
            for rows in zip(f, d, strict=True)
            for row in zip(*rows, strict=True)
            for x, y in zip(*row, strict=True)
        ]
        losses.append(math.fsum(terms) / len(terms))
    return losses


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.floats(0, 0.4), st.floats(1, 20))
def test_weighted_mse_equals_the_slow_loop(seed: int, beta: float, high: float) -> None:
    predicted, targets = maps(seed)
    found = weighted_mse(predicted, targets, beta, high)
    assert found.tolist() == pytest.approx(slow_mse(predicted, targets, beta, high), rel=1e-12)


def test_what_differs_weighs_more_and_beta_itself_does_not() -> None:
    targets = torch.tensor([0.5, 0.75, 0.25, 0.875]).view(4, 1, 1, 1)
    predicted = targets + 0.125
    found = weighted_mse(predicted, targets, 0.25, 10.0) / 0.125**2
    assert found.tolist() == [1, 1, 1, 10]


def test_half_precision_predictions_are_compared_in_that_of_the_targets() -> None:
    predicted, targets = maps(1)
    half = predicted.bfloat16()
    found = weighted_mse(half, targets.float(), 0.05, 10)
    assert found.dtype == torch.float32
    assert torch.equal(found, weighted_mse(half.float(), targets.float(), 0.05, 10))


# --- the hinge ----------------------------------------------------------------------------------


def ranked(seed: int, count: int = 12) -> tuple[Tensor, Tensor, Tensor]:
    """Scores, amounts on a coarse signed grid (so that many are equal), and sets."""
    rng = generator(seed)
    scores = 2 * torch.randn(count, generator=rng, dtype=torch.float64)
    amounts = torch.randint(-1, 3, (count, 2), generator=rng).double() / 2
    return scores, amounts, torch.randint(3, (count,), generator=rng)


def is_better(one: list[float], other: list[float]) -> bool:
    """Type by type, each direction of a signed channel being a type of its own."""
    types = [(max(a, 0), max(b, 0)) for a, b in zip(one, other, strict=True)]
    types += [(max(-a, 0), max(-b, 0)) for a, b in zip(one, other, strict=True)]
    return all(a <= b for a, b in types) and any(a < b for a, b in types)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.floats(0.1, 3))
def test_hinge_is_over_dominated_pairs_of_one_content(seed: int, margin: float) -> None:
    scores, amounts, sets = ranked(seed)
    s, u, k = scores.tolist(), amounts.tolist(), sets.tolist()
    pairs = [
        (i, j)
        for i, j in product(range(len(s)), repeat=2)
        if k[i] == k[j] and is_better(u[i], u[j])
    ]
    better = dominance(amounts, sets)
    assert [tuple(pair) for pair in better.nonzero().tolist()] == pairs
    losses = [max(0.0, margin - (s[i] - s[j])) for i, j in pairs]
    wanted = math.fsum(losses) / max(len(losses), 1)
    assert hinge(scores, better, margin).item() == pytest.approx(wanted, rel=1e-12, abs=1e-15)


def test_what_is_not_dominated_has_no_order() -> None:
    amounts = torch.tensor([[0.0, 0.0], [0.2, 0.0], [0.0, 0.2], [0.2, 0.2], [-0.1, 0.0]])
    same = torch.zeros(5, dtype=torch.int64)
    better = dominance(amounts, same).tolist()
    #  The pristine image is better than all; one type against another is no order, nor is
    #  brighter against darker.
    assert better[0] == [False, True, True, True, True]
    assert better[1] == better[2] == [False, False, False, True, False]
    assert better[3] == better[4] == [False] * 5
    assert not dominance(amounts, torch.arange(5)).any()


def test_hinge_pulls_pairs_apart_until_the_margin() -> None:
    better = torch.tensor([[False, True], [False, False]])
    for gap, loss, slope in ((-1.0, 2.0, 1.0), (0.0, 1.0, 1.0), (0.75, 0.25, 1.0), (2, 0, 0)):
        scores = torch.tensor([gap, 0.0], requires_grad=True)
        found = hinge(scores, better, 1.0)
        found.backward()
        assert found.item() == loss
        assert scores.grad.tolist() == [-slope, slope]


def test_no_pair_is_zero_with_zero_gradients() -> None:
    scores = torch.randn(4, requires_grad=True)
    loss = hinge(scores, torch.zeros(4, 4, dtype=torch.bool), 1.0)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(scores.grad, torch.zeros(4))


# --- InfoNCE over tiers -------------------------------------------------------------------------


def slow_contrast(embeddings: Tensor, tiers: Tensor, tau: float) -> float:
    z, t = embeddings.tolist(), tiers.tolist()
    losses = []
    for i, anchor in enumerate(z):
        others = [j for j in range(len(z)) if j != i]
        terms = {}
        for j in others:
            dot = math.fsum(a * b for a, b in zip(anchor, z[j], strict=True))
            terms[j] = math.exp(dot / math.hypot(*anchor) / math.hypot(*z[j]) / tau)
        alike = [j for j in others if t[j] == t[i]]
        if alike:
            whole = math.fsum(terms.values())
            losses.append(-math.fsum(math.log(terms[j] / whole) for j in alike) / len(alike))
    return math.fsum(losses) / max(len(losses), 1)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 10), st.floats(0.05, 2))
def test_contrast_over_tiers_equals_the_slow_loop(seed: int, count: int, tau: float) -> None:
    rng = generator(seed)
    embeddings = torch.randn(count, 5, generator=rng, dtype=torch.float64)
    tiers = torch.randint(3, (count,), generator=rng)
    wanted = slow_contrast(embeddings, tiers, tau)
    assert contrast(embeddings, tiers, tau).item() == pytest.approx(wanted, rel=1e-10, abs=1e-12)


def test_gradients_are_those_of_the_formulas() -> None:
    predicted, targets = maps(2, (2, 2, 2, 3))
    scores, amounts, sets = ranked(3)
    better = dominance(amounts, sets)
    assert better.sum() > 3
    embeddings = torch.randn(6, 3, generator=generator(4), dtype=torch.float64)
    tiers = torch.tensor([0, 1, 2, 0, 1, 2])
    check = torch.autograd.gradcheck
    assert check(lambda f: weighted_mse(f, targets, 0.05, 10), predicted.requires_grad_())
    assert check(lambda s: hinge(s, better, 1.0), scores.requires_grad_())
    assert check(lambda z: contrast(z, tiers, 0.5), embeddings.requires_grad_())
