"""Random numbers of the degradations: where they come from and how a batch draws them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from harness.canonical import digest

Rngs = Sequence[torch.Generator] | torch.Generator
"""One CPU generator per image, or a single generator (on the images' device) for the batch."""


def seeded(seed: int, content: str, type: str, replicate: int = 0) -> torch.Generator:
    """CPU generator fixed by what is damaged, and by nothing else.

    The seed is the first 64 bits of SHA-256 of the canonical JSON of the arguments, so neither a
    mask, its area, the severity nor the place in a batch changes a draw: the noise field, angle
    or sign of one damage is the same at all severities, which differ in strength alone.
    """
    recipe = {
        "seed": int(seed),
        "content": content,
        "type": type,
        "replicate": int(replicate),
    }
    return torch.Generator().manual_seed(int(digest(recipe)[:16], 16))


def uniform(rngs: Rngs, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Uniform on [0, 1), ``[B, *shape]`` with B, dtype and device of ``like``."""
    return _draw(torch.rand, rngs, shape, like)


def normal(rngs: Rngs, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Standard normal, ``[B, *shape]`` with B, dtype and device of ``like``."""
    return _draw(torch.randn, rngs, shape, like)


def integers(uniforms: Tensor, count: int) -> Tensor:
    """Uniform draws turned into integers 0 … count - 1 (int64, same shape)."""
    # Rounding can lift u * count to count itself.
    return (uniforms * count).long().clamp_(max=count - 1)


def _draw(
    sample: Callable[..., Tensor], rngs: Rngs, shape: tuple[int, ...], like: Tensor
) -> Tensor:
    if isinstance(rngs, torch.Generator):
        return sample((len(like), *shape), generator=rngs, device=rngs.device).to(like)
    return torch.stack([sample(shape, generator=rng) for rng in rngs]).to(like)
