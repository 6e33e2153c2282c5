"""What one model says of pairs of pictures: the mean paired difference, and how sure it is.

Differences are candidate less baseline, in SDs of the model's scores of the baseline pictures:
in these units, and in these only, one margin fits all models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ..errors import count
from ..protocols.intervals import mean_interval
from ..protocols.paired import Replicates
from ..reports.compare_words import number
from .resamples import p_value, resamples
from .verdict import Effect

SEED = 0
_POWER = 2.8  # standard errors: 1.96 for the interval, 0.84 for 80 % power


@dataclass(frozen=True)
class Differences:
    """Scores ``before`` and ``after [N]`` in the model's own units, ``change [N]`` in SDs.

    ``names`` are those of the pictures; ``sd`` is that of ``before``, over pictures.
    """

    names: tuple[str, ...]
    before: np.ndarray
    after: np.ndarray
    change: np.ndarray
    sd: float

    @property
    def signs(self) -> tuple[int, int, int]:
        """How many pictures are better, worse, and equal."""
        better, worse = int((self.change > 0).sum()), int((self.change < 0).sum())
        return better, worse, len(self.change) - better - worse

    @property
    def sign_test(self) -> float:
        """Two-sided p of "as often better as worse"; equal ones count for neither; not Holm's."""
        better, worse, _ = self.signs
        return float(stats.binomtest(better, better + worse).pvalue) if better + worse else 1.0


def differences(
    names: Sequence[str], before: np.ndarray, after: np.ndarray, tolerance: float
) -> Differences:
    """From finite scores ``[N]``; a change of at most ``tolerance`` SDs counts as none.

    Raises ValueError where there is no SD to measure in.
    """
    if len(names) < 2:
        raise ValueError(f"scores of {count(len(names), 'picture')}: an SD needs two at least")
    sd = float(np.std(before, ddof=1))
    if sd <= 1e-12 * float(np.abs(before).max()):
        raise ValueError("all baseline pictures get one score: there is no SD to measure in")
    change = (after - before) / sd
    change[np.abs(change) <= tolerance] = 0
    return Differences(tuple(names), before, after, change, sd)


def effect(found: Differences, n_tests: int) -> Effect:
    """The mean change in SDs with its interval over pictures, ``n_tests`` being done together.

    ``before`` and ``after`` are means in the model's own units.
    """
    interval = mean_interval(found.change, SEED)
    n, mean = len(found.change), float(found.change.mean())
    draws = np.concatenate([c @ found.change / c.sum(axis=1) for c in resamples(n, SEED, n_tests)])
    both = Replicates(np.array([0, mean]), np.stack([np.zeros_like(draws), draws]), n, SEED)
    return Effect(
        float(found.before.mean()),
        float(found.after.mean()),
        mean,
        interval.low,
        interval.high,
        interval.method.replace("contents", "pictures"),
        p_value(both) if found.change.any() else math.nan,  # no picture differs: nothing to test
    )


def needed(found: Differences, margin: float) -> int | None:
    """About how many pictures show with 80 % power that a drop of ``margin`` SDs is none.

    From the SD of the differences of these pictures: an estimate. None for a margin of 0.
    """
    if not margin:
        return None
    return math.ceil((_POWER * float(np.std(found.change, ddof=1)) / margin) ** 2)


def told(found: Differences, effect: Effect) -> str:
    """What stands beside a verdict: own units, and the sign test."""
    better, worse, equal = found.signs
    own = [None if x is None else x * found.sd for x in (effect.value, effect.low, effect.high)]
    value, low, high = (None if x is None else number(x) for x in own)
    between = "" if low is None or high is None else f" [{low}, {high}]"
    return (
        f"own units: {value}{between}, 1 SD = {number(found.sd)}; better {better}, worse {worse}, "
        f"equal {equal}: sign test p = {found.sign_test:.2g}"
    )
