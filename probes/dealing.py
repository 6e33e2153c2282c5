"""Levels dealt like cards, so that every one occurs as often as any other, alone and in pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from math import gcd

import numpy as np
from scipy.optimize import linear_sum_assignment


def levels_dealt(
    types: np.ndarray, levels: np.ndarray, chosen: Sequence[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """A level for every row of ``types`` (sorted), as ``int [N]``.

    Dealt in turn, levels are even over all rows and within a type; a type's rows share theirs
    so that each occurs least with the levels in ``chosen`` (each ``int [N]``) that it has met.
    """
    turns = np.arange(len(types))
    n, most = len(levels), np.bincount(types).max(initial=0)
    if most < n:
        # Each round starts some levels later, such that no two types always begin at the same
        # few levels: types would else fall apart in groups, whose levels never meet.
        later = next(k for k in range(n) if gcd(n - k, most) == 1)
        turns += later * (turns // n)
    dealt = levels[turns % n]
    met = [np.zeros((each.max(initial=0) + 1, n)) for each in chosen]
    found = np.empty_like(dealt)
    for type in np.unique(types):
        rows = np.flatnonzero(types == type)
        cost = rng.random((len(rows), len(rows))) / 2  # ties fall by chance
        for table, each in zip(met, chosen, strict=True):
            cost += table[each[rows]][:, dealt[rows]]
        taken, given = linear_sum_assignment(cost)
        found[rows[taken]] = dealt[rows][given]
        for table, each in zip(met, chosen, strict=True):
            np.add.at(table, (each[rows], found[rows]), 1)
    return found


def by_turns(severities: Sequence[int], size: int) -> list[tuple[int, ...]]:
    """All combinations, ordered so that each severity occurs equally often along the way."""
    left, seen = list(combinations(severities, size)), Counter[int]()
    ordered: list[tuple[int, ...]] = []
    while left:
        # Of those whose severities came up least, the widest: more is learned from it.
        best = min(left, key=lambda c: (sorted(seen[s] for s in c)[::-1], c[0] - c[-1], c))
        left.remove(best)
        ordered.append(best)
        seen.update(best)
    return ordered


def spread(columns: Sequence[np.ndarray], number: int, rng: np.random.Generator) -> list[int]:
    """``number`` rows (all, if there are fewer), rising, such that levels occur evenly.

    ``columns``, each ``int [N]``, are the levels of the rows in every factor.
    """
    met = [np.zeros(column.max(initial=0) + 1) for column in columns]
    cost = rng.random(len(columns[0])) / 2
    chosen: list[int] = []
    for _ in range(min(number, len(cost))):
        total = cost + sum(
            table[column] * len(table) for table, column in zip(met, columns, strict=True)
        )
        best = int(np.argmin(total))
        chosen.append(best)
        cost[best] = np.inf
        for table, column in zip(met, columns, strict=True):
            table[column[best]] += 1
    return sorted(chosen)


def others_dealt(
    bases: Sequence[str], types: Sequence[str], several: Sequence[int], rng: np.random.Generator
) -> list[tuple[str, ...]]:
    """For each type of ``bases`` other types, each of ``types`` as often.

    With its base each set is as large as the numbers in ``several`` (2 or more), by turns.
    """
    met: Counter[str] = Counter()
    dealt = []
    for i, base in enumerate(bases):
        order = [types[j] for j in rng.permutation(len(types))]
        free = sorted((t for t in order if t != base), key=met.__getitem__)
        dealt.append(tuple(free[: several[i % len(several)] - 1]))
        met.update(dealt[-1])
    return dealt
