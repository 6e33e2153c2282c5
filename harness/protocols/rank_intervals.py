"""What significant differences say about the order of models: never classes of ties.

Not being significantly different is not transitive: A and B may be tied, and B and C, while
A is better than C. So each model gets the ranks that the tests leave open to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ranks:
    """The places left open to each of M models, 1 the best; and those that may be the best."""

    low: np.ndarray  # int [M]: 1 + how many are significantly better
    high: np.ndarray  # int [M]: M − how many are significantly worse
    top: np.ndarray  # bool [M]: not significantly worse than the one with the highest value


def rank_intervals(values: np.ndarray, significant: np.ndarray) -> Ranks:
    """From ``values [M]`` (higher is better) and ``significant``, symmetric bool ``[M, M]``."""
    better = significant & (values[:, None] > values[None, :])  # row better than column
    best = int(np.argmax(values))
    return Ranks(1 + better.sum(axis=0), len(values) - better.sum(axis=1), ~better[best])


def holm(p: np.ndarray) -> np.ndarray:
    """p-values ``[K]`` adjusted for K tests, in their order (Holm 1979, the step-down method)."""
    p = np.asarray(p, np.float64)
    order = np.argsort(p, kind="stable")
    steps = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted
