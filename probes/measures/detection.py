"""Detection: whether a score tells a damage from changes that nobody minds.

A deterministic model "detects" any change of a bit, so each change of a score is held against a
null: the size of the changes, |delta|, under harmless changes of other contents (dither, a shift
by a pixel, a JPEG at quality 98). The band along a mask's edge is none of them: that of a large
mask covers more than a small mask does, and a limit from it would hide all small damage. It is a
control of its own: the share of bands that is detected tells how far seams do. Scores enter
through comparisons of |delta| alone: their unit does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from harness.protocols.intervals import FEW_CONTENTS, Replicate, content_interval

from .null import Null, null_of, remark

if TYPE_CHECKING:
    import pandas as pd

_Rate = tuple[float, float | None, float | None, str, int, int]  # as the columns of ``rates``
_NO_RATE: _Rate = (np.nan, None, None, "no interval: no image", 0, 0)
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


def detections(observed: pd.DataFrame) -> Detections:
    """Hold the |delta| of every row against the null pooled over the *other* contents.

    The limit is the ⌈0.95 (n + 1)⌉-th smallest of n null changes, rounded up as in conformal
    prediction (Vovk et al. 2005). At most 5 % false alarms follow from that only where changes
    are exchangeable; those of one content are alike, so that with few contents there can be
    more. ``reason`` says so where fewer than 19 contents make a limit, or fewer than 19 changes,
    of which it is the largest. The false-alarm rate is the share of null changes above the limit
    from the other contents; its interval, or the rate by kind, is ``detection_rates`` of them.
    ``observed`` needs id, content, role and delta; ValueError where an id appears twice or a
    delta is not finite.
    """
    import pandas as pd

    if not observed["id"].is_unique:
        raise ValueError(f"the id {observed['id'][observed['id'].duplicated()].iloc[0]!r} is twice")
    null, size = null_of(observed), observed["delta"].abs().to_numpy(np.float64)
    (limits,), (alarms,) = null.judged(np.ones((1, len(null.names))))
    limit = limits[null.places(observed)]
    detected = pd.Series(size > limit, pd.Index(observed["id"]), "boolean", name="detected")
    detected[np.isnan(limit)] = pd.NA
    return Detections(
        detected,
        pd.Series(limits, pd.Index(null.names, name="content"), name="limit"),
        None if np.isnan(alarms) else float(alarms),
        len(null.sizes),
        remark(null),
    )


def detection_rates(
    observed: pd.DataFrame, cells: pd.DataFrame, by: Sequence[str] = (), seed: int = 0
) -> pd.DataFrame:
    """The share detected in each cell of ``cells``, rows of ``observed``, which has all the null.

    Columns as of ``rates``. The limits are found anew in every replicate: a content that is left
    out, or drawn twice, is so with its harmless changes, on which the limits of all others rest.
    Where a cell has fewer than FEW_CONTENTS contents, the contents beyond it are dealt out to
    those in it and left out with them (a delete-a-group jackknife, Kott 2001): the t interval
    then has no more degrees of freedom than the cell has contents. Rows without a delta or a
    limit are left out. Nulls as ``cells`` give the false alarms, by "harmless" those of a kind.
    A limit is an extreme, whose spread few contents hardly show: where contents differ much in
    their null, these intervals cover less than 95 % (80 to 95 % in simulations).
    ValueError where ``cells`` has a content that ``observed`` lacks.
    """
    null = null_of(observed)
    place, limits = null.places(cells), null.limits(np.ones((1, len(null.names))))[0]
    size = np.where(np.isnan(limits[place]), np.nan, cells["delta"].abs())
    rows = cells.assign(value=size, place=place)
    return _by_cell(rows, by, partial(_detection_rate, null=null, seed=seed))


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
    weigh the same, as they do in the psychometric fit. Outcomes are held fixed: for detections,
    which rest on the other contents, see ``detection_rates``.
    """
    values = outcome.reindex(observed["id"]).to_numpy(np.float64, na_value=np.nan)
    return _by_cell(observed.assign(value=values), by, partial(_rate, seed=seed))


def _by_cell(
    rows: pd.DataFrame, by: Sequence[str], rate: Callable[[pd.DataFrame], _Rate]
) -> pd.DataFrame:
    import pandas as pd

    groups = rows.groupby(list(by), dropna=False) if by else [((), rows)]
    found = [(*key, *rate(cell.dropna(subset="value"))) for key, cell in groups]
    table = pd.DataFrame(found, columns=[*by, "rate", "low", "high", "method", "n", "n_contents"])
    return table.astype({"low": float, "high": float})


def _rate(cell: pd.DataFrame, seed: int) -> _Rate:
    if cell.empty:
        return _NO_RATE
    by_content = cell.groupby("content")["value"]
    sums, sizes = by_content.sum().to_numpy(), by_content.size().to_numpy()
    return _with_interval(
        lambda counts: (counts @ sums) / (counts @ sizes), len(sums), len(cell), len(sums), seed
    )


def _detection_rate(cell: pd.DataFrame, null: Null, seed: int) -> _Rate:
    if cell.empty:
        return _NO_RATE
    here, index = np.unique(cell["place"].to_numpy(), return_inverse=True)
    values = cell["value"].to_numpy()
    sizes = [values[index == i] for i in range(len(here))]
    unit = np.arange(len(null.names))  # that a content is drawn with
    if len(here) < FEW_CONTENTS:
        beyond = np.setdiff1d(unit, here)
        unit[here] = np.arange(len(here))
        unit[beyond] = np.arange(len(beyond)) % len(here)

    def replicate(counts: np.ndarray) -> np.ndarray:
        counts = counts[:, unit]
        limits = null.limits(counts)[:, here]
        weights = counts[:, here] * ~np.isnan(limits)
        hits = [(size > limits[:, [i]]).sum(axis=1) for i, size in enumerate(sizes)]
        images = weights @ [len(size) for size in sizes]
        return (weights * np.transpose(hits)).sum(axis=1) / images

    note = "limits found anew"
    return _with_interval(replicate, int(unit.max()) + 1, len(cell), len(here), seed, note)


def _with_interval(
    replicate: Replicate, n_units: int, n: int, n_contents: int, seed: int, note: str = ""
) -> _Rate:
    rate = float(replicate(np.ones((1, n_units), np.uint16))[0])
    found = content_interval(rate, replicate, n_units, seed, limits=(0, 1), note=note)
    return rate, found.low, found.high, found.method, n, n_contents
