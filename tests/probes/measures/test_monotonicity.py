"""Monotonicity along severity and area, on models whose answer is known."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from harness.protocols.intervals import RESAMPLES
from probes.measures.monotonicity import monotonicity

ALONG = ("severity", "area")
MASKS = [("rectangle", "center"), ("ellipse", "edge")]


def probes(model: Callable[..., float], n_contents: int = 24) -> pd.DataFrame:
    """Three severities × areas 1/16 and 1/4 in two masks, 1/2 in one, and the whole image."""
    cells = [(area, mask) for area in (1 / 16, 1 / 4) for mask in MASKS]
    cells += [(1 / 2, MASKS[0]), (1.0, ("whole", "whole"))]
    rows = [
        {
            "content": f"c{c:02}",
            "role": "probe",
            "ladder": "plain",
            "type": kind,
            "n": 1,
            "severity": severity,
            "area": area,
            "shape": mask[0] if area < 1 / 2 else "any",
            "placement": mask[1] if area < 1 / 2 else "any",
            "mask": None if area == 1 else f"{mask[0]}-seed-{c}",
            "delta": model(c, kind, severity, area, mask[0]),
        }
        for c in range(n_contents)
        for kind in ("blur", "jpeg")
        for severity in (1.0, 3.0, 5.0)
        for area, mask in cells
    ]
    return pd.DataFrame(rows)


def only(table: pd.DataFrame) -> pd.Series:
    assert len(table) == 1
    return table.iloc[0]


def noise(seed: int) -> Callable[..., float]:
    generator = np.random.default_rng(seed)
    return lambda *cell: generator.normal()


@pytest.mark.parametrize("along", ALONG)
@given(power=st.floats(0.2, 3), base=st.floats(-5, 5), scale=st.floats(0.01, 100))
@settings(max_examples=10, deadline=None)
def test_strict_models_and_a_constant(along: str, power: float, base: float, scale: float) -> None:
    def rising(c: int, kind: str, severity: float, area: float, shape: str) -> float:
        return base + scale * (1 + c) * (severity * area) ** power

    falls = probes(rising, n_contents=3)
    rises, same = falls.assign(delta=-falls["delta"]), falls.assign(delta=base)
    values = [only(monotonicity(t, along, 0))["value"] for t in (falls, rises, same)]  # type: ignore[arg-type]
    assert values == [1, 0, 0.5]


def test_a_ladder_is_kendalls_tau() -> None:
    observed = probes(noise(0), n_contents=1)
    mask = observed[(observed["shape"] == "ellipse") & (observed["area"] == 1 / 4)]
    mask = mask[mask["type"] == "blur"]
    tau = kendalltau(mask["severity"], mask["delta"]).statistic
    assert only(monotonicity(mask, "severity", 0))["value"] == pytest.approx((tau + 1) / 2)


def test_a_random_model_is_at_one_half_within_its_interval() -> None:
    for along in ALONG:
        row = only(monotonicity(probes(noise(4)), along, 0))  # type: ignore[arg-type]
        assert row["low"] < 0.5 < row["high"]
        assert 0.4 < row["value"] < 0.6


def test_which_pairs_are_compared() -> None:
    observed = probes(noise(0), n_contents=2)
    # Per content and type: 6 cells × 3 pairs of severities.
    assert only(monotonicity(observed, "severity", 0))["n"] == 2 * 2 * 6 * 3
    # A rectangle goes 1/16, 1/4, 1/2, 1: 6 pairs; an ellipse 1/16, 1/4, 1: 3 pairs.
    assert only(monotonicity(observed, "area", 0))["n"] == 2 * 2 * 3 * (6 + 3)


def test_ladders_that_end_with_the_same_image_compare_it_once() -> None:
    observed = probes(noise(0), n_contents=2)
    again = observed[observed["area"] == 1].assign(mask="other")
    twice = pd.concat([observed, again], ignore_index=True)
    for along in ALONG:
        found = monotonicity(twice, along, 0)  # type: ignore[arg-type]
        pd.testing.assert_frame_equal(found, monotonicity(observed, along, 0))  # type: ignore[arg-type]


def test_another_mask_is_no_rung_of_the_ladder() -> None:
    """The ellipses are worse wherever they are: comparing across masks would show disorder."""
    observed = probes(lambda c, kind, s, a, shape: a + 10 * (shape == "ellipse") + 20 * (a == 1))
    assert only(monotonicity(observed, "area", 0))["value"] == 1
    assert only(monotonicity(observed, "severity", 0))["value"] == 0.5


def test_what_nobody_sees_counts_and_two_pristine_images_are_no_pair() -> None:
    """At severities 1 and 3 the rectangles of 1/16 are pristine, at severity 5 they gain."""
    observed = probes(lambda c, kind, s, a, shape: 0.0, n_contents=3)
    small = (observed["area"] == 1 / 16) & (observed["shape"] == "rectangle")
    same = small & (observed["severity"] < 5)
    observed = observed[small].assign(
        delta=np.where(same, 0.0, -1.0)[small],
        visible=np.where(same, "no", "yes")[small],
        changed=np.where(same, "no", "yes")[small],
    )
    row = only(monotonicity(observed, "severity", 0))
    # Per content and type 1 < 5 and 3 < 5, both the wrong way round; 1 < 3 are one image.
    assert (row["value"], row["n"], row["n_expected"]) == (0, 3 * 2 * 2, 3 * 2 * 2)
    hidden = observed.assign(changed="yes")
    row = only(monotonicity(hidden, "severity", 0))
    assert (row["value"], row["n"]) == (pytest.approx(1 / 6), 3 * 2 * 3)


def test_by_type_and_placement() -> None:
    observed = probes(lambda c, kind, s, a, shape: s * (1 if kind == "blur" else -1))
    table = monotonicity(observed, "severity", 0, by=("type",)).set_index("type")
    assert table["value"].to_dict() == {"blur": 1, "jpeg": 0}
    table = monotonicity(observed, "area", 0, by=("placement",))
    assert table["placement"].tolist() == ["any", "center", "edge"]
    assert (table["value"] == 0.5).all()


def test_against_a_plain_loop() -> None:
    observed = probes(noise(5), n_contents=21)
    observed = observed.assign(delta=observed["delta"].round(0))  # with ties
    row = only(monotonicity(observed, "severity", 3))
    by_content = []
    for _, content in observed.groupby("content"):
        ladders = []
        for _, ladder in content.groupby(["type", "area", "mask"], dropna=False):
            drops = ladder.sort_values("severity")["delta"].tolist()
            ladders.append(np.mean([(b > a) + (b == a) / 2 for a, b in combinations(drops, 2)]))
        by_content.append(np.mean(ladders))
    generator = np.random.default_rng(3)
    found = [
        np.mean([by_content[i] for i in generator.integers(0, 21, 21)]) for _ in range(RESAMPLES)
    ]
    assert row["value"] == pytest.approx(np.mean(by_content))
    assert [row["low"], row["high"]] == pytest.approx(np.percentile(found, [2.5, 97.5]))


def test_without_two_rungs_or_scores_there_is_no_number() -> None:
    observed = probes(noise(0), n_contents=3)
    flat = observed[observed["severity"] == 3]
    row = only(monotonicity(flat, "severity", 0))
    assert np.isnan(row["value"])
    assert row["reason"] == "no sample"
    failed = observed.assign(delta=np.nan)
    assert only(monotonicity(failed, "area", 0))["reason"] == "no score"
    one = observed.assign(delta=observed["delta"].mask(observed["severity"] == 3))
    row = only(monotonicity(one, "severity", 0))
    assert row["n"] * 3 == row["n_expected"]


def test_one_content_has_a_value_and_no_interval() -> None:
    row = only(monotonicity(probes(noise(1), n_contents=1), "area", 0))
    assert 0 <= row["value"] <= 1
    assert np.isnan(row["low"])
    assert row["method"] == "no interval: one content"
