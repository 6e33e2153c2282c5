"""Localization of one map: against scikit-learn and plain loops over pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.metrics import average_precision_score, roc_auc_score

from probes.measures.localization import SHARES, TOLERANCE, Localization, iou_elsewhere
from probes.measures.localization import localization as maybe_localization

RNG = np.random.default_rng(0)


def localization(damage: np.ndarray, alpha: np.ndarray) -> Localization:
    found = maybe_localization(damage.astype(np.float32), alpha.astype(np.float32))
    assert found is not None
    return found


def blob(height: int = 60, width: int = 80) -> np.ndarray:
    mask = np.zeros((height, width))
    mask[20:32, 45:60] = 1
    return mask


def pixels(damage: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Every pixel's value, one by one: that of the cell in which its center lies."""
    found = np.empty(shape)
    for y in range(shape[0]):
        for x in range(shape[1]):
            cell = (
                int((y + 0.5) * len(damage) / shape[0]),
                int((x + 0.5) * damage.shape[1] / shape[1]),
            )
            found[y, x] = damage[cell]
    return found


def points_near(mask: np.ndarray) -> np.ndarray:
    everywhere = np.argwhere(np.ones_like(mask))
    distance = cdist(everywhere, np.argwhere(mask)).min(axis=1)
    return (distance <= TOLERANCE).reshape(mask.shape)


def test_the_true_mask_is_perfect_and_its_negative_is_not() -> None:
    mask = blob()
    found = localization(mask, mask)
    assert (found.auroc, found.ap, found.iou_oracle, found.pointing) == (1, 1, 1, 1)
    assert found.share == mask.mean()
    found = localization(-mask, mask)
    assert (found.auroc, found.iou_oracle) == (0, mask.mean())  # at best, all pixels are flagged
    assert found.ap == pytest.approx(mask.mean())
    far = ~mask.astype(bool)
    assert found.pointing == pytest.approx(points_near(mask)[far].mean())


def test_a_constant_map_gets_what_a_guess_gets() -> None:
    mask = blob()
    for shape in ((1, 1), (7, 9), mask.shape):
        found = localization(np.full(shape, 3.0), mask)
        assert found.auroc == 0.5
        assert found.ap == found.iou_oracle == found.share == mask.mean()
        assert found.pointing == found.pointing_chance == points_near(mask).mean()


def test_random_maps_are_at_chance() -> None:
    mask = blob()
    found = [localization(RNG.random(mask.shape), mask) for _ in range(200)]

    def z(values: list[float], chance: float) -> float:
        return abs(np.mean(values) - chance) / (np.std(values) / np.sqrt(len(values)))

    assert z([f.auroc for f in found], 0.5) < 4
    assert np.mean([f.ap for f in found]) == pytest.approx(mask.mean(), rel=0.1)
    assert z([f.pointing for f in found], found[0].pointing_chance) < 4


@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.integers(2, 300),
    st.floats(0.01, 0.99),
)
@settings(max_examples=60, deadline=None)
def test_against_scikit_learn(seed: int, shape: tuple[int, int], values: int, share: float) -> None:
    """Coarse maps, maps finer than the image, ties."""
    rng = np.random.default_rng(seed)
    mask = rng.random((22, 31)) < share
    mask[0, 0], mask[-1, -1] = True, False
    damage = rng.integers(0, values, shape).astype(np.float32)
    found = localization(damage, mask)
    value, inside = pixels(damage, mask.shape).ravel(), mask.ravel()
    assert found.auroc == pytest.approx(roc_auc_score(inside, value))
    assert found.ap == pytest.approx(average_precision_score(inside, value))
    ious = {t: (inside & (value >= t)).sum() / (inside | (value >= t)).sum() for t in set(value)}
    assert found.iou_oracle == pytest.approx(max(ious.values()))
    for t, iou, least in zip(found.thresholds, found.ious, SHARES, strict=True):
        assert iou == pytest.approx(ious[t])
        above = np.array([np.mean(value >= other) for other in sorted(set(value))[::-1]])
        assert np.mean(value >= t) == above[above >= least * (1 - 1e-12)][0]
    highest = (value == value.max()).reshape(mask.shape)
    assert found.pointing == pytest.approx(points_near(mask)[highest].mean())
    assert found.pointing_chance == pytest.approx(points_near(mask).mean())


def test_only_the_order_of_a_map_counts() -> None:
    mask, damage = blob(), RNG.random((6, 8))
    one, other = localization(damage, mask), localization(np.exp(5 * damage) - 70, mask)
    assert (one.auroc, one.ap, one.iou_oracle, one.pointing) == (
        *(other.auroc, other.ap, other.iou_oracle, other.pointing),
    )


def test_a_mask_smaller_than_a_cell_has_a_number_below_one() -> None:
    """The best 2 × 2 map of a mask in a quarter: all of the quarter is flagged."""
    mask = np.zeros((60, 80))
    mask[5:11, 5:15] = 1
    found = localization(np.array([[1.0, 0], [0, 0]]), mask)
    inside, quarter = 60, 30 * 40
    outside = 60 * 80 - inside
    assert found.auroc == pytest.approx(1 - (quarter - inside) / 2 / outside)
    assert found.ap == found.iou_oracle == inside / quarter
    assert found.pointing == points_near(mask)[:30, :40].mean()


def test_the_pointing_game_allows_15_pixels_and_shares_ties() -> None:
    mask = np.zeros((60, 80))
    mask[30, 40] = 1
    for offset, hit in ((0, 1), (15, 1), (16, 0)):
        damage = np.zeros(mask.shape)
        damage[30, 40 + offset] = 1
        assert localization(damage, mask).pointing == hit
        damage[0, 0] = 1
        assert localization(damage, mask).pointing == hit / 2


@pytest.mark.parametrize("level", [0.0, 0.4, 0.5, 1.0])
def test_a_mask_of_nothing_or_everything_has_no_number(level: float) -> None:
    assert maybe_localization(RNG.random((6, 8)), np.full((60, 80), level)) is None


def test_a_map_with_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        localization(np.array([[np.nan, 1]]), blob())


def curves(maps: list[np.ndarray], mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = [localization(one, mask) for one in maps]
    return np.stack([f.thresholds for f in found]), np.stack([f.ious for f in found])


def test_one_threshold_for_all_is_perfect_where_one_scale_is() -> None:
    mask = blob()
    contents = np.array(["a", "a", "b", "c"])
    assert (iou_elsewhere(*curves([mask] * 4, mask), contents) == 1).all()
    # One content has a scale of its own: a threshold of the others flags all of it, or nothing.
    contents = np.array(list("aabcd"))
    for shift, iou in ((7, mask.mean()), (-7, 0)):
        maps = [mask, mask, mask, mask, mask + shift]
        assert iou_elsewhere(*curves(maps, mask), contents).tolist() == [1, 1, 1, 1, iou]


def test_one_threshold_for_all_against_a_plain_loop() -> None:
    mask = blob()
    maps = [mask * RNG.uniform(0.2, 2) + RNG.random((60, 80)) for _ in range(9)]
    contents = np.array(list("aaabbcccc"))
    thresholds, ious = curves(maps, mask)
    found = iou_elsewhere(thresholds, ious, contents)
    tried = np.unique(np.quantile(thresholds, np.linspace(0, 1, 257), method="inverted_cdf"))

    def iou(i: int, t: float) -> float:
        passed = thresholds[i] >= t
        return float(ious[i][passed][-1]) if passed.any() else 0.0

    for own in "abc":
        others = [c for c in "abc" if c != own]
        mean = [
            sum(np.mean([iou(i, t) for i in np.flatnonzero(contents == c)]) for c in others)
            for t in tried
        ]
        best = tried[int(np.argmax(mean))]
        for i in np.flatnonzero(contents == own):
            assert found[i] == pytest.approx(iou(i, best))
            exact = mask.astype(bool), maps[i].astype(np.float32) >= best
            truth = (exact[0] & exact[1]).sum() / (exact[0] | exact[1]).sum()
            assert found[i] == pytest.approx(truth, abs=0.1)  # between two stored thresholds
    assert (found <= [localization(one, mask).iou_oracle for one in maps]).all()


def test_one_threshold_for_all_needs_two_contents() -> None:
    with pytest.raises(ValueError, match="at least 2 contents"):
        iou_elsewhere(*curves([blob()] * 2, blob()), np.array(["a", "a"]))
