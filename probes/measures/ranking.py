"""Does a score rank the images of a group as it should? Kendall's tau-b and ordered pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

COLUMNS = ("content", "type", "tau", "accuracy", "n_pairs")


def ranked(rows: pd.DataFrame) -> pd.DataFrame:
    """Each group of ``rows`` with its agreement: COLUMNS, one row a group.

    ``rows`` have group, content, type (alike in a group), truth and score (higher is better).
    ``tau`` is Kendall's tau-b, ``accuracy`` the share of pairs with different truths that the
    scores order in the same way, a tie being half. Groups without such a pair are left out. Where
    all scores of a group tie, tau-b is 0/0: it counts as 0, since to say nothing must not pay.
    """
    found = []
    for _, group in rows.dropna(subset=["score"]).groupby("group"):
        truth, score = group["truth"].to_numpy(float), group["score"].to_numpy(float)
        first, second = np.triu_indices(len(truth), 1)
        expected = np.sign(truth[first] - truth[second])
        differ = expected != 0
        if not differ.any():
            continue
        given = np.sign(score[first] - score[second])
        agreed = (1 + expected[differ] * given[differ]) / 2
        tau = kendalltau(truth, score).statistic if given.any() else 0.0
        one = group.iloc[0]
        found.append((one["content"], one["type"], tau, agreed.mean(), int(differ.sum())))
    return pd.DataFrame(found, columns=list(COLUMNS))
