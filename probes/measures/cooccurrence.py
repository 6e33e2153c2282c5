"""Does a further damage elsewhere in the image lower the score further?

An image with two or three damages is compared with the one that has its first damage alone, so a
third damage is judged together with the second.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from .monotonicity import ordered
from .over_contents import SHARE, UNBOUNDED, means
from .response import ladders

_METRICS = {"marginal": UNBOUNDED, "lower": SHARE}


def cooccurrence(
    observed: pd.DataFrame, seed: int, by: Sequence[str] = ("damages", "area")
) -> pd.DataFrame:
    """Columns metric, ``by``, then those of ``summarize``; damages: 2 or 3; area: of the first.

    "marginal": mean over contents of response(all damages) - response(first alone), in SDs of the
    scores; "lower": the share of images that score lower than with the first alone, ties 0.5.
    ``observed`` has a column ``first``: a text that an image shares with the one that has its
    first damage alone; one without is not expected. Where that partner is missing or has no
    score, an image is expected and not scored. ``n`` counts images. Raises ValueError where two
    single damages share a text.
    """
    rows = ladders(observed).dropna(subset=["first"])
    alone = rows.loc[rows["n"] == 1, ["first", "delta", "response"]]
    if alone["first"].duplicated().any():
        twice = alone.loc[alone["first"].duplicated(), "first"].iloc[0]
        raise ValueError(f"two images have the first damage {twice!r} alone; make the text unique")
    pairs = rows[rows["n"] > 1].merge(alone, "left", "first", suffixes=("", "_alone"))
    pairs = pairs.assign(
        damages=pairs["n"],  # in the table, n counts images
        marginal=pairs["response"] - pairs["response_alone"],
        lower=ordered(pairs["delta_alone"], pairs["delta"]),
    )
    return means(pairs, _METRICS, (), seed, by)
