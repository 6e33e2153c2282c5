"""Perlin noise, and the masks that are made of it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .config import MapsConfig

OCTAVES = 3  # each of twice the frequency and half the amplitude of the one before


def perlin(
    n: int,
    side: int,
    cells: tuple[float, float],
    generator: torch.Generator,
    device: str | torch.device = "cpu",
) -> Tensor:
    """``n`` fields of gradient noise, ``float32 [n, side, side]``, each from 0 to 1.

    ``cells``: how many cells of the first octave there are along a side, log-uniform between the
    two. All draws are of the CPU ``generator``.
    """
    low, high = cells
    frequency = low * (high / low) ** torch.rand(n, 1, generator=generator)
    pixels = torch.arange(side) / side
    total = torch.zeros(n, side, side, device=device)
    for octave in range(OCTAVES):
        times = 2**octave
        offsets = torch.rand(2, n, 1, generator=generator)
        nodes = math.ceil(high * times) + 2
        angles = 2 * math.pi * torch.rand(n, nodes, nodes, generator=generator)
        y, x = (offsets + times * frequency * pixels).to(device)
        total += gradient_noise(angles.to(device), y, x) / times
    least, most = total.amin((1, 2), keepdim=True), total.amax((1, 2), keepdim=True)
    return (total - least) / (most - least)


def gradient_noise(angles: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """One octave (K. Perlin, SIGGRAPH 1985; the fade of SIGGRAPH 2002): ``[n, H, W]``.

    ``angles`` ``[n, L, L]`` are of the unit gradients at the nodes of a lattice of unit cells,
    ``y`` ``[n, H]`` and ``x`` ``[n, W]`` the places in it, from 0 to below L - 1.

    The weight of a node is a product of one of y and one of x, and its gradient times the way
    from it a sum of such products: so the whole is two products of three matrices.
    """
    nodes = torch.arange(angles.shape[-1], device=angles.device)
    down, right = (places[:, :, None] - nodes for places in (y, x))
    rows, columns = (1 - _fade(way.abs().clamp(max=1)) for way in (down, right))
    return (
        rows @ angles.cos() @ (columns * right).mT  # the gradient's part along x
        + (rows * down) @ angles.sin() @ columns.mT
    )


def masks(
    n: int, config: MapsConfig, generator: torch.Generator, device: str | torch.device = "cpu"
) -> Tensor:
    """``n`` opacities of damage, ``float32 [n, S, S]`` in [0, 1], S the side of the crops.

    Noise, of which the lowest values are 0 and the highest 1, in shares that are drawn and met to
    within a few hundredths; or, in a share of the masks, 1 everywhere. All draws are of the CPU
    ``generator``.
    """
    noise = perlin(n, config.crop, config.cells, generator, device)
    covered, saturated, full = torch.rand(3, n, generator=generator)
    covered, saturated = _between(covered, config.covered), _between(saturated, config.saturated)
    # Every fourth pixel: ranks of smooth noise are nearly those of all, in a fifth of the time.
    ranked = noise[:, ::2, ::2].flatten(1).sort(1).values
    last = ranked.shape[1] - 1
    shares = torch.stack([1 - covered, 1 - covered * saturated], 1)
    zero, one = ranked.gather(1, (shares * last).long().to(device)).T[..., None, None]
    # Ties of many pixels would leave nothing between.
    scaled = ((noise - zero) / (one - zero).clamp(min=1e-6)).clamp(0, 1)
    scaled[(full < config.full_frame_share).to(device)] = 1
    return scaled


def _fade(t: Tensor) -> Tensor:
    """6t⁵ - 15t⁴ + 10t³: from 0 to 1 over [0, 1], first and second derivative 0 at both ends."""
    return t * t * t * (t * (6 * t - 15) + 10)


def _between(uniform: Tensor, limits: tuple[float, float]) -> Tensor:
    """Uniforms on [0, 1) as uniforms between two limits."""
    return limits[0] + (limits[1] - limits[0]) * uniform
