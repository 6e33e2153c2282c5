"""Seeds for models that draw at random."""

from __future__ import annotations

import random

import numpy as np
import torch

from .canonical import digest


def seed_all(*key: str) -> None:
    """Make what is drawn next, by Python, NumPy or torch, depend on ``key`` alone."""
    seed = int(digest(list(key))[:8], 16)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
