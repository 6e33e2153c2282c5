"""Detection: whether a score tells a damage from changes that nobody minds.

A deterministic model "detects" any change of a bit, so each change of a score is held against a
null: the size of the changes, |delta|, under harmless changes of other contents (dither, a shift
by a pixel, a JPEG at quality 98). The band along a mask's edge is none of them: that of a large
mask covers more than a small mask does, and a limit from it would hide all small damage. It is a
control of its own: the share of bands that is detected tells how far seams do. Scores enter
through comparisons of |delta| alone: their unit does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.protocols.intervals import content_interval

if TYPE_CHECKING:
    import pandas as pd

PERCENT = 95  # of the null that a detected change must exceed
_FEWEST = 19  # harmless changes from which that percentile can be had
# Types that a person may like as well as the pristine image: their score need not drop.
PLEASING = frozenset(
    {
        *("high-sharpen", "contrast", "denoise"),
        *("color-saturation-hsv", "color-saturation-lab"),
        *("brighten", "darken", "mean-shift"),
    }
)


@dataclass(frozen=True)
class Detections:
    """Which images a model tells from pristine ones, and how often it errs on harmless changes.

    ``detected`` is "boolean" by image id, harmless changes and controls included; <NA> where
    there is no limit. ``limits`` is by content: a |delta| above it is detected; NaN where no
    other content has a null. ``false_alarms`` is in [0, 1]. ``reason`` says why a number is
    missing, or how those that are there must be read.
    """

    detected: pd.Series
    limits: pd.Series
    false_alarms: float | None
    n_null: int
    reason: str | None = None


def is_null(observed: pd.DataFrame) -> np.ndarray:
    """Which rows make the null: harmless changes, ``bool [N]``."""
    return (observed["role"] == "harmless").to_numpy(bool)


def detections(observed: pd.DataFrame) -> Detections:
    """Hold the |delta| of every row against the null pooled over the *other* contents.

    The limit is the ⌈0.95 (n + 1)⌉-th smallest of n null changes: rounded up, as in conformal
    prediction (Vovk et al. 2005), because contents that are alike then raise at most 5 % false
    alarms however small n is. Below 19 it is the largest, which says so in ``reason``. The
    false-alarm rate is the share of null changes above the limit from the other contents.
    ``observed`` needs id, content, role, control and delta; ValueError where an id appears
    twice or a delta is not finite.
    """
    import pandas as pd

    if not observed["id"].is_unique:
        raise ValueError(f"the id {observed['id'][observed['id'].duplicated()].iloc[0]!r} is twice")
    size, null = observed["delta"].abs().to_numpy(np.float64), is_null(observed)
    if not np.isfinite(size).all():
        raise ValueError("every delta must be finite; leave out images without a score")
    names, groups = np.unique(observed["content"].to_numpy(str), return_inverse=True)
    pools = [size[null & (groups != content)] for content in range(len(names))]
    if size.any():
        limits = np.array([_limit(pool) for pool in pools])
    else:
        limits = np.full(len(names), np.nan)  # nothing can be said of a model that never moves
    limit = limits[groups]
    detected = pd.Series(size > limit, pd.Index(observed["id"]), "boolean", name="detected")
    detected[np.isnan(limit)] = pd.NA
    judged = null & ~np.isnan(limit)
    return Detections(
        detected,
        pd.Series(limits, pd.Index(names, name="content"), name="limit"),
        float((size > limit)[judged].mean()) if judged.any() else None,
        int(null.sum()),
        _reason(size, null, groups, pools),
    )


def direction(observed: pd.DataFrame, detected: pd.Series) -> pd.Series:
    """Whether a detected damage is scored as worse: 1 or 0 by id.

    NaN where it is not detected, or has one of the types that can please.
    """
    import pandas as pd

    seen = detected.reindex(observed["id"]).fillna(False).to_numpy(bool)
    please = [bool(PLEASING & set(str(types).split("+"))) for types in observed["type"]]
    drops = np.where(seen & ~np.array(please, bool), observed["delta"] > 0, np.nan)
    return pd.Series(drops, pd.Index(observed["id"]), name="direction")


def paired(observed: pd.DataFrame) -> pd.Series:
    """Raw paired accuracy by id: 1 where the score is below the pristine image's, ½ for a tie.

    Never a headline: any arbitrarily small drop counts as right here.
    """
    import pandas as pd

    values = (1 + np.sign(observed["delta"].to_numpy(np.float64))) / 2
    return pd.Series(values, pd.Index(observed["id"]), name="paired")


def rates(
    observed: pd.DataFrame, outcome: pd.Series, by: Sequence[str] = (), seed: int = 0
) -> pd.DataFrame:
    """The mean of ``outcome`` (by id, in [0, 1], missing: left out) in each cell of ``observed``.

    One row a cell of the columns ``by``, sorted: those columns, rate (NaN without an outcome),
    low and high (95 %, over contents; NaN without an interval), method, n, n_contents. Images
    weigh the same, as they do in the psychometric fit.
    """
    import pandas as pd

    values = outcome.reindex(observed["id"]).to_numpy(np.float64, na_value=np.nan)
    cells = observed[[*by, "content"]].assign(value=values)
    groups = cells.groupby(list(by), dropna=False) if by else [((), cells)]
    rows = [(*key, *_rate(cell.dropna(subset="value"), seed)) for key, cell in groups]
    table = pd.DataFrame(rows, columns=[*by, "rate", "low", "high", "method", "n", "n_contents"])
    return table.astype({"low": float, "high": float})


def _rate(cell: pd.DataFrame, seed: int) -> tuple[float, float | None, float | None, str, int, int]:
    if cell.empty:
        return np.nan, None, None, "no interval: no image", 0, 0
    by_content = cell.groupby("content")["value"]
    sums, sizes = by_content.sum().to_numpy(), by_content.size().to_numpy()
    rate = float(sums.sum() / sizes.sum())
    found = content_interval(
        rate,
        lambda counts: (counts @ sums) / (counts @ sizes),
        len(sums),
        seed,
        limits=(0, 1),
    )
    return rate, found.low, found.high, found.method, int(sizes.sum()), len(sums)


def _limit(pool: np.ndarray) -> float:
    """The 95th percentile of ``pool [n]``, rounded up; NaN where it is empty."""
    if not len(pool):
        return float("nan")
    rank = min(-(-PERCENT * (len(pool) + 1) // 100), len(pool))
    return float(np.partition(pool, rank - 1)[rank - 1])


def _reason(
    size: np.ndarray, null: np.ndarray, groups: np.ndarray, pools: Sequence[np.ndarray]
) -> str | None:
    if not size.any():
        return "no score differs from that of its pristine image"
    if not null.any():
        return "no harmless change has a score"
    if len(np.unique(groups[null])) < 2:
        return "harmless changes of one content only: it has no limit, and false alarms no rate"
    if not size[null].any():
        return "no harmless change moves the score: any change counts as detected"
    if (fewest := min(len(pool) for pool in pools)) < _FEWEST:
        return f"the limit is the largest of only {fewest} harmless changes"
    return None
