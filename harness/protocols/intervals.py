"""95 % intervals over contents: a bootstrap, or a jackknife where there are few contents.

The content (the scene) is the unit that is drawn: samples of one content are not independent.
A statistic is given as a function from counts to replicates (see ``resampling``), and the
same counts serve every statistic of one seed, so that differences of two are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

from .metrics import varies

FEW_CONTENTS = 20
RESAMPLES = 1000
LEVEL = 0.95

Replicate = Callable[[np.ndarray], np.ndarray]  # counts [B, C] → replicates [B], NaN: undefined


@dataclass(frozen=True)
class Interval:
    """Where the value may lie, and how that was found; low and high are None where it was not."""

    low: float | None
    high: float | None
    method: str


def content_interval(
    value: float,
    replicate: Replicate,
    n_contents: int,
    seed: int,
    limits: tuple[float, float] = (-np.inf, np.inf),
    note: str = "",
) -> Interval:
    """The 95 % interval of a statistic over contents.

    From ``FEW_CONTENTS`` contents on it is the percentile bootstrap; below, a t interval with
    the delete-one-content jackknife's standard error around ``value``, clipped to ``limits``
    (to be marked with ``few_contents``); for a mean over contents that is the plain t interval.
    ``note`` is added to the method. Resamples without a value are dropped and counted. There is
    no interval where a jackknife sees no spread at all: that few contents agree proves nothing.
    """
    if n_contents < 2:
        return Interval(None, None, "no interval: one content")
    if n_contents >= FEW_CONTENTS:
        counts = draw_counts(n_contents, seed)
        method = f"percentile bootstrap over {n_contents} contents, B={RESAMPLES}, seed {seed}"
    else:
        counts = 1 - np.eye(n_contents, dtype=np.uint16)
        method = f"jackknife t interval over {n_contents} contents"
    with np.errstate(divide="ignore", invalid="ignore"):  # undefined replicates are counted
        replicates = replicate(counts)
    valid = replicates[np.isfinite(replicates)]
    if len(valid) < max(2, len(replicates) / 2):
        return Interval(None, None, "no interval: too few resamples have a value")
    if n_contents < FEW_CONTENTS and not varies(valid):
        why = f"the value is the same whichever of {n_contents} contents is left out"
        return Interval(None, None, f"no interval: {why}")
    if dropped := len(replicates) - len(valid):
        method += f", {dropped} degenerate dropped"
    method += f", {note}" if note else ""
    if n_contents >= FEW_CONTENTS:
        low, high = np.quantile(valid, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    else:
        m = len(valid)
        error = np.sqrt((m - 1) / m * np.sum((valid - valid.mean()) ** 2))
        margin = stats.t.ppf((1 + LEVEL) / 2, m - 1) * error
        low, high = np.clip((value - margin, value + margin), *limits)
    return Interval(float(low), float(high), method)


def mean_interval(by_content: np.ndarray, seed: int) -> Interval:
    """The interval of the mean of one value a content, ``[C]``."""
    return content_interval(
        float(by_content.mean()),
        lambda counts: (counts @ by_content) / counts.sum(axis=1),
        len(by_content),
        seed,
    )


def repeats_interval(values: Sequence[float], limits: tuple[float, float]) -> Interval:
    """The t interval of the mean of ``values`` of repeats that are drawn alike, within ``limits``.

    It is about the mean over all that might have been drawn from the same dataset.
    """
    if len(values) < 2:
        why = "one repeat" if values else "no repeat has a value"
        return Interval(None, None, f"no interval: {why}")
    if not varies(np.array(values)):
        return Interval(None, None, "no interval: repeats do not differ")
    n, mean = len(values), float(np.mean(values))
    margin = stats.t.ppf((1 + LEVEL) / 2, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    low, high = np.clip((mean - margin, mean + margin), *limits)
    return Interval(float(low), float(high), f"t interval over {n} repeats of this dataset")


@lru_cache(maxsize=1)  # every metric of a row's neighbors asks for the same draws
def draw_counts(n_contents: int, seed: int) -> np.ndarray:
    """How often each content is drawn in each resample, ``uint16 [RESAMPLES, n_contents]``."""
    generator = np.random.default_rng(seed)
    counts = np.empty((RESAMPLES, n_contents), np.uint16)
    for row in counts:
        row[:] = np.bincount(generator.integers(0, n_contents, n_contents), minlength=n_contents)
    counts.flags.writeable = False
    return counts


def few_contents(n_contents: int) -> tuple[str, ...]:
    """The mark of a number from fewer than FEW_CONTENTS contents."""
    return (f"few contents ({n_contents})",) if 0 < n_contents < FEW_CONTENTS else ()
