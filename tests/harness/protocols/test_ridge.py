"""The ridge path against scikit-learn's StandardScaler and Ridge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.executors.threads import one_thread
from harness.protocols.heads import predict_views
from harness.protocols.ridge import RidgePath, SharedRidge
from harness.protocols.rows import Rows
from harness.protocols.shifted import solve_shifted

ALPHAS = np.geomspace(1e-3, 1e3, 25)


def fit_path(
    x: np.ndarray, y: np.ndarray, alphas: np.ndarray, *, standardize: bool = True
) -> RidgePath:
    return SharedRidge(x, y, alphas, standardize=standardize).path(np.ones(len(x), bool))


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
    for name, rows in (("ridge.CHUNK", 7), ("moments.CHUNK", 7), ("moments.STRIP", 3)):
        monkeypatch.setattr(f"harness.protocols.{name}", rows)
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


@pytest.mark.parametrize(("n", "d"), [(60, 8), (9, 60), (200, 150)])
@pytest.mark.parametrize("standardize", [True, False])
def test_views_are_rows_of_their_sample(n: int, d: int, standardize: bool) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.normal(3, 2, size=(n + 20, 3, d)).astype(np.float32), rng.normal(size=n)
    rows, labels, new = x[:n].reshape(-1, d).astype(float), np.repeat(y, 3), x[n:]
    found = predict_views(fit_path(x[:n], y, ALPHAS, standardize=standardize), new)
    for i in (0, 12, 24):
        model = Ridge(alpha=ALPHAS[i])
        model = make_pipeline(StandardScaler(), model) if standardize else model
        model.fit(rows, labels)
        expected = model.predict(new.reshape(-1, d).astype(float)).reshape(-1, 3).mean(axis=1)
        np.testing.assert_allclose(found[i], expected, rtol=1e-8, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 29), min_size=1, max_size=60),
    st.integers(1, 40),
    st.booleans(),
    st.booleans(),
)
def test_any_samples_any_number_of_times(
    chosen: list[int], d: int, standardize: bool, views: bool
) -> None:
    rng = np.random.default_rng(d)
    x, y = rng.normal(size=(30, 2, d)), rng.normal(size=30)
    x, v = (x, 2) if views else (x[:, 0], 1)
    path = SharedRidge(x, y, np.array([0.5]), standardize=standardize).path(np.array(chosen))
    rows, labels = x[chosen].reshape(-1, d), np.repeat(y[chosen], v)
    model = Ridge(alpha=0.5)
    model = make_pipeline(StandardScaler(), model) if standardize else model
    new = rng.normal(size=(5, d))
    expected = model.fit(rows, labels).predict(new)
    np.testing.assert_allclose(path.predict(new)[0], expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("d", "views"), [(5, 1), (40, 2), (150, 2)])
def test_nested_subsets(d: int, views: int) -> None:
    x, y, new = data(400, d)
    x[:60, 1] = 2.5  # constant in the smaller ones
    x[60:80, 2] *= 1e6
    x, labels = x.reshape(-1, views, d), y[::views]
    order = np.random.default_rng(0).permutation(len(x) // 2)
    order = np.concatenate([order[order < 60 // views], order[order >= 60 // views]])
    subsets = [order[: len(order) * k // 10] for k in (1, 2, 3, 5, 5, 10)]
    shared = SharedRidge(x, labels, ALPHAS)
    paths = list(shared.nested(subsets))
    assert len(paths) == len(subsets)
    for subset, path in zip(subsets, paths, strict=True):
        rows = x[subset].reshape(-1, d)
        expected = reference(rows, np.repeat(labels[subset], views), new)
        np.testing.assert_allclose(path.predict(new), expected, rtol=1e-7, atol=1e-7 * np.ptp(y))
    with pytest.raises(ValueError, match="must hold the one before"):
        list(SharedRidge(x, labels, ALPHAS).nested([order[:90], order[1:95]]))


def test_features_are_mapped_and_chosen_lazily(tmp_path: Path) -> None:
    x, y, _ = data(150, 12, np.float32)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    order = np.random.default_rng(0).permutation(150)
    rows = np.arange(150) < 110
    for alphas in (ALPHAS, ALPHAS[:1]):
        expected = SharedRidge(x[order], y[order], alphas).path(rows).coefficients
        found = SharedRidge(Rows(mapped, order), y[order], alphas).path(rows).coefficients
        assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize(("n", "d"), [(900, 700), (300, 700)])
def test_no_bit_depends_on_the_number_of_threads(n: int, d: int) -> None:
    x, y, _ = data(n, d, np.float32)
    rows = np.arange(n) < 0.8 * n
    with one_thread():
        one, two, five = (
            SharedRidge(x[:, None], y, ALPHAS, threads=threads).path(rows).coefficients.tobytes()
            for threads in (1, 2, 5)
        )
    assert one == two == five


@pytest.mark.parametrize("kept", [900, 1000])
def test_constant_features_among_many(kept: int) -> None:
    x, y, new = data(1000, 600)
    x[:900, 5:590:7] = 3.3  # of which some vary in rows that are left out
    x[:, 200:220] = 0
    rows = np.arange(1000) < kept
    found = SharedRidge(x, y, ALPHAS[[5, 20]]).path(rows).predict(new)
    for alpha, predicted in zip(ALPHAS[[5, 20]], found, strict=True):
        expected = make_pipeline(StandardScaler(), Ridge(alpha)).fit(x[rows], y[rows]).predict(new)
        np.testing.assert_allclose(predicted, expected, rtol=1e-8)


@pytest.mark.parametrize("kept", [20, 70, 170])
def test_the_order_of_the_numbers_changes_no_bit(kept: int) -> None:
    x, y, _ = data(200, 60)
    chosen = np.random.default_rng(0).permutation(200)[:kept]
    shared = SharedRidge(x, y, ALPHAS)
    mask = np.isin(np.arange(200), chosen)
    found = {shared.path(rows).coefficients.tobytes() for rows in (chosen, chosen[::-1], mask)}
    assert len(found) == 1


def test_a_label_that_varies_in_what_is_left_out() -> None:
    x, y, new = data(100, 6)
    y[80:] *= 1e7
    rows = np.arange(100) < 80
    found, expected = SharedRidge(x, y, ALPHAS).path(rows), reference(x[rows], y[rows], new)
    np.testing.assert_allclose(found.predict(new), expected, rtol=1e-8)


@pytest.mark.parametrize("n", [1, 2, 3, 60, 65, 66, 130, 400])
def test_shifted_systems(n: int) -> None:
    rng = np.random.default_rng(n)
    half = rng.normal(size=(n, max(1, n - 1)))  # singular
    matrix, target = half @ half.T, rng.normal(size=n)
    kept = matrix.copy()
    found = solve_shifted(np.tril(matrix), target, np.array([0.1, 3.0]))
    for alpha, solution in zip((0.1, 3.0), found, strict=True):
        expected = np.linalg.solve(matrix + alpha * np.eye(n), target)
        np.testing.assert_allclose(solution, expected, rtol=1e-8, atol=1e-11)
    solve_shifted(matrix, target, np.array([0.1]))
    np.testing.assert_array_equal(matrix, kept)


def test_shifted_systems_of_few_columns() -> None:
    """Panels that are 0 below the band reflect nothing."""
    matrix = np.diag(np.arange(200.0))
    matrix[150, 3] = matrix[3, 150] = 1
    found = solve_shifted(matrix, np.ones(200), np.array([2.0]))[0]
    np.testing.assert_allclose((matrix + 2 * np.eye(200)) @ found, np.ones(200), rtol=1e-12)


def test_an_alpha_below_rounding() -> None:
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(90, 90)))[0]
    large = basis[:, :40] * 1e10  # singular, with eigenvalues of 1e20
    target = large @ rng.normal(size=40)
    found = solve_shifted(large @ large.T, target, np.array([1e-3]))[0]
    expected = basis[:, :40] @ (basis[:, :40].T @ target) / 1e20
    np.testing.assert_allclose(large.T @ found, large.T @ expected, rtol=1e-6, atol=1e-6)
