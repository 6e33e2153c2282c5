"""The 4-parameter logistic that maps scores to labels before PLCC and RMSE."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from scipy.optimize import least_squares
from scipy.special import expit

_MAX_EVALUATIONS = 200  # of each start; a sound fit takes about 20

# Bounds of the logistic's slope and offset on standardized scores: a slope of 1e-3 is a line,
# an offset of -300 an exponential; an offset above 5 is the reflected curve's, below -5.
_LOG_SLOPE, _OFFSET = (-7.0, 20.0), (-300.0, 5.0)


@dataclass(frozen=True)
class Logistic:
    """``b2 + (b1 - b2) / (1 + exp(-(score - b3) / b4))``, labels from scores.

    It rises or falls; ``b4`` may be negative. ``status`` is "converged" or "not converged: …".
    VQEG, final report on the validation of objective models of video quality assessment,
    phase II (2003).
    """

    b1: float
    b2: float
    b3: float
    b4: float
    status: str

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Scores in label units, ``float64`` of the same shape."""
        z = (np.asarray(scores, np.float64) - self.b3) / self.b4
        return self.b2 + (self.b1 - self.b2) * expit(z)


def fit_logistic(scores: np.ndarray, labels: np.ndarray) -> Logistic:
    """The least-squares logistic from ``scores [n]`` to ``labels [n]`` (finite, not constant).

    Both are standardized, so that their units do not matter. The two parameters that enter
    linearly are solved for exactly at each step (variable projection, Golub and Pereyra 1973;
    Kaufman's Jacobian), which leaves slope and offset to Levenberg-Marquardt and keeps the fit
    sound where the best logistic is nearly a line or an exponential. It starts from the best
    of many curves laid through the quantiles of the scores.
    """
    # Around the median, slope and offset hardly depend on each other, however long the tails.
    middle, x_sd, y_mean, y_sd = np.median(scores), _sd(scores), labels.mean(), _sd(labels)
    u, v = (scores - middle) / x_sd, (labels - y_mean) / y_sd

    def parts(p: np.ndarray, side: int) -> tuple[float, float, np.ndarray, np.ndarray, float]:
        slope, offset = side * np.exp(np.clip(p[0], *_LOG_SLOPE)), np.clip(p[1], *_OFFSET)
        s = expit(slope * u + offset)
        centered = s - s.mean()
        energy = centered @ centered
        return slope, offset, s, centered, float(centered @ v / energy) if energy > 0 else 0.0

    def error(p: np.ndarray, side: int) -> np.ndarray:
        *_, centered, rise = parts(p, side)
        return rise * centered - v

    def jacobian(p: np.ndarray, side: int) -> np.ndarray:
        slope, _, s, centered, rise = parts(p, side)
        d = rise * (s * (1 - s))[:, None] * np.stack([slope * u, np.ones_like(u)], axis=1)
        d *= [_LOG_SLOPE[0] < p[0] < _LOG_SLOPE[1], _OFFSET[0] < p[1] < _OFFSET[1]]
        d -= d.mean(axis=0)
        energy = centered @ centered
        return d - np.outer(centered, centered @ d / energy) if energy > 0 else d

    def refined(start: np.ndarray, side: int) -> Any:
        return least_squares(
            error, start, jacobian, method="lm", args=(side,),
            ftol=1e-12, xtol=1e-12, gtol=1e-12, max_nfev=_MAX_EVALUATIONS,
        )  # fmt: skip

    starts = sorted(_starts(u), key=lambda start: float(np.sum(error(*start) ** 2)))[:3]
    # The customary start, too: at the median, as steep as the scores spread.
    starts += [(np.array([np.log(slope), 0.0]), 1) for slope in (1.0, 4.0)]
    fits = [(refined(*start), start[1]) for start in starts]
    best, side = min(fits, key=lambda fit: fit[0].cost)
    slope, offset, s, _, rise = parts(best.x, side)
    base = -rise * float(s.mean())
    return Logistic(
        b1=float(y_mean + y_sd * (base + rise)),
        b2=float(y_mean + y_sd * base),
        b3=float(middle - x_sd * offset / slope),
        b4=float(x_sd / slope),
        status="converged" if best.status > 0 else f"not converged: {best.nfev} evaluations",
    )


def _starts(u: np.ndarray) -> list[tuple[np.ndarray, int]]:
    """Pairs of (log of the slope's size, offset) and the slope's sign.

    Every curve is centered on one quantile of the scores and nearly level at another.
    """
    quantiles = np.unique(np.quantile(u, (0, 0.1, 0.3, 0.5, 0.7, 0.9, 1)))
    slopes = [(center, 3 / abs(level - center)) for center, level in permutations(quantiles, 2)]
    return [
        (np.array([np.log(slope), -abs(slope * center)]), 1 if center >= 0 else -1)
        for center, slope in slopes
    ]


def _sd(values: np.ndarray) -> float:
    scale = np.abs(values).max()  # squares of very small or large values leave float64
    return float(scale * (values / scale).std())
