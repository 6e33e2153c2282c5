"""The psychometric function over the damaged area, and its fit by maximum likelihood.

    ψ(a) = γ + (1 - γ - λ) · logistic((log₂ a - α) / β)

γ, the rate of false alarms, is known; α (log₂ of an area), β > 0 (octaves of area) and the lapse
rate 0 ≤ λ ≤ 0.1 are fitted (Wichmann and Hill 2001, equation 1). Bounds stand in for a penalty:
β is from 1/8 octave, below which areas an octave apart cannot tell slopes, to 16, which over six
octaves is nearly flat. So data that are all alike, perfectly separated or not monotone have one
sensible fit, too.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import expit, logit, xlogy

LEVEL = 0.75  # of ψ, at the threshold
MAX_LAPSE = 0.1
STEEPEST, FLATTEST = 1 / 8, 16.0  # β, in octaves
_SATURATED = 4.0  # a logit beyond which moving the curve changes no likelihood worth the name
_STEPS = 100  # of the ascent; a sound fit takes about 10
_DONE = 1e-9  # gain in log-likelihood below which a fit is at its maximum
_LIKELY = 1.92  # half the 95 % quantile of χ² with one degree of freedom


def crossing(parameters: np.ndarray, false_alarms: np.ndarray | float) -> np.ndarray:
    """log₂ of the area where ψ = 0.75, for each row α, β, λ of ``parameters [B, 3]``.

    NaN where γ, one for all rows or ``[B]``, is 0.75 or more.
    """
    alpha, beta, lapse = parameters.T
    return alpha + beta * logit((LEVEL - false_alarms) / (1 - false_alarms - lapse))


def log_likelihood(detected: np.ndarray, trials: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Binomial, without its constant, over the last axis."""
    likelihood: np.ndarray = np.sum(
        xlogy(detected, p) + xlogy(trials - detected, np.maximum(1 - p, 0)), axis=-1
    )
    return likelihood


def fit_psychometric(
    detected: np.ndarray, trials: np.ndarray, areas: np.ndarray, false_alarms: np.ndarray | float
) -> np.ndarray:
    """The most likely α, β, λ of each of B data sets at once: ``float64 [B, 3]``.

    ``detected`` and ``trials`` are counts ``[B, A]`` at ``areas [A]``, of which there are at
    least two; ``false_alarms`` is γ of all or of each, ``[B]``. From the best of a coarse grid
    (at the mean γ), each fit climbs by damped Fisher scoring within the bounds. Rows without a
    trial have NaN.
    """
    x = np.log2(areas)
    middle, half = (x.max() + x.min()) / 2, (x.max() - x.min()) / 2
    x = x - middle
    # Parameters u, s, λ of F = logistic(u + s x): flat curves need no far-off α.
    reach = half / STEEPEST + _SATURATED
    low, high = np.array([-reach, 1 / FLATTEST, 0]), np.array([reach, 1 / STEEPEST, MAX_LAPSE])
    gamma = np.broadcast_to(np.reshape(false_alarms, (-1, 1)), (len(detected), 1))
    rows, back = np.unique(np.hstack([detected, trials, gamma]), axis=0, return_inverse=True)
    k, n, gamma = np.split(rows.astype(np.float64), [len(x), 2 * len(x)], axis=1)
    found = _start(k, n, x, half, float(gamma.mean()))
    value = log_likelihood(k, n, _curve(found, x, gamma)[0])
    damping, live = np.full(len(found), 1e-3), np.arange(len(found))
    for _ in range(_STEPS):
        if not len(live):
            break
        here = found[live]
        step = _step(here, k[live], n[live], x, gamma[live], damping[live], low, high)
        there = np.clip(here + step, low, high)
        gain = log_likelihood(k[live], n[live], _curve(there, x, gamma[live])[0]) - value[live]
        better = gain > 0
        found[live[better]] = there[better]
        value[live[better]] += gain[better]
        damping[live] *= np.where(better, 0.1, 10)
        live = live[(gain > _DONE) | (~better & (damping[live] < 1e9))]
    u, s, lapse = found.T
    fits = np.stack([middle - u / s, 1 / s, lapse], axis=1)
    fits[n.sum(axis=1) == 0] = np.nan
    return fits[back]


def likely_crossings(
    detected: np.ndarray, trials: np.ndarray, areas: np.ndarray, false_alarms: float
) -> tuple[float, float]:
    """The range of ``crossing`` over all curves that the counts ``[A]`` do not speak against.

    The 95 % likelihood-ratio interval for independent trials, on a grid of curves.
    """
    x = np.log2(areas)
    middle, half = (x.max() + x.min()) / 2, (x.max() - x.min()) / 2
    curves = _grid(half, slopes=29, places=160, lapses=5)
    p = _curve(curves, x - middle, false_alarms)[0]
    value = np.log(p) @ detected + np.log1p(-p) @ (trials - detected)
    u, s, lapse = curves[value >= value.max() - _LIKELY].T
    found = crossing(np.stack([middle - u / s, 1 / s, lapse], axis=1), false_alarms)
    return float(found.min()), float(found.max())


def _start(
    k: np.ndarray, n: np.ndarray, x: np.ndarray, half: float, false_alarms: float
) -> np.ndarray:
    """The best curve of a coarse grid for each row: u, s, λ."""
    grid = _grid(half, slopes=15, places=29, lapses=2)
    p = _curve(grid, x, false_alarms)[0]
    best = np.argmax(k @ np.log(p).T + (n - k) @ np.log1p(-p).T, axis=1)
    return grid[best]


@lru_cache(maxsize=4)  # the cells of a design share their areas
def _grid(half: float, slopes: int, places: int, lapses: int) -> np.ndarray:
    """Curves of every kind over areas of ± ``half`` octaves: u, s, λ."""
    curves = np.array(
        [
            (-alpha / beta, 1 / beta, lapse)
            for beta in np.geomspace(STEEPEST, FLATTEST, slopes)
            for reach in [half + _SATURATED * beta]
            for alpha in np.linspace(-reach, reach, places)
            for lapse in np.linspace(0, MAX_LAPSE, lapses)
        ]
    )
    curves.flags.writeable = False
    return curves


def _curve(
    at: np.ndarray, x: np.ndarray, false_alarms: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ψ (kept off 0 and 1 by less than any data can tell), F and 1 - γ - λ."""
    f = expit(at[:, :1] + at[:, 1:2] * x)
    span = 1 - false_alarms - at[:, 2:]
    return np.clip(false_alarms + span * f, 1e-12, 1 - 1e-12), f, span


def _step(
    at: np.ndarray,
    k: np.ndarray,
    n: np.ndarray,
    x: np.ndarray,
    false_alarms: np.ndarray,
    damping: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> np.ndarray:
    """One step of damped Fisher scoring; what pushes against a bound stays there."""
    p, f, span = _curve(at, x, false_alarms)
    du = span * f * (1 - f)
    slopes = np.stack([du, du * x, -f], axis=1)  # [B, 3, A]
    variance = p * (1 - p)
    gradient = np.einsum("ba,bpa->bp", (k - n * p) / variance, slopes)
    information = np.einsum("ba,bpa,bqa->bpq", n / variance, slopes, slopes)
    held = ((at <= low) & (gradient <= 0)) | ((at >= high) & (gradient >= 0))
    free = ~held
    information *= free[:, :, None] & free[:, None, :]
    diagonal = np.einsum("bpp->bp", information)  # a view: written through
    diagonal += damping[:, None] * diagonal + held + 1e-12
    step: np.ndarray = np.linalg.solve(information, (gradient * free)[..., None])[..., 0]
    return step
