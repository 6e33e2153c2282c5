"""Detection against a null: models whose answer is known, and what no unit or order may change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.protocols.intervals import draw_counts
from probes.degradations import BANK
from probes.measures.detection import (
    PLEASING,
    detection_rates,
    detections,
    direction,
    paired,
    rates,
)
from probes.measures.null import is_null

N_NULL = 6  # harmless changes a content


def observe(deltas: np.ndarray, nulls: np.ndarray, kind: str = "jpeg") -> pd.DataFrame:
    """``deltas [C, P]`` of probes, ``nulls [C, H]`` of harmless changes, as a table."""
    rows = []
    for content, (probes, harmless) in enumerate(zip(deltas, nulls, strict=True)):
        name = f"scene{content:02}"
        rows += [(f"{name}/p{i}", name, "probe", "", kind, d) for i, d in enumerate(probes)]
        rows += [(f"{name}/n{i}", name, "harmless", "", "", d) for i, d in enumerate(harmless)]
    return pd.DataFrame(rows, columns=["id", "content", "role", "control", "type", "delta"])


def normal(seed: int, contents: int = 24, probes: int = 40, gain: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return observe(gain * rng.normal(size=(contents, probes)), rng.normal(size=(contents, N_NULL)))


def test_the_limit_is_of_the_other_contents_and_rounded_up() -> None:
    observed = normal(0)
    found = detections(observed)
    null = is_null(observed)
    assert found.n_null == null.sum() == 24 * N_NULL
    assert found.reason is None
    for content in ("scene00", "scene17"):
        others = observed.delta[null & (observed.content != content)].abs().to_numpy()
        assert found.limits[content] == np.sort(others)[int(np.ceil(0.95 * (len(others) + 1))) - 1]
        assert found.limits[content] >= np.percentile(others, 95)
        here = observed[observed.content == content]
        expected = here.delta.abs().to_numpy() > found.limits[content]
        assert found.detected[here.id].tolist() == expected.tolist()
    own = found.detected[observed.id[null]]
    assert found.false_alarms == pytest.approx(own.mean())


def test_an_observer_at_chance_detects_as_often_as_it_errs() -> None:
    observed = normal(1, probes=100)
    found = detections(observed)
    row = detection_rates(observed, observed[observed.role == "probe"]).iloc[0]
    assert found.false_alarms == pytest.approx(0.05, abs=0.03)
    assert row.rate == pytest.approx(0.05, abs=0.02)
    assert row.low <= 0.05 <= row.high
    assert (row.n, row.n_contents) == (2400, 24)


@pytest.mark.parametrize("contents", [3, 8, 30])
def test_false_alarms_of_exchangeable_changes_are_at_most_five_percent(contents: int) -> None:
    """On average; below 19 changes one in n + 1 exceeds the limit."""
    rng = np.random.default_rng(2)
    alarms = []
    for _ in range(60):
        observed = observe(np.empty((contents, 0)), rng.normal(size=(contents, N_NULL)))
        found = detections(observed)
        alarms.append(found.false_alarms)
    n = (contents - 1) * N_NULL
    assert np.mean(alarms) <= max(0.05, 1 / (n + 1)) + 0.02
    assert ("the largest of only" in str(found.reason)) == (n < 19)
    assert (f"only {contents - 1} other contents" in str(found.reason)) == (contents == 8)


def test_changes_of_one_content_are_alike_so_that_few_contents_raise_more_alarms() -> None:
    rng = np.random.default_rng(3)
    alarms = [
        detections(
            observe(
                np.empty((8, 0)), np.exp(rng.normal(size=(8, 1)) + 0.1 * rng.normal(size=(8, 9)))
            )
        ).false_alarms
        for _ in range(80)
    ]
    assert np.mean(alarms) > 0.07


def test_an_observer_that_always_sees_and_one_that_likes_damage() -> None:
    observed = normal(3)
    probe = observed.role == "probe"
    for sign, share in ((1, 1.0), (-1, 0.0)):
        observed.loc[probe, "delta"] = sign * (20 + observed.delta[probe])
        found = detections(observed)
        probes = observed[probe]
        assert rates(probes, found.detected).rate[0] == 1
        assert rates(probes, direction(probes, found.detected)).rate[0] == share
        assert rates(probes, paired(probes)).rate[0] == share
        observed.loc[probe, "delta"] = sign * observed.delta[probe] - 20


def test_an_arbitrarily_small_drop_is_paired_right_and_not_detected() -> None:
    observed = normal(4)
    probe = observed.role == "probe"
    observed.loc[probe, "delta"] = 1e-9
    probes = observed[probe]
    assert rates(probes, paired(probes)).rate[0] == 1
    found = detections(observed)
    assert rates(probes, found.detected).rate[0] == 0
    empty = rates(probes, direction(probes, found.detected)).iloc[0]
    assert np.isnan(empty.rate)
    assert empty.n == 0
    observed.loc[probe, "delta"] = 0.0
    assert (paired(observed[probe]) == 0.5).all()


def test_types_that_can_please_have_no_direction() -> None:
    assert set(BANK) >= PLEASING
    probes = pd.DataFrame(
        {
            "id": list("abcd"),
            "type": ["jpeg", "contrast", "jpeg+denoise", "jpeg+gaussian-blur"],
            "delta": [1.0, 1.0, 1.0, -1.0],
        }
    )
    found = direction(probes, pd.Series([True] * 4, list("abcd"), "boolean"))
    assert found.tolist() == pytest.approx([1, np.nan, np.nan, 0], nan_ok=True)


def test_a_model_blind_to_harmless_changes_detects_any_change_and_it_is_said() -> None:
    observed = observe(np.tile([0.0, 1e-12, -3.0], (8, 1)), np.zeros((8, 3)))
    found = detections(observed)
    assert "any change counts" in str(found.reason)
    assert found.false_alarms == 0
    assert rates(observed[observed.role == "probe"], found.detected).rate[0] == pytest.approx(2 / 3)


def test_a_reason_where_there_is_no_number() -> None:
    constant = detections(observe(np.zeros((8, 3)), np.zeros((8, 3))))
    assert "no score differs" in str(constant.reason)
    none = detections(observe(np.ones((8, 3)), np.empty((8, 0))))
    assert "no harmless change" in str(none.reason)
    alone = detections(observe(np.ones((1, 3)), np.ones((1, 3))))
    assert "one content only" in str(alone.reason)
    for found in (constant, none, alone):
        assert found.false_alarms is None
        assert found.detected.isna().all()
        assert found.limits.isna().all()


def test_a_content_without_a_null_is_held_against_the_others() -> None:
    observed = observe(np.full((2, 1), 2.0), np.ones((2, 30)))
    observed = observed[~((observed.content == "scene01") & is_null(observed))]
    found = detections(observed)
    assert found.detected["scene01/p0"]
    assert pd.isna(found.detected["scene00/p0"])  # nobody else has one
    assert found.false_alarms is None


def uneven(seed: int, contents: int) -> pd.DataFrame:
    """Contents that differ in their null, with probes of two areas, not all in every content."""
    rng = np.random.default_rng(seed)
    scale = np.exp(rng.normal(size=(contents, 1)))
    nulls = scale * rng.normal(size=(contents, N_NULL))
    observed = observe(2 * rng.normal(size=(contents, 12)), nulls)
    observed["area"] = np.where(observed.index % 2, 0.25, 1.0)
    observed["harmless"] = np.where(is_null(observed), np.where(observed.index % 3, "a", "b"), "")
    return observed[rng.random(len(observed)) < 0.9]


def t_interval(value: float, replicates: list[float]) -> tuple[float, float]:
    m = len(replicates)
    error = np.sqrt((m - 1) * np.var(replicates))
    margin = stats.t.ppf(0.975, m - 1) * error
    return max(value - margin, 0), min(value + margin, 1)


@pytest.mark.parametrize("nulls", [False, True])
def test_a_content_is_left_out_with_its_null(nulls: bool) -> None:
    """Against a plain loop: delete the content, find limits and detections of the rest."""
    observed = uneven(7, contents=8)
    cells = observed[is_null(observed) == nulls]
    by = "harmless" if nulls else "area"
    table = detection_rates(observed, cells, by=[by])
    detected = detections(observed).detected
    assert len(table) == 2
    for row in table.itertuples():
        cell = cells[cells[by] == getattr(row, by)]
        assert row.rate == pytest.approx(detected[cell.id].mean())
        replicates = []
        for content in sorted(set(observed.content)):
            rest = detections(observed[observed.content != content]).detected
            replicates.append(rest[cell.id[cell.content != content]].mean())
        assert (row.low, row.high) == pytest.approx(t_interval(row.rate, replicates))
        assert "jackknife" in row.method
        assert "limits found anew" in row.method
        assert (row.n, row.n_contents) == (len(cell), 8)
    whole = detection_rates(observed, observed[is_null(observed)])
    assert whole.rate[0] == pytest.approx(detections(observed).false_alarms)


def test_contents_beyond_a_cell_are_left_out_with_those_in_it() -> None:
    observed = uneven(8, contents=8)
    names = sorted(set(observed.content))
    inside = names[1::3]
    outside = [name for name in names if name not in inside]
    cell = observed[observed.content.isin(inside) & (observed.role == "probe")]
    row = detection_rates(observed, cell).iloc[0]
    replicates = []
    for i, name in enumerate(inside):
        rest = observed[~observed.content.isin([name, *outside[i :: len(inside)]])]
        kept = cell.id[cell.content != name]
        replicates.append(detections(rest).detected[kept].mean())
    assert row.n_contents == len(inside) == 3
    assert (row.low, row.high) == pytest.approx(t_interval(row.rate, replicates))


def test_resampled_contents_bring_their_null() -> None:
    """Against a plain loop over draws: pools with copies, but never of one's own content."""
    observed = uneven(9, contents=21)
    probes = observed[observed.role == "probe"]
    row = detection_rates(observed, probes, seed=4).iloc[0]
    names = sorted(set(observed.content))
    null = observed[is_null(observed)]
    nulls = [null.delta[null.content == name].abs().to_numpy() for name in names]
    sizes = [probes.delta[probes.content == name].abs().to_numpy() for name in names]
    replicates = []
    for counts in draw_counts(21, 4):
        hits = images = 0
        for i in np.flatnonzero(counts):
            others = [np.repeat(nulls[j], counts[j]) for j in range(21) if j != i]
            pool = np.sort(np.concatenate(others))
            limit = pool[min(int(np.ceil(95 * (len(pool) + 1) / 100)), len(pool)) - 1]
            hits += counts[i] * (sizes[i] > limit).sum()
            images += counts[i] * len(sizes[i])
        replicates.append(hits / images)
    assert (row.low, row.high) == pytest.approx(tuple(np.quantile(replicates, [0.025, 0.975])))
    assert row.method.startswith("percentile bootstrap over 21 contents")
    assert row.method.endswith("limits found anew")


def test_cells_without_a_limit_or_an_interval() -> None:
    observed = uneven(10, contents=8)
    probes = observed[observed.role == "probe"]
    alone = detection_rates(observed, probes[probes.content == "scene03"]).iloc[0]
    assert "one content" in alone.method
    assert np.isnan(alone.low)
    blind = detection_rates(probes, probes).iloc[0]
    assert blind.n == 0
    assert np.isnan(blind.rate)
    lost = probes.assign(delta=probes.delta.where(probes.area == 1))
    assert detection_rates(observed, lost, ["area"]).n.tolist() == [0, (probes.area == 1).sum()]
    with pytest.raises(ValueError, match="'elsewhere' is not among"):
        detection_rates(observed, probes.assign(content="elsewhere"))


def test_bad_tables_are_refused() -> None:
    observed = normal(5, contents=2)
    with pytest.raises(ValueError, match="twice"):
        detections(pd.concat([observed, observed.iloc[:1]]))
    observed.loc[3, "delta"] = np.nan
    with pytest.raises(ValueError, match="finite"):
        detections(observed)


def test_rates_by_cell_draw_contents() -> None:
    observed = normal(6, contents=8, probes=10).assign(area=1.0)
    observed.loc[::2, "area"] = 0.25
    outcome = pd.Series(np.random.default_rng(0).random(len(observed)), observed.id)
    table = rates(observed, outcome, by=["area", "role"])
    assert list(zip(table.area, table.role, strict=True)) == sorted(
        set(zip(observed.area, observed.role, strict=True))
    )
    cell = observed[(observed.area == 1) & (observed.role == "probe")]
    row = table[(table.area == 1) & (table.role == "probe")].iloc[0]
    values = outcome[cell.id].to_numpy()
    assert row.rate == pytest.approx(values.mean())
    # Contents of one size: the plain t interval over their means.
    means = pd.Series(values).groupby(cell.content.to_numpy()).mean()
    low, high = stats.t.interval(0.95, 7, means.mean(), stats.sem(means))
    assert (row.low, row.high) == pytest.approx((low, high))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(-40, 40), st.integers(2, 9))
def test_neither_unit_nor_order_matters(seed: int, power: int, contents: int) -> None:
    observed = normal(seed, contents=contents, probes=5, gain=2)
    moved = observed.sample(frac=1, random_state=seed % 1000).assign(
        delta=lambda table: table.delta * 2.0**power
    )
    one, other = detections(observed), detections(moved)
    assert one.detected.equals(other.detected.reindex(one.detected.index))
    assert one.false_alarms == pytest.approx(other.false_alarms)
    assert (one.limits * 2.0**power).equals(other.limits)
    a = rates(observed, direction(observed, one.detected), ["role"])
    b = rates(moved, direction(moved, other.detected), ["role"])
    pd.testing.assert_frame_equal(a, b)
