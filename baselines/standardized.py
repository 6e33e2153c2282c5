"""Convolutions with standardized weights: what our networks are made of instead of norms."""

from __future__ import annotations

from timm.layers import ScaledStdConv2d

# Keeps the variance of a unit normal through a GELU.
_GELU_GAIN = 1.7015


def convolution(before: int, after: int, size: int = 3, stride: int = 1) -> ScaledStdConv2d:
    """From ``before`` to ``after`` channels, padded with zeros, for what has passed a GELU.

    Its weights are standardized (Brock et al., NFNets, ICML 2021): filters of zero mean see damage
    before contents. Norms of a batch would differ between processes, those of an image hide its
    noise.
    """
    padding = size // 2
    return ScaledStdConv2d(before, after, size, stride=stride, padding=padding, gamma=_GELU_GAIN)
