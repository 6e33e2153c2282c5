"""R(a) and the localized sensitivity index on models whose answer is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid

from harness.protocols.intervals import RESAMPLES
from probes.measures.response import (
    AREAS,
    index_weights,
    proportional_index,
    response_curve,
    sensitivity_index,
)

Model = Callable[[int, str, float, float], float]  # content, type, severity, area → Δ
DEMO_AREAS = (1 / 64, 1 / 16, 1 / 4, 1.0)
BY_HAND = (1 / 128 + 1 / 32 + 1 / 16 + 1 / 8 + 1 / 4 + 1 / 2 + 1 / 2) / 6


def probes(
    model: Model, n_contents: int = 24, areas: Sequence[float] = AREAS, types: str = "blur jpeg"
) -> pd.DataFrame:
    """Ladders of two severities; two masks up to area 1/4, one at 1/2."""
    rows = []
    for c in range(n_contents):
        for kind in types.split():
            for severity in (2.0, 4.0):
                for area in areas:
                    masks = [("rectangle", "center"), ("ellipse", "edge")][: 1 + (area <= 1 / 4)]
                    for shape, placement in masks if area < 1 else [("whole", "whole")]:
                        rows.append(
                            {
                                "content": f"c{c:02}",
                                "role": "probe",
                                "ladder": "plain",
                                "type": kind,
                                "n": 1,
                                "severity": severity,
                                "area": area,
                                "shape": shape,
                                "placement": placement,
                                "delta": model(c, kind, severity, area),
                            }
                        )
    return pd.DataFrame(rows)


def scaled(shape: Callable[[float], float]) -> Model:
    """Δ of one shape over area, on contents, types and severities of different scale."""
    return lambda c, kind, severity, area: (1 + c % 5) * len(kind) ** 2 * severity * shape(area)


def noisy(seed: int, slope: float, spread: float = 1.0) -> Model:
    generator = np.random.default_rng(seed)
    return lambda c, kind, severity, area: slope * area + generator.normal(0, spread)


def only(table: pd.DataFrame) -> pd.Series:
    assert len(table) == 1
    return table.iloc[0]


@pytest.mark.parametrize(
    ("shape", "index"),
    [
        (lambda a: a, BY_HAND),
        (lambda a: 1.0, 1.0),
        (math.sqrt, trapezoid(np.sqrt(AREAS), np.log(AREAS)) / math.log(64)),
        (lambda a: a * a, trapezoid(np.square(AREAS), np.log(AREAS)) / math.log(64)),
    ],
)
def test_the_index_of_a_known_shape(shape: Callable[[float], float], index: float) -> None:
    observed = probes(scaled(shape))
    curve = response_curve(observed, 0)
    assert curve["area"].tolist() == list(AREAS)
    np.testing.assert_allclose(curve["value"], [shape(a) for a in AREAS])
    row = only(sensitivity_index(observed, 0))
    assert row["value"] == pytest.approx(index)
    assert row["low"] == pytest.approx(index)  # every content has the same curve
    assert (row["n"], row["n_contents"], row["reason"]) == (len(observed), 24, None)


def test_the_figures_of_theory() -> None:
    assert proportional_index() == pytest.approx(BY_HAND)
    assert abs(proportional_index() - 0.246) < 1e-3
    assert proportional_index(DEMO_AREAS) == pytest.approx((1 / 128 + 1 / 16 + 1 / 4 + 1 / 2) / 3)
    fine = np.geomspace(1 / 64, 1, 4001)
    assert proportional_index(fine.tolist()) == pytest.approx((1 - 1 / 64) / math.log(64), rel=1e-5)
    assert index_weights(AREAS).sum() == pytest.approx(1)


def test_another_grid_is_told_and_one_that_falls_short_has_no_index() -> None:
    row = only(sensitivity_index(probes(scaled(lambda a: a), areas=DEMO_AREAS), 0))
    assert row["value"] == pytest.approx(proportional_index(DEMO_AREAS))
    assert row["reason"] == "on the areas 1/64, 1/16, 1/4, 1: 0.273 if proportional to area"
    row = only(sensitivity_index(probes(scaled(lambda a: a), areas=(1 / 16, 1.0)), 0))
    assert np.isnan(row["value"])
    assert row["reason"] == "the index needs areas from 1/64 to 1, got 1/16, 1"
    with pytest.raises(ValueError, match="got none"):
        proportional_index(())


def test_a_model_of_mean_luminance_responds_to_what_darkens_only() -> None:
    observed = probes(
        lambda c, kind, s, a: (10 + c) * s * a * (kind == "darken"), types="blur darken"
    )
    table = sensitivity_index(observed, 0, by=("type",)).set_index("type")
    assert table["value"]["darken"] == pytest.approx(BY_HAND)
    assert np.isnan(table["value"]["blur"])
    assert table["reason"]["blur"] == "the drop at area 1 cannot be told from 0"
    curve = response_curve(observed, 0, by=("type",))
    assert curve[curve["type"] == "blur"]["value"].isna().all()


def test_a_random_model_has_no_index_but_by_chance() -> None:
    rows = [only(sensitivity_index(probes(noisy(s, 0), types="blur"), 0)) for s in range(60)]
    undefined = [row for row in rows if np.isnan(row["value"])]
    assert len(undefined) >= 51  # 95 % are expected; the binomial's 99.9 % bound
    assert all("cannot be told from 0" in row["reason"] for row in undefined)


def test_a_model_that_likes_damage_has_its_curve_and_a_remark() -> None:
    row = only(sensitivity_index(probes(scaled(lambda a: -a)), 0))
    assert row["value"] == pytest.approx(BY_HAND)
    assert row["reason"] == "the drop at area 1 is negative: damage is scored better"
    mixed = only(response_curve(probes(scaled(lambda a: a - 2 * (a < 1) * a)), 0).iloc[[0]])
    assert mixed["value"] == pytest.approx(-1 / 64)  # better in small, worse as a whole


def test_contents_count_by_their_drops() -> None:
    """The large drops of one content outweigh: a ratio of sums, not a mean of ratios."""
    big = 100.0
    observed = probes(lambda c, kind, s, a: big * a if c == 0 else 1.0, n_contents=2, types="blur")
    curve = response_curve(observed, 0).set_index("area")
    assert np.isnan(curve["value"]).all()  # two contents so unlike leave no certain drop
    observed = probes(lambda c, kind, s, a: big * a if c < 20 else 1.0, n_contents=40, types="blur")
    curve = response_curve(observed, 0).set_index("area")
    expected = (20 * big / 64 + 20) / (20 * big + 20)
    assert curve["value"][1 / 64] == pytest.approx(expected)


def test_only_ladders_that_have_both_areas_count() -> None:
    """Types of different scale: without pairing, an absent cell would bend the curve."""
    observed = probes(scaled(lambda a: a), types="blur pixelate")
    gone = (observed["type"] == "pixelate") & (observed["content"] < "c12")
    lacking = observed[~(gone & observed["area"].isin([1 / 8, 1 / 2]))]
    whole = (observed["type"] == "blur") & (observed["content"] >= "c20") & (observed["area"] == 1)
    lacking = lacking[~whole.reindex(lacking.index)]
    curve = response_curve(lacking, 0).set_index("area")
    np.testing.assert_allclose(curve["value"], AREAS)
    assert curve["n"][1 / 8] == (48 * 2 - 24 - 8) * 2
    assert only(sensitivity_index(lacking, 0))["value"] == pytest.approx(BY_HAND)


def test_a_failed_image_is_expected_and_takes_its_pairs_with_it() -> None:
    observed = probes(scaled(lambda a: a))
    failed = (observed["content"] == "c03") & (observed["area"] == 1) | (observed.index % 17 == 0)
    holes = observed.assign(delta=observed["delta"].mask(failed))
    curve = response_curve(holes, 0).set_index("area")
    np.testing.assert_allclose(curve["value"], AREAS)
    assert (curve["n_contents"] == 23).all()
    assert curve["n_expected"][1 / 64] == 24 * 2 * 2 * 2
    assert curve["n"][1 / 64] < curve["n_expected"][1 / 64]
    no_small = observed.assign(delta=observed["delta"].mask(observed["area"] == 1 / 64))
    row = only(sensitivity_index(no_small, 0))
    assert row["reason"] == "the drop at area 1, in ladders with area 1/64, is unknown"


def test_one_content_or_none_has_no_curve() -> None:
    row = only(sensitivity_index(probes(scaled(lambda a: a), n_contents=1), 0))
    assert row["reason"] == "the drop at area 1 is of one content: it cannot be told from 0"
    none = probes(scaled(lambda a: a), n_contents=1).iloc[:0]
    assert np.isnan(only(sensitivity_index(none, 0))["value"])
    assert response_curve(none, 0).empty


def test_other_ladders_controls_and_further_damages_do_not_enter() -> None:
    observed = probes(scaled(lambda a: a)).assign(visible="yes")
    others = [
        observed.assign(**{name: value}, delta=99.0)
        for name, value in (
            ("role", "control"),
            ("role", "harmless"),
            ("ladder", "equal-energy"),
            ("n", 2),
        )
    ]
    table = pd.concat([observed, *others], ignore_index=True)
    pd.testing.assert_frame_equal(response_curve(table, 0), response_curve(observed, 0))
    pd.testing.assert_frame_equal(sensitivity_index(table, 0), sensitivity_index(observed, 0))


def test_damage_that_nobody_sees_and_pristine_images_count() -> None:
    """Every other small mask lies where the damage changes nothing: R is half of its area."""
    observed = probes(scaled(lambda a: a))
    flat = (observed["placement"] == "edge") & (observed["area"] <= 1 / 4)
    observed = observed.assign(
        delta=observed["delta"].mask(flat, 0.0),
        visible=np.where(flat, "no", "yes"),
        changed=np.where(flat, "no", "yes"),
    )
    curve = response_curve(observed, 0).set_index("area")
    assert curve["n"].sum() == len(observed)
    assert curve["value"][1 / 64] == pytest.approx(1 / 128)
    assert curve["value"][1 / 2] == pytest.approx(1 / 2)
    row = only(sensitivity_index(observed, 0))
    halves = [a / 2 if a <= 1 / 4 else a for a in AREAS]
    assert row["value"] == pytest.approx(trapezoid(halves, np.log(AREAS)) / math.log(64))


def test_of_calibrated_ladders_those_with_gaps_do_not_enter() -> None:
    """The ladder of c00 cannot reach the small areas, and is read otherwise than the others."""
    observed = probes(lambda c, kind, s, a: 9.0 if c == 0 and a == 1 else 1.0)
    energy = observed.assign(ladder="equal-energy", severity=3.0)
    gap = energy["content"] == "c00"
    energy = energy.assign(
        complete=np.where(gap, "no", "yes"),
        delta=energy["delta"].mask(gap & (energy["area"] < 1 / 8)),
    )
    curve = response_curve(energy, 0, kind="equal-energy")
    assert curve["value"].tolist() == pytest.approx([1.0] * len(AREAS))
    assert (curve["n_contents"] == 23).all()
    assert (curve["n"] == curve["n_expected"]).all()


def test_calibrated_ladders_are_paired_over_their_severities() -> None:
    """At equal MSE the severity falls as the area grows: a model of the MSE does not see extent."""
    observed = probes(lambda c, kind, s, a: 3.0 + c)
    energy = observed[observed["severity"] == 4.0]
    energy = energy.assign(ladder="equal-energy", severity=4 - energy["area"])
    curve = response_curve(energy, 0, kind="equal-energy")
    assert curve["value"].tolist() == pytest.approx([1.0] * len(AREAS))
    assert curve["n"].sum() == len(energy)
    assert response_curve(energy, 0).empty


def test_the_full_frame_serves_every_placement() -> None:
    observed = probes(scaled(lambda a: a))
    corner = observed["placement"] == "edge"
    observed = observed.assign(delta=observed["delta"] * np.where(corner, 0.5, 1.0))
    curve = response_curve(observed, 0, by=("placement",)).set_index(["placement", "area"])
    assert curve["value"]["center", 1 / 8] == pytest.approx(1 / 8)
    assert curve["value"]["edge", 1 / 8] == pytest.approx(1 / 16)


def test_intervals_are_those_of_a_plain_loop() -> None:
    observed = probes(noisy(1, slope=5.0))
    curve, row = response_curve(observed, 7), only(sensitivity_index(observed, 7))
    drops = np.zeros((24, len(AREAS)))
    for c in range(24):
        for i, area in enumerate(AREAS):
            here = observed[(observed["content"] == f"c{c:02}") & (observed["area"] == area)]
            ladders = here.groupby(["type", "severity"])["delta"].mean()
            drops[c, i] = ladders.mean()
    generator, curves, indices = np.random.default_rng(7), [], []
    for _ in range(RESAMPLES):
        drawn = drops[generator.integers(0, 24, 24)].sum(axis=0)
        curves.append(drawn / drawn[-1])
        indices.append(trapezoid(curves[-1], np.log(AREAS)) / math.log(64))
    np.testing.assert_allclose(curve["value"], drops.sum(axis=0) / drops.sum(axis=0)[-1])
    np.testing.assert_allclose(curve[["low", "high"]].T, np.percentile(curves, [2.5, 97.5], axis=0))
    assert [row["low"], row["high"]] == pytest.approx(np.percentile(indices, [2.5, 97.5]))
    assert row["low"] < BY_HAND < row["high"]


@given(st.floats(1e-3, 1e3), st.sampled_from([6, 24]))
@settings(max_examples=8, deadline=None)
def test_the_unit_of_the_scores_does_not_matter(scale: float, n_contents: int) -> None:
    observed = probes(noisy(2, slope=8.0), n_contents=n_contents)
    row, other = (
        only(sensitivity_index(table, 0))
        for table in (observed, observed.assign(delta=observed["delta"] * scale))
    )
    columns = ["value", "low", "high"]
    np.testing.assert_allclose(row[columns].astype(float), other[columns].astype(float), rtol=1e-9)


@given(
    st.lists(st.floats(-2, 2), min_size=6, max_size=6),
    st.lists(st.floats(-2, 2), min_size=6, max_size=6),
    st.floats(0, 1),
)
@settings(max_examples=8, deadline=None)
def test_the_index_is_linear_in_the_curve(
    first: list[float], second: list[float], share: float
) -> None:
    def index(values: Sequence[float]) -> float:
        curve = dict(zip(AREAS, [*values, 1.0], strict=True))
        table = sensitivity_index(probes(scaled(lambda a: curve[a]), n_contents=4), 0)
        return float(only(table)["value"])

    mix = [share * a + (1 - share) * b for a, b in zip(first, second, strict=True)]
    assert index(mix) == pytest.approx(share * index(first) + (1 - share) * index(second), abs=1e-9)


def test_the_order_of_the_rows_does_not_matter() -> None:
    observed = probes(noisy(3, slope=8.0))
    mixed = observed.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(response_curve(mixed, 0), response_curve(observed, 0))
    pd.testing.assert_frame_equal(sensitivity_index(mixed, 0), sensitivity_index(observed, 0))


def test_the_index_is_the_integral_of_the_curve_where_ladders_have_unlike_numbers_of_masks() -> (
    None
):
    observed = probes(noisy(4, slope=8.0))
    thinned = observed[(np.arange(len(observed)) % 5 > 0) | (observed["area"] >= 1 / 2)]
    curve = response_curve(thinned, 0)
    row = only(sensitivity_index(thinned, 0))
    assert row["value"] == pytest.approx(index_weights(AREAS) @ curve["value"])
    assert row["n"] == curve["n"].sum() < len(observed)
