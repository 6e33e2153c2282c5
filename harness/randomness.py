"""Seeds for models that draw at random."""

from __future__ import annotations

import random

from .canonical import digest


def seed_of(*key: str | int) -> int:
    """A seed below 2^32 that depends on ``key`` alone: the head of the SHA-256 of its JSON."""
    return int(digest(list(key))[:8], 16)


def seed_all(*key: str) -> None:
    """Make what is drawn next, by Python, NumPy or torch, depend on ``key`` alone."""
    import numpy as np
    import torch

    seed = seed_of(*key)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
