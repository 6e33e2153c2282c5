"""The losses of both stages of relational IQA."""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.pretraining.contrast import EXCLUDED, NEGATIVE, POSITIVE, info_nce


def weighted_mse(predicted: Tensor, targets: Tensor, beta: float, w_high: float) -> Tensor:
    """The mean of w (F - D)² over channels and pixels of each pair, ``[B]``.

    ``predicted`` F and ``targets`` D: ``[B, C, h, w]`` in [0, 1]. w is ``w_high`` where
    ``marked``, else 1.
    """
    weights = 1 + (w_high - 1) * marked(targets, beta).to(targets.dtype)
    return (weights * (predicted.to(targets.dtype) - targets).square()).mean((1, 2, 3))


def marked(targets: Tensor, beta: float) -> Tensor:
    """Where the images differ by more than β: |D - 0.5| > β, ``bool``."""
    return (targets - 0.5).abs() > beta


def dominance(amounts: Tensor, sets: Tensor) -> Tensor:
    """``bool [N, N]``: whether image i is better than image j, of the same set.

    That is so if i has no more of any damage, and less of one, on the mean over its pixels.
    ``amounts`` ``[N, C]`` are signed: of a channel that two inverse types share, those of one
    sign are compared alone. ``sets`` ``int64 [N]``.
    """
    one, other = amounts[:, None], amounts[None]
    no_more = (one.abs() <= other.abs()) & (one * other >= 0)
    less = one.abs() < other.abs()
    return no_more.all(2) & less.any(2) & (sets[:, None] == sets)


def hinge(scores: Tensor, better: Tensor, margin: float) -> Tensor:
    """The mean of max(0, δ - (s_i - s_j)) over the pairs in which i is better than j, a scalar.

    ``scores`` s ``[N]``, higher is better; ``better`` ``bool [N, N]`` (see ``dominance``). 0
    with zero gradients where there is no such pair.
    """
    short = (margin - (scores[:, None] - scores)).clamp(min=0)
    return (short * better).sum() / better.sum().clamp(min=1)


def contrast(embeddings: Tensor, tiers: Tensor, temperature: float) -> Tensor:
    """InfoNCE that attracts images of one tier, of any content, and repels those of others.

    ``embeddings`` ``[N, E]``, of any norm; ``tiers`` ``int64 [N]``. A scalar.
    """
    same = tiers[:, None] == tiers
    kinds = torch.where(same, POSITIVE, NEGATIVE).fill_diagonal_(EXCLUDED)
    return info_nce(embeddings, embeddings, kinds, temperature)
