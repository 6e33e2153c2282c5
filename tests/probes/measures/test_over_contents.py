"""Means and ratios over contents, against plain loops."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.protocols.intervals import RESAMPLES
from probes.measures.over_contents import (
    COLUMNS,
    SHARE,
    content_means,
    mean,
    near_zero,
    ratio,
    summarize,
)


def rows_of(n_contents: int, seed: int = 0) -> pd.DataFrame:
    """Unequal numbers of ladders and samples, so that the order of averaging matters."""
    generator = np.random.default_rng(seed)
    rows = [
        {"content": f"c{c:02}", "type": kind, "bottom": 1 + c % 3 + generator.normal(0, 0.3)}
        for c in range(n_contents)
        for kind in ("blur", "jpeg", "noise")[: 1 + c % 3]
        for _ in range(1 + (c + len(kind)) % 3)
    ]
    table = pd.DataFrame(rows)
    return table.assign(top=0.4 * table["bottom"] + generator.normal(0, 0.2, len(table)))


def loop_means(rows: pd.DataFrame, column: str) -> list[float]:
    """Over samples of a ladder, then over ladders, with loops."""
    found = []
    for content in sorted(set(rows["content"])):
        ladders: dict[str, list[float]] = {}
        for _, row in rows[rows["content"] == content].iterrows():
            ladders.setdefault(row["type"], []).append(row[column])
        found.append(float(np.mean([np.mean(values) for values in ladders.values()])))
    return found


def loop_bootstrap(top: list[float], bottom: list[float], seed: int) -> tuple[float, float]:
    generator, found = np.random.default_rng(seed), []
    for _ in range(RESAMPLES):
        drawn = generator.integers(0, len(top), len(top))
        found.append(sum(top[i] for i in drawn) / sum(bottom[i] for i in drawn))
    low, high = np.percentile(found, [2.5, 97.5])
    return low, high


def test_a_ratio_is_that_of_the_sums_over_contents_and_resampled_together() -> None:
    rows = rows_of(25)
    top, bottom = loop_means(rows, "top"), loop_means(rows, "bottom")
    found = ratio(rows, ["type"], 3, "the drop")
    assert found.value == pytest.approx(sum(top) / sum(bottom))
    assert (found.low, found.high) == pytest.approx(loop_bootstrap(top, bottom, 3))
    assert (found.n_contents, found.n, found.n_expected) == (25, len(rows), len(rows))
    assert found.reason is None
    assert "bootstrap over 25 contents" in str(found.method)


def test_a_mean_weighs_each_content_the_same() -> None:
    rows = rows_of(25)
    values = loop_means(rows, "top")
    found = mean(rows, "top", ["type"], 3)
    assert found.value == pytest.approx(np.mean(values))
    assert (found.low, found.high) == pytest.approx(loop_bootstrap(values, [1.0] * 25, 3))


def test_few_contents_get_the_t_interval_clipped_to_what_is_possible() -> None:
    rows = rows_of(6)
    values = loop_means(rows, "top")
    margin = stats.sem(values) * stats.t.ppf(0.975, 5)
    found = mean(rows, "top", ["type"], 0)
    assert (found.low, found.high) == pytest.approx(
        (np.mean(values) - margin, np.mean(values) + margin)
    )
    shares = rows.assign(top=[float(c != "c00") for c in rows["content"]])
    found = mean(shares, "top", ["type"], 0, SHARE)
    assert found.value == pytest.approx(5 / 6)
    assert found.high == 1


def test_what_has_no_score_is_expected_and_not_scored() -> None:
    rows = rows_of(25)
    known = rows[rows.index % 4 != 0]
    holes = rows.assign(top=rows["top"].where(rows.index % 4 != 0))
    found, alone = (ratio(r, ["type"], 0, "the drop") for r in (holes, known))
    assert (found.value, found.low, found.high) == (alone.value, alone.low, alone.high)
    assert (found.n, found.n_expected) == (len(known), len(rows))
    assert ratio(rows.assign(bottom=np.nan), ["type"], 0, "the drop").reason == "no score"
    nothing = mean(rows.iloc[:0], "top", ["type"], 0)
    assert (nothing.value, nothing.n_expected, nothing.reason) == (None, 0, "no sample")


def test_a_mean_that_may_be_zero_is_told() -> None:
    noise = np.random.default_rng(0).normal(0, 1, 30)
    assert near_zero(noise - noise.mean(), 0) == "cannot be told from 0"
    assert near_zero(noise + 5, 0) is None
    assert near_zero(noise - 5, 0) is None
    assert near_zero(np.zeros(8), 0) == "cannot be told from 0"
    assert near_zero(np.ones(8), 0) is None  # all contents agree: there is no interval
    assert near_zero(np.array([1.0]), 0) == "is of one content: it cannot be told from 0"


def test_a_table_has_one_row_a_group_and_numbers_where_there_are_some() -> None:
    rows = rows_of(25)
    table = summarize(rows, ["type"], lambda part: mean(part, "top", [], 0))
    assert tuple(table.columns) == ("type", *COLUMNS)
    assert table["type"].tolist() == ["blur", "jpeg", "noise"]
    jpeg = content_means(rows[rows["type"] == "jpeg"], ["top"], [])["top"]
    assert table["value"][1] == pytest.approx(jpeg.mean())
    empty = summarize(rows.iloc[:0], [], lambda part: mean(part, "top", [], 0))
    assert len(empty) == 1
    assert np.isnan(empty["value"][0])
    assert summarize(rows.iloc[:0], ["type"], lambda part: mean(part, "top", [], 0)).empty
