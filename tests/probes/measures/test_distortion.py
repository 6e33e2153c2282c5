"""What is read of a distortion map, against scikit-learn and by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import jaccard_score, roc_auc_score

from probes.measures.distortion import ANY, NAMES, SIGNS, THRESHOLDS, target, told, told_of

SHAPE = (24, 32)


def boxes() -> list[np.ndarray]:
    """Two damages in regions that do not touch, the first with a soft edge."""
    one, other = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    one[2:10, 3:15], one[2:10, 15] = 1, 0.4
    other[12:22, 18:30] = 1
    return [one, other]


def by_pixel(maps: np.ndarray) -> np.ndarray:
    """Each pixel's value of a map, by a loop."""
    (h, w), (height, width) = maps.shape[1:], SHAPE
    found = np.empty((len(maps), *SHAPE))
    for y, x in product(range(height), range(width)):
        found[:, y, x] = maps[:, int((y + 0.5) * h / height), int((x + 0.5) * w / width)]
    return found


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([(24, 32), (6, 8), (5, 7), (48, 33)]))
def test_everything_agrees_with_the_obvious_formulas(seed: int, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    maps = rng.integers(0, 9, (3, *size)).astype(np.float32) / 8  # with ties
    found, masks = told(maps, boxes(), (2, 5)), boxes()
    pixels = by_pixel(maps)
    sizes = np.abs(pixels - 0.5)
    sizes = np.concatenate([sizes, sizes.max(0)[None]])
    for d, alpha in enumerate(masks):
        inside = alpha >= 0.5
        np.testing.assert_allclose(found.share[:, d], alpha.mean(), rtol=1e-6)
        np.testing.assert_allclose(found.size[:, d], sizes[:, inside].mean(1))
        np.testing.assert_allclose(
            found.signed[:ANY, d], (pixels - 0.5)[:, inside].mean(1), atol=1e-12
        )
        for c in range(4):
            auroc = roc_auc_score(inside.ravel(), sizes[c].ravel())
            assert found.auroc[c, d] == pytest.approx(auroc)
            for k, threshold in enumerate(THRESHOLDS):
                iou = jaccard_score(inside.ravel(), sizes[c].ravel() >= threshold)
                assert found.ious[c, d, k] == pytest.approx(iou)
    assert np.isnan(found.auroc[:, 2]).all()
    assert np.isnan(found.mae[ANY]).all()


def test_the_error_is_that_of_the_target_which_the_signs_make() -> None:
    masks, severities = boxes(), (2.0, 5.0)
    maps = np.random.default_rng(0).random((2, *SHAPE)).astype(np.float32)
    found = told(maps, masks, severities)
    for i, signs in enumerate(SIGNS):
        if signs[2]:
            assert np.isnan(found.mae[:, i]).all()
            continue
        u = sum(s * a * v / 5 for s, a, v in zip(signs, masks, severities, strict=False))
        expected = np.abs(maps - (0.5 + 0.5 * u)).mean((1, 2))
        np.testing.assert_allclose(found.mae[:ANY, i], expected, rtol=1e-6)


def test_a_target_is_clipped_and_half_where_nothing_is() -> None:
    full = np.ones((2, 2), np.float32)
    assert (target((1, 1), [full, full], (5, 5)) == 1).all()
    assert (target((-1, -1), [full, full], (5, 5)) == 0).all()
    assert (target((1, -1), [full, full], (3, 3)) == 0.5).all()
    assert (target((0, 1), [full, full], (5, 2)) == 0.7).all()


def test_rows_are_read_back_as_they_were_written() -> None:
    maps = np.random.default_rng(1).random((3, *SHAPE)).astype(np.float32)
    found = told(maps, boxes(), (1, 3))
    assert found.row().shape == (4, len(NAMES))
    assert len(set(NAMES)) == len(NAMES)
    back = told_of(np.stack([found.row().ravel()] * 2))
    for name, value in vars(found).items():
        np.testing.assert_array_equal(getattr(back, name)[1], value)


def test_the_whole_image_has_sizes_but_nothing_to_find() -> None:
    found = told(np.full((1, *SHAPE), 0.7, np.float32), [np.ones(SHAPE, np.float32)], (2,))
    assert found.size[0, 0] == pytest.approx(0.2)
    assert np.isnan(found.auroc).all()
    assert found.mae[0, SIGNS.index((1, 0, 0))] == pytest.approx(0, abs=1e-7)


def test_what_cannot_be_read_is_refused() -> None:
    maps = np.full((1, *SHAPE), 0.5, np.float32)
    with pytest.raises(ValueError, match="4 damages in one image: from 1 to 3"):
        told(maps, boxes() * 2, (1, 1, 1, 1))
    maps[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="not a number"):
        told(maps, boxes(), (1, 1))
