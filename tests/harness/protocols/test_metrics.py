"""Metrics against SciPy, and every way in which there is no number."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from scipy.optimize import curve_fit

from harness.protocols import metrics
from harness.protocols.logistic import fit_logistic

FINITE = st.floats(-1e6, 1e6, allow_nan=False, width=32)


def vqeg(x: np.ndarray, b1: float, b2: float, b3: float, b4: float) -> np.ndarray:
    return b2 + (b1 - b2) / (1 + np.exp(-(x - b3) / b4))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_correlations_are_scipys(rng: np.random.Generator) -> None:
    scores, labels = rng.normal(size=200).round(1), rng.integers(0, 5, 200).astype(float)
    found, _ = metrics.agreement(scores, labels)
    assert found["srcc"].value == stats.spearmanr(scores, labels).statistic
    assert found["plcc"].value == stats.pearsonr(scores, labels).statistic
    assert found["krcc"].value == stats.kendalltau(scores, labels, variant="b").statistic
    assert tuple(sorted(found)) == tuple(sorted(metrics.METRICS))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e-6, 3.0), (1e5, -2e5)])
def test_logistic_is_the_least_squares_one(
    rng: np.random.Generator, sign: float, scale: float, shift: float
) -> None:
    quality = rng.uniform(-3, 3, 300)
    labels = vqeg(quality, 5, 1, 0.4, 0.6) + rng.normal(0, 0.2, 300)
    scores = sign * quality * scale + shift
    mapping = fit_logistic(scores, labels)
    best, _ = curve_fit(vqeg, quality, labels, p0=(5, 1, 0, 1))
    np.testing.assert_allclose(mapping(scores), vqeg(quality, *best), rtol=1e-6)
    assert mapping.status == "converged"
    formula = vqeg(scores, mapping.b1, mapping.b2, mapping.b3, mapping.b4)
    np.testing.assert_allclose(mapping(scores), formula, rtol=1e-9)


def test_plcc_and_rmse_are_of_the_mapped_scores(rng: np.random.Generator) -> None:
    scores = rng.normal(size=100)
    labels = vqeg(scores, 90, 10, 0, 0.7) + rng.normal(0, 5, 100)
    found, mapped = metrics.agreement(scores, labels)
    assert mapped is not None
    assert found["plcc_logistic"].value == stats.pearsonr(mapped, labels).statistic
    assert found["rmse"].value == pytest.approx(np.sqrt(np.mean((mapped - labels) ** 2)))
    assert found["plcc_logistic"].value > found["plcc"].value
    upside_down, _ = metrics.agreement(-scores, labels)
    assert upside_down["plcc_logistic"].value == pytest.approx(found["plcc_logistic"].value)
    assert upside_down["plcc"].value == pytest.approx(-found["plcc"].value)


@pytest.mark.parametrize("shape", ["line", "exponential", "saturating", "heavy tail"])
def test_logistic_where_the_best_one_lies_at_infinity(rng: np.random.Generator, shape: str) -> None:
    q = rng.uniform(0, 1, 400)
    labels = 1 + 4 * q + rng.normal(0, 0.2, 400)
    scores = {
        "line": q, "exponential": np.log(0.05 + q), "saturating": np.exp(3 * q),
        "heavy tail": np.exp(20 * q),
    }[shape]  # fmt: skip
    mapping = fit_logistic(scores, labels)
    assert mapping.status == "converged"
    error = metrics.rmse(mapping(scores), labels)
    linear = np.polynomial.Polynomial.fit(scores, labels, 1)(scores)
    assert error <= metrics.rmse(linear, labels) * (1 + 1e-9)
    u = (scores - scores.mean()) / scores.std()
    fits = []
    for slope in (0.3, 1.0, 4.0):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                p0 = (labels.max(), labels.min(), 0, 1 / slope)
                found, _ = curve_fit(vqeg, u, labels, p0=p0, maxfev=2000)
            except RuntimeError:  # SciPy's direct fit does not always converge here
                continue
        fits.append(metrics.rmse(vqeg(u, *found), labels))
    assert not fits or error <= min(fits) * (1 + 1e-6)


def test_an_unfinished_fit_says_so(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.protocols.logistic._MAX_EVALUATIONS", 2)
    scores = rng.normal(size=50)
    found, _ = metrics.agreement(scores, scores**3 + rng.normal(size=50))
    assert found["plcc_logistic"].value is not None
    assert found["plcc_logistic"].reason == "logistic fit not converged: 2 evaluations"
    assert found["rmse"].reason == found["plcc_logistic"].reason
    assert found["plcc"].reason is None


NAN = float("nan")


@pytest.mark.parametrize(
    ("scores", "labels", "reason"),
    [
        ([1, 2], [1, 2], "a correlation needs 3 samples, 2 can be used"),
        ([], [], "a correlation needs 3 samples, 0 can be used"),
        ([2, 2, 2, 2, 2], [1, 2, 3, 4, 5], "scores do not vary"),
        ([1, 2, 3, 4, 5], [2, 2, 2, 2, 2], "labels do not vary"),
        ([0.3, 0.1 + 0.2, 0.3, 0.3, 0.3], [1, 2, 3, 4, 5], "scores do not vary"),
        ([1, 2, NAN, 4, 5], [1, 2, 3, 4, 5], "scores are not all finite"),
        ([1, 2, 3, 4, 5], [1, 2, np.inf, 4, 5], "labels are not all finite"),
        ([1, 2, 1e200, 4, 5], [1, 2, 3, 4, 5], "scores exceed 1e+100"),
    ],
)
def test_no_number_has_a_reason(scores: list[float], labels: list[float], reason: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, _ = metrics.agreement(np.array(scores), np.array(labels))
    assert {estimate.value for estimate in found.values()} == {None}
    assert found["srcc"].reason == reason


def test_four_samples_have_no_logistic() -> None:
    found, mapped = metrics.agreement(np.arange(4.0), np.array([1.0, 3, 2, 4]))
    assert found["srcc"].value == pytest.approx(0.8)
    assert mapped is None
    why = "the logistic needs 5 samples, 4 can be used"
    assert found["rmse"] == found["plcc_logistic"] == metrics.Estimate(None, why)
    assert {found[name].reason for name in ("srcc", "plcc", "krcc")} == {None}


def test_vectors_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        metrics.srcc(np.arange(3.0), np.arange(4.0))


@given(hnp.arrays(np.float64, st.tuples(st.just(2), st.integers(0, 30)), elements=FINITE))
def test_never_nan_and_never_a_warning(data: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, _ = metrics.agreement(*data)
    for name, (value, reason) in ((n, (e.value, e.reason)) for n, e in found.items()):
        assert (value is not None) or reason
        if value is not None:
            low, high = metrics.RANGES[name]
            assert low - 1e-12 <= value <= high + 1e-12


def test_srcc_of_many_rows(rng: np.random.Generator) -> None:
    labels = rng.integers(0, 6, 40).astype(float)
    rows = np.stack([rng.normal(size=40), labels + rng.normal(size=40).round(), np.ones(40)])
    found = metrics.srcc_each(rows, labels)
    expected = [stats.spearmanr(row, labels).statistic for row in rows[:2]]
    np.testing.assert_allclose(found[:2], expected, atol=1e-14)
    assert np.isnan(found[2])
