"""Models that see a part, one number, or nothing: the center, the mean luminance, chance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness import run
from harness.sample import Dataset, Sample
from tests.probes.known.conftest import AREAS, PLACED, PROPORTIONAL, Rows, inside, of
from tests.probes.known.known_models import CENTER, SIDE, Chance

RowsOf = Callable[..., Rows]


# The center ----------------------------------------------------------------------------------


def seen(sample: Sample) -> float:
    """The share of a mask that lies in the center."""
    mask = inside(sample)
    return float(mask[CENTER, CENTER].sum() / mask.sum())


def test_the_coverage_of_the_center_is_its_share(frame: pd.DataFrame) -> None:
    row = frame[(frame["protocol"] == "coverage") & (frame["dataset"] != "known")]
    (share,) = row.loc[row["metric"] == "in_view", "value"]
    assert share == (CENTER.stop - CENTER.start) ** 2 / SIDE**2 == 0.25


def test_damage_in_view_is_what_lies_in_the_center(rows_of: RowsOf, probes: Dataset) -> None:
    rows = rows_of("center")
    for area in AREAS:
        by_content = defaultdict(list)
        for s in of(probes, area, role="probe", ladder="plain"):
            by_content[s.content].append(seen(s))
        shares = [np.mean(values) for values in by_content.values()]
        assert rows.value("in_view", f"area={area}") == pytest.approx(np.mean(shares))
        n = sum(share >= 0.9 for values in by_content.values() for share in values)
        assert rows("detected_in_view", f"area={area}")["n_scored"] == n
    assert ("in_view", "area=1") not in rows_of("everywhere").found


def test_what_sees_the_center_misses_the_corners(rows_of: RowsOf, probes: Dataset) -> None:
    rows, everywhere = rows_of("center"), rows_of("worst-patch")
    for area in PLACED[:2]:
        corner, center = f"placement=corner area={area}", f"placement=center area={area}"
        assert rows.value("detected", corner) <= rows.value("false_alarms")
        assert everywhere.value("detected", corner) > 0.4
        # Of what it sees it misses no more than the same score of the whole does.
        assert rows.value("detected", center) >= everywhere.value("detected", center) - 0.1
        in_view = rows.value("detected_in_view", f"area={area}")
        assert in_view > rows.value("detected", f"area={area}") + 0.2
        touched = [seen(s) > 0 for s in of(probes, area, role="probe", ladder="plain")]
        right = np.mean([1 if t else 0.5 for t in touched])  # a score that stays is a tie
        assert rows.value("paired_accuracy", f"area={area}") == pytest.approx(right)


# The mean luminance --------------------------------------------------------------------------


def test_the_mean_luminance_notices_darkening_everywhere_and_nothing_else(rows_of: RowsOf) -> None:
    rows = rows_of("luminance")
    false_alarms = rows.value("false_alarms")
    assert rows("threshold", "type=darken severity=5")["reason"].startswith("< 1/64")
    for area in AREAS:
        # The faintest of all is below what a JPEG at quality 98 does to the mean.
        darker = rows.value("detected", f"type=darken area={area}")
        assert darker == 1 if area != "1/64" else darker >= 0.5
        row = rows("detected", f"type=white-noise area={area}")
        low = row["value"] if row["ci_low"] is None else row["ci_low"]
        assert low <= false_alarms
        assert row["value"] <= 0.2
    for severity in (1, 5):
        reason = rows("threshold", f"type=white-noise severity={severity}")["reason"]
        assert reason.startswith("never")
    assert rows.agrees("lsi", "type=darken", PROPORTIONAL, width=0.005)
    assert rows("response", "type=darken area=1/64")["ci_low"] > 0
    assert rows("lsi", "type=white-noise")["value"] is None


# Chance --------------------------------------------------------------------------------------


def test_chance_detects_as_often_as_it_errs(rows_of: RowsOf) -> None:
    rows = rows_of("chance-0")
    assert rows.value("false_alarms") <= 0.12
    width = rows.luck("detected", "area=1", rows.value("false_alarms"))
    assert rows.agrees("detected", "area=1", rows.value("false_alarms"), width)
    assert np.mean([rows.value("detected", f"area={area}") for area in AREAS]) <= 0.15
    width = rows.luck("paired_accuracy", "area=1", 0.5)
    assert rows.agrees("paired_accuracy", "area=1", 0.5, width)
    for type, severity in product(("darken", "white-noise"), (1, 5)):
        reason = rows("threshold", f"type={type} severity={severity}")["reason"]
        assert reason.startswith("never")
    assert rows("threshold_median")["reason"].startswith("never")


@pytest.mark.slow
def test_chance_has_no_index_and_intervals_hold_as_often_as_they_say(
    probes: Dataset, tmp_path: Path
) -> None:
    models = [Chance(seed) for seed in range(20)]
    frame = run(models, [probes], ["sensitivity"], cache=tmp_path, workers=1, progress=False)
    agreed = defaultdict(list)
    indices = []
    for _, part in frame.groupby("model"):
        rows = Rows(part)
        false_alarms = rows.value("false_alarms")
        indices.append(rows("lsi")["value"] is not None)
        for area in AREAS:
            for metric, theory in (("detected", false_alarms), ("paired_accuracy", 0.5)):
                subset = f"area={area}"
                width = rows.luck(metric, subset, max(theory, 0.05))
                agreed[metric].append(rows.agrees(metric, subset, theory, width))
    assert sum(indices) <= 4  # a drop is told from 0 by chance once in 20 times
    assert np.mean(agreed["detected"]) >= 0.8  # as the docstring of detection_rates has it
    assert np.mean(agreed["paired_accuracy"]) >= 0.88
