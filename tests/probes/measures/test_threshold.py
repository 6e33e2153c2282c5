"""Thresholds of observers whose psychometric function is known, and fits against SciPy's."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import norm

from harness.protocols.intervals import draw_counts
from probes.measures.censored import Threshold
from probes.measures.null import Null, null_of
from probes.measures.psychometric import (
    FLATTEST,
    MAX_LAPSE,
    STEEPEST,
    crossing,
    fit_psychometric,
    likely_crossings,
    log_likelihood,
)
from probes.measures.threshold import Fit, _with_the_gap, median_threshold, thresholds

AREAS = 2.0 ** np.arange(-6, 1)
CELL = ("jpeg", 3.0)


def table(hits: np.ndarray, type: str = "jpeg", severity: float = 3.0) -> pd.DataFrame:
    """``hits [C, 7]``, one image for each content and area."""
    return pd.DataFrame(
        [
            (f"{type}/{severity}/{c}/{a}", f"scene{c:02}", type, severity, AREAS[a], float(hit))
            for (c, a), hit in np.ndenumerate(hits)
        ],
        columns=["id", "content", "type", "severity", "area", "delta"],
    )


@dataclass(frozen=True)
class Fixed(Null):
    """A null whose limits and false alarms are the same whatever contents are drawn."""

    rate: float = 0.05

    def judged(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full(counts.shape, 0.5), np.full(len(counts), self.rate)


def fixed(observed: pd.DataFrame, false_alarms: float = 0.05) -> Fixed:
    names = np.unique(observed.content.to_numpy(str))
    return Fixed(names, np.empty(0), np.empty(0, int), np.ones(len(names), bool), rate=false_alarms)


def psi(parameters: np.ndarray, areas: np.ndarray, false_alarms: float) -> np.ndarray:
    """The psychometric function as it is defined, of each row α, β, λ."""
    alpha, beta, lapse = parameters.T[:, :, None]
    return false_alarms + (1 - false_alarms - lapse) * expit((np.log2(areas) - alpha) / beta)


def fitted(hits: np.ndarray, false_alarms: float = 0.05, seed: int = 0) -> Fit:
    observed = table(hits)
    return thresholds(observed, fixed(observed, false_alarms), seed=seed)[CELL]


def scipy_fit(k: np.ndarray, n: np.ndarray, false_alarms: float) -> np.ndarray:
    def cost(p: np.ndarray) -> float:
        values = np.clip(psi(p[None], AREAS, false_alarms), 1e-12, 1 - 1e-12)
        return -float(log_likelihood(k, n, values)[0])

    starts = itertools.product((-6, -3, 0), (0.2, 1, 5), (0, MAX_LAPSE))
    bounds = [(-150, 150), (STEEPEST, FLATTEST), (0, MAX_LAPSE)]
    fits = [minimize(cost, start, bounds=bounds) for start in starts]
    return min(fits, key=lambda fit: float(fit.fun)).x


@pytest.mark.parametrize("false_alarms", [0.0, 0.1])
def test_fits_are_as_likely_as_those_of_scipy(false_alarms: float) -> None:
    rng = np.random.default_rng(0)
    for trial in range(4):
        truth = np.array([[rng.uniform(-6, 0), rng.uniform(0.3, 3), rng.uniform(0, 0.1)]])
        n = np.full(7, rng.integers(8, 60))
        rising = psi(truth, AREAS, false_alarms)[0]
        k = rng.binomial(n, rng.random(7) if trial == 0 else rising)
        ours = fit_psychometric(k[None], n[None], AREAS, false_alarms)
        theirs = scipy_fit(k, n, false_alarms)[None]
        a, b = (log_likelihood(k, n, psi(p, AREAS, false_alarms))[0] for p in (ours, theirs))
        assert a > b - 1e-4
        one, other = crossing(ours, false_alarms)[0], crossing(theirs, false_alarms)[0]
        if -6 < other < 0:
            assert one == pytest.approx(other, abs=0.05)
        assert STEEPEST - 1e-9 <= ours[0, 1] <= FLATTEST + 1e-9
        assert 0 <= ours[0, 2] <= MAX_LAPSE


@pytest.mark.parametrize("n_contents", [8, pytest.param(24, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "truth",
    [
        (-2.0, 1.0, 0.05),
        pytest.param((-4.0, 0.6, 0.0), marks=pytest.mark.slow),
        pytest.param((-1.5, 0.3, 0.02), marks=pytest.mark.slow),
    ],
)
def test_the_truth_lies_within_the_interval(
    truth: tuple[float, float, float], n_contents: int
) -> None:
    rng = np.random.default_rng(1)
    p = psi(np.array([truth]), AREAS, 0.05)[0]
    true = crossing(np.array([truth]), 0.05)[0]
    inside, repeats = 0, 40
    for _ in range(repeats):
        fit = fitted(rng.random((n_contents, 7)) < p)
        assert fit.low is not None
        assert fit.high is not None
        inside += fit.low.log2 <= true <= fit.high.log2
    assert inside >= 0.9 * repeats


def test_contents_differ_and_the_interval_knows() -> None:
    """A content that is hard is hard at every area: drawing images would be too sure."""
    rng = np.random.default_rng(2)
    hard = np.where(np.arange(24) % 2, -5.0, -1.0)
    alike = np.full(24, -3.0)
    widths = []
    for alpha in (hard, alike):
        parameters = np.stack([alpha, np.full(24, 0.4), np.zeros(24)], axis=1)
        fit = fitted(rng.random((24, 7)) < psi(parameters, AREAS, 0.05))
        assert fit.low is not None
        assert fit.high is not None
        widths.append(fit.high.log2 - fit.low.log2)
    assert widths[0] > 1.5 * widths[1]


def simulate(signal: np.ndarray, seed: int) -> tuple[pd.DataFrame, Null]:
    """Deltas N(signal of the area, 1) beside a null N(0, 1), through detection."""
    rng = np.random.default_rng(seed)
    probes = table(np.zeros((24, 7))).assign(role="probe", control="")
    probes["delta"] = rng.normal(size=(24, 7)).ravel() + np.tile(signal, 24)
    contents = np.repeat(sorted(set(probes.content)), 6)
    null = pd.DataFrame(
        {
            "id": [f"n{i}" for i in range(len(contents))],
            "content": contents,
            "role": "harmless",
            "control": "",
            "delta": rng.normal(size=len(contents)),
        }
    )
    return probes, null_of(pd.concat([probes, null]))


def test_an_observer_at_chance_never_sees_and_one_that_always_sees_sees_the_smallest() -> None:
    for signal, expected in ((0.0, "never"), (50.0, "< 1/64")):
        observed, null = simulate(np.full(7, signal), seed=3)
        fit = thresholds(observed, null)[CELL]
        assert [str(t) for t in (fit.threshold, fit.low, fit.high)] == [expected] * 3
        assert (fit.n, fit.n_contents) == (168, 24)


def test_an_observer_that_sees_from_an_eighth_on() -> None:
    observed, null = simulate(np.where(AREAS >= 1 / 8, 50, 0), seed=4)
    fit = thresholds(observed, null)[CELL]
    assert fit.threshold.area is not None
    assert 1 / 16 < fit.threshold.area < 1 / 8
    scaled = observed.assign(delta=observed.delta * 2.0**20).sample(frac=1, random_state=0)
    again = thresholds(scaled, replace(null, sizes=null.sizes * 2.0**20, found={}))[CELL]
    assert again == fit


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([0, 0, 0, 0, 0, 0, 0], "never"),
        ([1, 1, 1, 1, 1, 1, 1], "< 1/64"),
        ([1, 1, 1, 0, 0, 0, 0], "never"),  # not monotone: nearly flat, below 0.75
        ([0, 0, 0, 0, 0, 0, 1], "0.76"),
        ([0, 1, 1, 1, 1, 1, 1], "0.024"),
    ],
)
@pytest.mark.parametrize("false_alarms", [0.0, 0.05])
def test_degenerate_data_have_one_sensible_answer(
    row: list[int], expected: str, false_alarms: float
) -> None:
    fit = fitted(np.tile(row, (24, 1)), false_alarms)
    if expected[0] == "0":
        assert fit.threshold.area == pytest.approx(float(expected), rel=0.04)
    else:
        assert str(fit.threshold) == expected
    # All contents are alike, and so are all resamples: the likelihood knows of the gap.
    assert fit.replicates == pytest.approx(np.full(1000, fit.threshold.log2))
    assert fit.low is not None
    assert fit.high is not None
    low, high = fit.low.log2, fit.high.log2
    if expected[0] == "0":
        assert low < fit.threshold.log2 < high == pytest.approx(low + 1)
    else:
        assert low == high == fit.threshold.log2


def test_interval_ends_are_censored_too() -> None:
    rng = np.random.default_rng(5)
    p = psi(np.array([[-0.9, 0.8, 0.0]]), AREAS, 0.05)[0]
    fit = fitted(rng.random((24, 7)) < p)
    assert fit.low is not None
    assert fit.low.censored == ""
    assert str(fit.high) == "never"
    drawn = "percentile bootstrap over 24 contents, B=1000, seed 0"
    assert fit.method == f"likelihood ratio and {drawn}, limits found anew"
    few = fitted(rng.random((8, 7)) < p)
    expanded = f"expanded {drawn.replace('24', '8')}"
    assert few.method == f"likelihood ratio and {expanded}, limits found anew"


def test_areas_that_were_not_tested_are_not_claimed() -> None:
    observed = table(np.zeros((24, 7)))
    part = observed[(observed.area > 1 / 64) & (observed.area <= 1 / 4)]
    fit = thresholds(part, fixed(part))[CELL]
    assert str(fit.threshold) == "> 1/4"
    fit = thresholds(part.assign(delta=1.0), fixed(part))[CELL]
    assert str(fit.threshold) == "< 1/32"


def test_a_reason_where_there_is_no_threshold() -> None:
    hits = np.ones((24, 7))
    for false_alarms, words in ((0.8, "as frequent as"), (np.nan, "not known")):
        fit = fitted(hits, false_alarms)
        assert fit.threshold.area is None
        assert words in str(fit.threshold.reason)
        assert (fit.low, fit.alpha, str(fit.threshold)) == (None, None, "none")
    observed = table(hits)
    fit = thresholds(observed, replace(fixed(observed), rate=np.nan))[CELL]
    assert "not known" in str(fit.threshold.reason)
    few = observed[observed.area > 1 / 4]
    fit = thresholds(few, fixed(few))[CELL]
    assert "3 areas, 2 can be used" in str(fit.threshold.reason)
    alone = fitted(hits[:1])
    assert (str(alone.threshold), alone.low) == ("< 1/64", None)
    with pytest.raises(ValueError, match="severity"):
        thresholds(observed, fixed(observed), by=["type"])
    assert thresholds(observed.iloc[:0], fixed(observed)) == {}


def cells(rows: list[list[int]], contents: int = 24) -> list[Fit]:
    hits = [np.tile(row, (contents, 1)) for row in rows]
    observed = pd.concat([table(h, f"type{i}") for i, h in enumerate(hits)])
    return list(thresholds(observed, fixed(observed)).values())


def test_medians_of_censored_values() -> None:
    below, low, high, never = [1] * 7, [0, 0, *[1] * 5], [0] * 5 + [1, 1], [0] * 7
    assert str(median_threshold(cells([below, below, low])).threshold) == "< 1/64"
    assert str(median_threshold(cells([below, low, never])).threshold) == "0.048"
    assert str(median_threshold(cells([low, never, never])).threshold) == "never"
    assert str(median_threshold(cells([below, never])).threshold) == "never"
    one, other = cells([low, high])
    both = median_threshold([one, other])
    assert both.threshold.log2 == pytest.approx((one.threshold.log2 + other.threshold.log2) / 2)
    # All draws are the same: the interval is from the median lower end to the median upper one.
    ends = [[fit.low.log2, fit.high.log2] for fit in (one, other) if fit.low and fit.high]
    assert both.low is not None
    assert both.high is not None
    assert [both.low.log2, both.high.log2] == pytest.approx(np.mean(ends, axis=0))
    alone = replace(one, low=None, high=None)  # which knows nothing
    unknown = median_threshold([alone, alone, other])
    assert (str(unknown.low), str(unknown.high)) == ("< 1/64", "never")
    none = fitted(np.ones((24, 7)), np.nan)
    left = median_threshold([one, none])
    assert left.threshold.area == one.threshold.area
    assert left.threshold.reason == "1 of 2 cells have no threshold"
    with pytest.raises(ValueError, match="draws"):
        median_threshold([one, fitted(np.ones((24, 7)), seed=1)])
    assert median_threshold([none]).threshold.area is None
    assert median_threshold([]).threshold.reason == "no cell"


def bounds(*texts: str) -> list[Fit]:
    """Fits that say what each text does: threshold, low and high, as "0.03" or "< 1/16"."""

    def threshold(text: str) -> Threshold:
        words = text.split()
        area = float(Fraction(words[-1]))
        return Threshold(area, {"<": "below", ">": "never"}.get(words[0], ""))  # type: ignore[arg-type]

    fits = []
    for text in texts:
        middle, low, high = map(threshold, (text.split(", ") * 3)[:3])
        found = [t for t in (middle, low, high) if t.censored]
        smallest = [t.area for t in found if t.censored == "below"] or [1 / 64]
        largest = [t.area for t in found if t.censored == "never"] or [1.0]
        ends, drawn = (smallest[0], largest[0]), np.array([middle.log2, low.log2, high.log2])
        fits.append(Fit(middle, low, high, "", 1, 2, ends=ends, drawn=2, replicates=drawn))
    return fits


def said(fit: Fit) -> list[str]:
    return [str(fit.threshold), str(fit.low), str(fit.high)]


def test_a_few_cells_without_small_areas_do_not_speak_for_all() -> None:
    few = bounds("< 1/16", "< 1/16")
    assert said(median_threshold([*bounds(*["< 1/64"] * 9), *few])) == ["< 1/64"] * 3
    # What is known of them is the bound alone: they may lie above what others show, or below.
    seen = bounds("0.02", "0.03", "0.04")
    assert said(median_threshold([*seen, *few])) == ["0.04", "0.02", "0.04"]
    most = median_threshold([*seen[:2], *few, *bounds("< 1/32")])
    assert said(most) == ["< 1/32", "< 1/64", "< 1/32"]
    last = [*bounds("> 1/4", "> 1/4"), *bounds(*["> 1"] * 5)]
    assert str(median_threshold(last).threshold) == "never"
    assert str(median_threshold([*last, *bounds(*["> 1/4"] * 4)]).threshold) == "> 1/4"


_RISING = ["< 1/64", "0.02", "< 1/32", "0.04", "< 1/16", "0.07", "0.3", "0.9", "> 1"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.sampled_from(_RISING), min_size=3, max_size=3), min_size=1, max_size=7))
def test_the_median_lies_within_its_interval(cells: list[list[str]]) -> None:
    texts = []
    for cell in cells:
        low, middle, high = sorted(cell, key=_RISING.index)  # a cell has one smallest area
        texts.append(", ".join(low if t.startswith("<") else t for t in (middle, low, high)))
    found = median_threshold(bounds(*texts))
    low, middle, high = (t for t in (found.low, found.threshold, found.high) if t is not None)
    assert low.log2 <= middle.log2 + 1e-9
    for one, other in ((low, middle), (middle, high)):  # of a high end "< 1/32", what it reaches
        assert one.area <= other.area * (1 + 1e-9)  # type: ignore[operator]


def test_the_median_has_an_interval_over_contents() -> None:
    rng = np.random.default_rng(6)
    p = psi(np.array([[-3.0, 0.8, 0.0]]), AREAS, 0.05)[0]
    observed = pd.concat([table(rng.random((24, 7)) < p, f"type{i}") for i in range(9)])
    fits = list(thresholds(observed, fixed(observed)).values())
    found = median_threshold(fits)
    assert found.low is not None
    assert found.high is not None
    assert found.low.log2 < found.threshold.log2 < found.high.log2
    for end, own in ((found.low, [f.low for f in fits]), (found.high, [f.high for f in fits])):
        assert (end.log2 - np.median([t.log2 for t in own if t])) * (end is found.low or -1) <= 0
    assert found.n == 9 * 168


@pytest.mark.slow
def test_the_median_of_cells_of_few_contents_has_the_truth_within_its_interval() -> None:
    """Eight contents, three of them a cell, which differ in all cells and in each: the draws of
    contents alone have the truth in three of four runs, as each cell's threshold is too small."""
    rng = np.random.default_rng(0)
    own, cell, noise = 0.4, 0.5, 0.3  # SDs of log Δ: of contents, of contents in a cell, of images
    levels = np.linspace(-1.5, 4, 31)  # mean of log Δ - log limit at area 1
    gain = 0.5  # of log Δ, an octave
    level = np.median(levels)
    true = (norm.ppf(0.75) * np.sqrt(own**2 + cell**2 + noise**2) - level) / gain
    inside, repeats = [], 40
    for _ in range(repeats):
        shift, parts = rng.normal(0, own, 8), []
        for i, mean in enumerate(levels):
            shown = np.sort(rng.permutation(8)[:3])
            place = mean + shift[shown, None] + rng.normal(0, cell, (3, 1)) + gain * np.log2(AREAS)
            part = table(place + rng.normal(0, noise, (3, 7)) > 0, f"type{i:02}")
            names = [f"scene{c:02}" for c in shown]
            part["content"] = np.repeat(names, 7)
            parts.append(part)
        observed = pd.concat(parts)
        found = median_threshold(list(thresholds(observed, fixed(observed, 0.0)).values()))
        assert found.low is not None
        assert found.high is not None
        inside.append(found.low.log2 <= true <= found.high.log2)
    assert np.mean(inside) >= 0.93


def test_each_draw_has_its_limits_and_false_alarms() -> None:
    """Against a plain loop: every draw is fitted alone, with limits and γ from its own null."""
    rng = np.random.default_rng(8)
    observed, _ = simulate(np.linspace(0, 4, 7), seed=9)
    observed = observed[observed.content < "scene21"]
    scale = np.exp(rng.normal(size=21))  # contents differ in their null, so that limits move
    names = sorted(set(observed.content))
    noise = pd.DataFrame(
        [
            (f"n{c}/{k}", names[c], "harmless", scale[c] * rng.normal())
            for c in range(21)
            for k in range(6)
        ],
        columns=["id", "content", "role", "delta"],
    )
    null = null_of(pd.concat([observed, noise]))
    fit = thresholds(observed, null, seed=3)[CELL]
    sizes = observed.delta.abs().to_numpy().reshape(21, 7)
    own = noise.delta.abs().to_numpy().reshape(21, 6)
    draws = draw_counts(21, 3)
    for draw in range(0, 1000, 97):
        counts, hits, alarms = draws[draw].astype(int), np.zeros(7), 0
        for c in np.flatnonzero(counts):
            pool = np.sort(
                np.concatenate([np.repeat(own[j], counts[j]) for j in range(21) if j != c])
            )
            limit = pool[min(int(np.ceil(95 * (len(pool) + 1) / 100)), len(pool)) - 1]
            hits += counts[c] * (sizes[c] > limit)
            alarms += counts[c] * int((own[c] > limit).sum())
        rate = alarms / (6 * counts.sum())
        expected = crossing(
            fit_psychometric(hits[None], np.full((1, 7), counts.sum()), AREAS, rate), rate
        )[0]
        if -6 < expected < 0:
            assert fit.replicates[draw] == pytest.approx(expected, abs=0.02)
        else:
            assert np.isinf(fit.replicates[draw])


def test_rows_may_differ_in_their_false_alarms() -> None:
    counts, n = np.array([[0, 1, 2, 5, 9, 12, 12]] * 3), np.full((3, 7), 12)
    rates = np.array([0.0, 0.05, 0.2])
    together = fit_psychometric(counts, n, AREAS, rates)
    alone = [fit_psychometric(counts[:1], n[:1], AREAS, rate)[0] for rate in rates]
    np.testing.assert_allclose(
        crossing(together, rates),
        [crossing(fit[None], rate)[0] for fit, rate in zip(alone, rates, strict=True)],
        atol=1e-3,
    )
    assert np.isnan(crossing(together, 0.8)).all()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=7, max_size=7), st.sampled_from([0.0, 0.04, 0.5]))
def test_any_data_have_a_fit_within_the_bounds(k: list[int], false_alarms: float) -> None:
    counts, n = np.array([k]), np.full((1, 7), 12)
    fit = fit_psychometric(counts, n, AREAS, false_alarms)
    assert np.isfinite(fit).all()
    assert STEEPEST - 1e-9 <= fit[0, 1] <= FLATTEST + 1e-9
    p = psi(fit, AREAS, false_alarms)[0]
    assert (np.diff(p) >= -1e-12).all()
    assert (p >= false_alarms - 1e-12).all()
    # Alone or among others, the fit is the same.
    among = fit_psychometric(np.vstack([n, counts, 0 * n]), np.vstack([n] * 3), AREAS, false_alarms)
    np.testing.assert_allclose(among[1], fit[0], rtol=1e-6, atol=1e-8)


@pytest.mark.slow
def test_sixty_cells_of_a_thousand_resamples_take_seconds() -> None:
    rng = np.random.default_rng(7)
    draws = draw_counts(24, 0)
    start = time.process_time()
    for _ in range(60):
        truth = np.array([[rng.uniform(-6, 0), rng.uniform(0.3, 2), 0.02]])
        hits = rng.random((24, 7)) < psi(truth, AREAS, 0.05)
        fit_psychometric(draws @ hits, draws @ np.ones((24, 7)), AREAS, 0.05)
    assert time.process_time() - start < 20  # 10 s are aimed at, on a core of one's own


@pytest.mark.parametrize("places", [8, 48])
def test_the_interval_of_a_step_covers_all_of_the_gap_that_it_may_lie_in(places: int) -> None:
    """None detected up to 1/8, all from 1/4: the threshold may lie anywhere between."""
    trials = np.full(len(AREAS), float(places))
    hits = np.where(AREAS >= 1 / 4, trials, 0)
    likely = likely_crossings(hits, trials, AREAS, 0.05)
    low, high = _with_the_gap(likely, hits, trials, AREAS)
    assert low <= np.nextafter(-3, -2)
    assert high >= -2
    hits[0] = 1  # one detected below: no step any more
    assert _with_the_gap(likely, hits, trials, AREAS) == likely
