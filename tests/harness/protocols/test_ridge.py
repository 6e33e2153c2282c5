"""The ridge path against scikit-learn's StandardScaler and Ridge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.protocols.ridge import SharedRidge, fit_path
from harness.protocols.shifted import solve_shifted

ALPHAS = np.geomspace(1e-3, 1e3, 25)


def reference(x: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    fits = [make_pipeline(StandardScaler(), Ridge(alpha=alpha)).fit(x, y) for alpha in ALPHAS]
    return np.stack([fit.predict(new) for fit in fits])


def data(n: int, d: int, dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n * d)
    scale, offset = rng.uniform(0.01, 100, d), rng.normal(0, 100, d)
    x = (rng.normal(size=(n + 20, d)) * scale + offset).astype(dtype)
    y = 50 + (x[:n, :3] / scale[:3]).sum(axis=1) + rng.normal(size=n)
    return x[:n], y, x[n:]


@pytest.mark.parametrize(
    ("n", "d"), [(200, 5), (120, 119), (120, 120), (120, 121), (40, 300), (3, 2), (2, 9), (1, 4)]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equal_to_scikit_learn_for_every_alpha(n: int, d: int, dtype: type) -> None:
    x, y, new = data(n, max(d, 3), dtype)
    x, new = x[:, :d], new[:, :d]
    found = fit_path(x, y, ALPHAS).predict(new)
    assert found.shape == (25, 20)
    expected = reference(x.astype(np.float64), y, new.astype(np.float64))
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8 * np.abs(expected).max())


@pytest.mark.parametrize("d", [12, 150])
def test_subsets_share_the_whole(d: int) -> None:
    x, y, new = data(100, d)
    x[:, 0] = 0.1 + 0.2  # constant everywhere
    x[:80, 1] = 7.3  # constant but for rows that are left out
    x[80:, 2] *= 1e6  # varies almost only in rows that are left out
    shared = SharedRidge(x, y, ALPHAS)
    for kept in (80, 100, 30):
        rows = np.arange(100) < kept
        found, expected = shared.path(rows).predict(new), reference(x[rows], y[rows], new)
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8 * np.ptp(y))


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, new = data(100, 8)
    whole = fit_path(x, y, ALPHAS).predict(new)
    monkeypatch.setattr("harness.protocols.ridge._CHUNK", 7)
    np.testing.assert_allclose(fit_path(x, y, ALPHAS).predict(new), whole, rtol=1e-12)


@settings(max_examples=40)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(-1e3, 1e3), st.floats(0.01, 1e3))
def test_units_of_features_and_labels_do_not_matter(
    n: int, d: int, shift: float, scale: float
) -> None:
    x, y, new = data(n, max(d, 3))
    found = fit_path(x, y, ALPHAS).predict(new)
    moved = fit_path(x * scale + shift, y * scale + shift, ALPHAS).predict(new * scale + shift)
    np.testing.assert_allclose(
        moved, found * scale + shift, rtol=1e-6, atol=1e-6 * scale * (1 + np.abs(found).max())
    )


def test_only_constant_features_predict_the_mean() -> None:
    path = fit_path(np.full((10, 4), 0.7, np.float32), np.arange(10.0), ALPHAS)
    np.testing.assert_array_equal(path.predict(np.ones((2, 4))), np.full((25, 2), 4.5))
    assert not path.coefficients.any()


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="do not belong together"):
        fit_path(np.ones((3, 2)), np.ones(4), ALPHAS)
    with pytest.raises(ValueError, match="above 0"):
        fit_path(np.ones((3, 2)), np.ones(3), np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="at least one row"):
        SharedRidge(np.ones((3, 2)), np.ones(3), ALPHAS).path(np.zeros(3, bool))


@pytest.mark.parametrize("n", [1, 2, 3, 60])
def test_shifted_systems(n: int) -> None:
    rng = np.random.default_rng(n)
    half = rng.normal(size=(n, max(1, n - 1)))  # singular
    matrix, target = half @ half.T, rng.normal(size=n)
    kept = matrix.copy()
    found = solve_shifted(matrix, target, np.array([0.1, 3.0]))
    for alpha, solution in zip((0.1, 3.0), found, strict=True):
        expected = np.linalg.solve(matrix + alpha * np.eye(n), target)
        np.testing.assert_allclose(solution, expected, rtol=1e-9, atol=1e-11)
    np.testing.assert_array_equal(matrix, kept)
