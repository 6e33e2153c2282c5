"""Ranking within groups against SciPy and by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from probes.measures.ranking import COLUMNS, ranked


def frame(groups: dict[str, tuple[list[float], list[float]]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            (name, f"content {name}", "blur", truth, score)
            for name, (truths, scores) in groups.items()
            for truth, score in zip(truths, scores, strict=True)
        ],
        columns=["group", "content", "type", "truth", "score"],
    )


def test_each_group_has_the_tau_of_scipy_and_its_share_of_ordered_pairs() -> None:
    rng = np.random.default_rng(0)
    groups = {
        name: (rng.integers(0, 5, 12).tolist(), rng.integers(0, 5, 12).tolist()) for name in "abcd"
    }
    found = ranked(frame(groups)).set_index("content")
    for name, (truths, scores) in groups.items():
        row = found.loc[f"content {name}"]
        assert row["tau"] == pytest.approx(kendalltau(truths, scores).statistic)
        outcomes = [
            0.5 if scores[i] == scores[j] else (truths[i] < truths[j]) == (scores[i] < scores[j])
            for i, j in combinations(range(12), 2)
            if truths[i] != truths[j]
        ]
        assert row["accuracy"] == pytest.approx(np.mean(outcomes))
        assert row["n_pairs"] == len(outcomes)


def test_order_reversal_and_silence() -> None:
    truths = [-1.0, -2.0, -3.0]
    groups = {
        "right": (truths, [3.0, 2.0, 1.0]),
        "wrong": (truths, [1.0, 2.0, 3.0]),
        "mute": (truths, [7.0] * 3),
    }
    found = ranked(frame(groups)).set_index("content")
    assert found["tau"].to_dict() == {"content right": 1, "content wrong": -1, "content mute": 0}
    assert found["accuracy"].tolist() == [0.5, 1, 0]  # mute, right, wrong


def test_what_has_no_pair_is_left_out() -> None:
    groups = {"one": ([1.0, 2.0], [5.0, np.nan]), "equal": ([1.0, 1.0], [1.0, 2.0])}
    found = ranked(frame(groups))
    assert found.empty
    assert tuple(found.columns) == COLUMNS
