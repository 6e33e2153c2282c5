"""Does the score fall as damage becomes more severe, or covers more of the image?

The share of pairs of images that are in the expected order, ties counting one half: 1 for a model
whose score always falls, 0 for one whose score always rises, 0.5 for a constant. Within a ladder
it is (Kendall's tau-a + 1) / 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from .over_contents import SHARE, mean, summarize
from .response import ladders

_OTHER = {"severity": "area", "area": "severity"}


def monotonicity(
    observed: pd.DataFrame, along: Literal["severity", "area"], seed: int, by: Sequence[str] = ()
) -> pd.DataFrame:
    """The share of ordered pairs along severities of one mask, or areas of one severity.

    Of single damages in plain ladders. ``observed`` has a column ``mask``: a text that the nested
    masks of one ladder share; an image that is damaged all over stands at the end of all of its
    content, type and severity. Means are over the pairs of a ladder, its content's ladders, and
    contents. Two images that are both bitwise pristine (``changed`` "no", where told) are one image
    and no pair. One row, or one for each group of ``by`` (of two areas, ``by`` sees the smaller):
    see ``summarize``. ``n`` counts pairs of images.
    """
    rows = ladders(observed)
    pairs = _pairs(rows[rows["n"] == 1], along)
    ladder = ("type", _OTHER[along], "mask")
    return summarize(pairs, by, lambda part: mean(part, "ordered", ladder, seed, SHARE))


def ordered(less: pd.Series, more: pd.Series) -> np.ndarray:
    """1 where ``more`` is above ``less``, 0 where below, 0.5 in a tie, NaN where one is NaN."""
    return (np.sign((more - less).to_numpy(float)) + 1) / 2


def _pairs(rows: pd.DataFrame, along: Literal["severity", "area"]) -> pd.DataFrame:
    """Every two rows of a ladder of which the second is further along."""
    cell = ["content", "type", "severity", "area", "mask"]
    whole = rows["area"] == 1
    # Ladders that differ in their masks alone end with one image.
    rows = rows.assign(mask=rows["mask"].mask(whole, "whole")).drop_duplicates(cell)
    rows = rows.assign(same=rows["changed"] == "no" if "changed" in rows else False)
    fixed = ["content", "type", _OTHER[along]]
    further = rows[[*fixed, along, "mask", "delta", "same"]]
    pairs = rows.merge(further, on=fixed, suffixes=("", "_more"))
    pairs = pairs[(pairs[along] < pairs[f"{along}_more"]) & ~(pairs["same"] & pairs["same_more"])]
    pairs = pairs[(pairs["mask"] == pairs["mask_more"]) | (pairs["mask_more"] == "whole")]
    return pairs.assign(ordered=ordered(pairs["delta"], pairs["delta_more"]))
