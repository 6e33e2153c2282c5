"""The color difference CIEDE2000, several times as fast as scikit-image's.

Sharma, Wu, Dalal: "The CIEDE2000 color-difference formula", Color Research and Application 30
(2005). Hues enter as unit vectors: their mean is the direction of the sum, and the cosines of
its multiples are polynomials, so that one arctangent is left.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_TINY = 1e-12  # below every chroma that counts; keeps 0 / 0 at 0


def ciede2000(first: Tensor, second: Tensor) -> Tensor:
    """Color differences, float ``[N]``, of CIELAB colors ``[3, N]``, with all factors 1."""
    (light_1, a_1, b_1), (light_2, a_2, b_2) = first, second
    stretch = 1.5 - 0.5 * _saturation((torch.hypot(a_1, b_1) + torch.hypot(a_2, b_2)) / 2)
    a_1, a_2 = a_1 * stretch, a_2 * stretch
    chroma_1, chroma_2 = torch.hypot(a_1, b_1), torch.hypot(a_2, b_2)
    # Unit vectors of both hues; that of a gray is 0 and leaves the mean to the other.
    x = a_1 / chroma_1.clamp(min=_TINY) + a_2 / chroma_2.clamp(min=_TINY)
    y = b_1 / chroma_1.clamp(min=_TINY) + b_2 / chroma_2.clamp(min=_TINY)
    length = torch.hypot(x, y).clamp_(min=_TINY)
    x, y = x / length, y / length

    light, chroma = (light_1 + light_2) / 2, (chroma_1 + chroma_2) / 2
    offset = (light - 50) ** 2
    d_light = (light_2 - light_1) / (1 + 0.015 * offset / (20 + offset).sqrt())
    d_chroma = (chroma_2 - chroma_1) / (1 + 0.045 * chroma)
    # 2 sqrt(C1 C2) sin(dh / 2), since C1 C2 sin(dh) is the cross product and |x, y| 2 cos(dh / 2).
    root = (chroma_1 * chroma_2).sqrt()
    d_hue = 2 * (a_1 * b_2 - a_2 * b_1) / (root * length).clamp(min=_TINY)
    d_hue = d_hue / (1 + 0.015 * chroma * _hue_weight(x, y))
    degrees = torch.rad2deg(torch.atan2(y, x)) % 360
    turn = math.radians(60) * torch.exp(-(((degrees - 275) / 25) ** 2))
    rotation = -2 * _saturation(chroma) * turn.sin()
    total = d_light**2 + d_chroma**2 + d_hue**2 + rotation * d_chroma * d_hue
    return total.clamp_(min=0).sqrt_()


def _saturation(chroma: Tensor) -> Tensor:
    """sqrt(C^7 / (C^7 + 25^7))"""
    seventh = (chroma / 25) ** 7
    return (seventh / (seventh + 1)).sqrt()


def _hue_weight(x: Tensor, y: Tensor) -> Tensor:
    """T of the formula, for the mean hue (x, y) = (cos h, sin h)."""
    x_2, y_2 = x * x - y * y, 2 * x * y
    x_3, y_3 = x_2 * x - y_2 * y, y_2 * x + x_2 * y
    x_4, y_4 = x_2 * x_2 - y_2 * y_2, 2 * x_2 * y_2
    weight = torch.ones_like(x)
    for cos, sin, share, phase in (
        *((x, y, -0.17, -30), (x_2, y_2, 0.24, 0)),
        *((x_3, y_3, 0.32, 6), (x_4, y_4, -0.2, -63)),
    ):
        angle = math.radians(phase)
        weight += share * (math.cos(angle) * cos - math.sin(angle) * sin)
    return weight
