"""Errors pooled over the image: what theory says of a mean and of the worst patch comes out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from harness.sample import Dataset
from tests.probes.known.conftest import AREAS, PLACED, PROPORTIONAL, Rows, fraction, inside, mse, of

RowsOf = Callable[..., Rows]


def limits(probes: Dataset) -> dict[str, float]:
    """What the mean squared error must exceed, by content: the null of the others, in order."""
    null = defaultdict(list)
    for s in probes.samples:
        if s.fact("role") == "harmless":
            null[s.content].append(mse(s))
    found = {}
    for content in null:
        others = sorted(value for c in null if c != content for value in null[c])
        found[content] = others[int(np.ceil(0.95 * (len(others) + 1))) - 1]
    return found


# The mean squared error ----------------------------------------------------------------------


def test_what_is_proportional_to_area_has_the_index_of_that(rows_of: RowsOf) -> None:
    rows = rows_of("everywhere")
    assert rows.agrees("lsi", "all", PROPORTIONAL)
    for type in ("white-noise", "darken"):
        assert rows.agrees("lsi", f"type={type}", PROPORTIONAL)
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
    assert 0 < rows.value("detected", "area=1/64") < rows.value("detected", "area=1") < 1
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
    assert kinds == {"never", "below", "between"}


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
        assert rows.agrees("band_share", f"area={area}", float(np.mean(shares)))
    assert rows.value("band_share", "area=1/4") < 0.25
    # What takes the worst patch takes the band for half of the damage, or for more.
    assert rows_of("worst-patch").value("band_share") > 1.5 * rows.value("band_share")


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
