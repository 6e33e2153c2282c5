"""Errors pooled over the image: what theory says of a mean and of the worst patch comes out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from scipy import stats

from harness.sample import Dataset, Sample
from tests.probes.known.conftest import (
    AREAS,
    CONTENTS,
    PLACED,
    PROPORTIONAL,
    Rows,
    fraction,
    index,
    inside,
    mse,
    of,
)
from tests.probes.known.known_models import BLOCK, CAP, SIDE

RowsOf = Callable[..., Rows]


def limits(probes: Dataset) -> dict[str, float]:
    """What the mean squared error must exceed, by content: the null of the others, in order."""
    null = defaultdict(list)
    for s in probes.samples:
        if s.fact("role") == "harmless":
            # A shift moves both pictures of a full-reference model.
            null[s.content].append(0.0 if s.fact("harmless") == "shift" else mse(s))
    found = {}
    for content in null:
        others = [value for c in null if c != content for value in null[c]]
        # At most one in twenty is above it, of these and of one more that is above all.
        above = {value: 1 + sum(other > value for other in others) for value in others}
        found[content] = min(v for v in others if 20 * above[v] <= len(others) + 1)
    return found


# The mean squared error ----------------------------------------------------------------------


def test_what_is_proportional_to_area_has_the_index_of_that(rows_of: RowsOf) -> None:
    rows = rows_of("everywhere")
    assert rows.agrees("lsi", "all", PROPORTIONAL, width=0.005)
    for type in ("white-noise", "darken"):  # but for the luck of the noise nothing varies
        assert rows.agrees("lsi", f"type={type}", PROPORTIONAL, width=0.005)
    for area in AREAS[:-1]:
        assert rows.value("response_ratio", f"area={area}") == pytest.approx(
            fraction(area), rel=0.02
        )
    assert rows.value("ordered_by_area") == 1
    assert rows.value("ordered_by_severity") == 1
    assert rows.value("direction", "area=1") == 1


def test_it_detects_just_what_exceeds_the_null_of_other_contents(
    rows_of: RowsOf, probes: Dataset
) -> None:
    rows, limit = rows_of("everywhere"), limits(probes)
    for ladder, area in product(("plain", "equal-energy"), AREAS):
        found = [mse(s) > limit[s.content] for s in of(probes, area, role="probe", ladder=ladder)]
        where = f"area={area}" if ladder == "plain" else f"ladder={ladder} area={area}"
        assert rows("detected", where)["n_scored"] == len(found) > 0
        assert rows.value("detected", where) == pytest.approx(np.mean(found))
    assert 0 < rows.value("detected", "area=1/64") < rows.value("detected", "area=1") <= 1
    assert rows.value("false_alarms") <= 0.1


def test_its_threshold_is_where_its_error_leaves_the_null(rows_of: RowsOf, probes: Dataset) -> None:
    rows, limit = rows_of("everywhere"), limits(probes)
    areas = defaultdict(list)  # at which the error is that of the limit, had every mask its own
    for s in of(probes, "1", role="probe", ladder="plain"):
        damage = s.damages[0]
        areas[damage.type, damage.severity].append(limit[s.content] / mse(s))
    kinds = set()
    for (type, severity), theory in areas.items():
        row = rows("threshold", f"type={type} severity={severity:g}")
        if min(theory) > 1:
            kinds.add("never")
            assert row["reason"].startswith("never")
        elif max(theory) < 1 / 64:
            kinds.add("below")
            assert row["reason"].startswith("< 1/64")
        else:
            kinds.add("between")
            low = 0.0 if row["ci_low"] is None else row["ci_low"]
            high = np.inf if row["ci_high"] is None else row["ci_high"]
            assert low <= np.median(theory) <= high
    assert kinds == {"below", "between"}


def test_equal_energy_is_equal_response(rows_of: RowsOf) -> None:
    rows, worst = rows_of("everywhere"), rows_of("worst-patch")
    for area in AREAS[:-1]:
        where = f"ladder=equal-energy area={area}"
        assert rows.value("response_ratio", where) == pytest.approx(1, abs=0.05)
        # In a part of the image the same energy is so much more of local damage.
        assert worst.value("response_ratio", where) == pytest.approx(1 / fraction(area), rel=0.25)


def test_disjoint_regions_add_up_and_a_band_is_what_it_covers(
    rows_of: RowsOf, probes: Dataset
) -> None:
    rows, plain = rows_of("everywhere"), {s.id: s for s in probes.samples}
    assert rows.value("complement_share") == pytest.approx(1, abs=1e-9)
    for area in PLACED:
        assert rows.value("complement_share", f"area={area}") == pytest.approx(1, abs=1e-9)
        shares = [
            inside(s).mean() / inside(plain[s.id.replace("/band/", "/plain/")]).mean()
            for s in of(probes, area, role="control", control="band")
        ]
        # Twice the t interval of a plain mean: in a ratio of sums some contents weigh more.
        half = stats.t.ppf(0.975, CONTENTS - 1) * np.std(shares) / np.sqrt(CONTENTS)
        assert rows.agrees("band_share", f"area={area}", float(np.mean(shares)), width=4 * half)
    assert rows.value("band_share", "area=1/4") < 0.25
    # What takes the worst patch takes the band for half of the damage, or for more.
    assert rows_of("worst-patch").value("band_share") > 1.5 * rows.value("band_share")


# The mean PSNR of blocks -----------------------------------------------------------------------


def lost(mask: np.ndarray, error: float) -> float:
    """dB below the cap, a mean over blocks, where ``error`` is the MSE inside the mask."""
    n = SIDE // BLOCK
    shares = mask.reshape(n, BLOCK, n, BLOCK).mean(axis=(1, 3))
    touched = shares[shares > 0]
    return float(np.maximum(CAP - 10 * np.log10(255**2 / (error * touched)), 0).sum() / n**2)


@pytest.mark.parametrize("ladder", ["plain", "equal-damage"])
def test_a_mean_of_local_psnr_counts_the_blocks_that_are_touched(
    rows_of: RowsOf, probes: Dataset, ladder: str
) -> None:
    """R(a) is the share of touched blocks, weighted by their drop: from the masks, and the error of
    the full frame, alone."""
    rows, by_ladder = rows_of("local-psnr"), defaultdict[tuple[object, ...], list[Sample]](list)
    for s in of(probes, role="probe", ladder=ladder):
        damage = s.damages[0]
        severity = damage.severity if ladder == "plain" else None  # which is set at each area
        by_ladder[s.content, damage.type, severity].append(s)
    drops = defaultdict[str, list[float]](list)
    for samples in by_ladder.values():
        (full,) = (s for s in samples if s.damages[0].area_asked == 1)
        here = {
            area: [
                lost(inside(s), mse(full))
                for s in samples
                if s.damages[0].area_asked == fraction(area)
            ]
            for area in AREAS
        }
        if all(here.values()):
            for area, values in here.items():
                drops[area].append(float(np.mean(values)))
    ratios = [sum(drops[area]) / sum(drops["1"]) for area in AREAS]
    for area, ratio in zip(AREAS[:-1], ratios[:-1], strict=True):
        subset = f"area={area}" if ladder == "plain" else f"ladder={ladder} area={area}"
        assert rows.agrees("response_ratio", subset, ratio, width=0.08)
        assert rows.value("response_ratio", subset) == pytest.approx(ratio, rel=0.04)
        assert ratio > fraction(area)  # a block at the edge has lost more than its share
    assert ratios[-2] == pytest.approx(1 / 2, rel=0.25)
    if ladder == "plain":
        assert rows.agrees("lsi", "all", index(ratios), width=0.02)


# The worst patch -----------------------------------------------------------------------------


def test_the_worst_patch_is_blind_to_extent(rows_of: RowsOf) -> None:
    rows = rows_of("worst-patch")
    assert 0.97 < rows.value("lsi", "type=darken") <= 1  # nearly alike wherever it is
    assert 0.8 < rows.value("lsi", "type=white-noise") < 1  # more patches, greater extremes
    for type in ("darken", "white-noise"):
        assert rows("threshold", f"type={type} severity=5")["reason"].startswith("< 1/64")
    by_area = [rows.value("detected", f"area={area}") for area in AREAS]
    assert by_area == pytest.approx([by_area[-1]] * len(AREAS), abs=0.15)
    assert rows_of("everywhere").value("detected", "area=1/64") < by_area[-1] - 0.15
