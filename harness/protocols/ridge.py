"""Ridge regression for many alphas and many subsets of one matrix.

Minimizes ``|y - Zw - b|² + alpha |w|²`` over the rows that are fitted, b unpenalized. Z are the
features, standardized by their mean and standard deviation (over n, not n - 1) unless that is
switched off: what scikit-learn calls StandardScaler and Ridge. Hoerl and Kennard (1970).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from .moments import CHUNK, STRIP, Moments, means, moments, read, same
from .rows import Features
from .shifted import solve_shifted
from .threads import Threads, strips

_LOST = 1e-6  # of a feature's variation: with less left, subtraction has cost too many digits


@dataclass(frozen=True)
class RidgePath:
    """The fits of one training set for every alpha."""

    alphas: np.ndarray  # [A]
    coefficients: np.ndarray  # [A, d], per unit of the raw features; 0 for a constant feature
    feature_means: np.ndarray  # [d], of the training rows
    label_mean: float

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Predictions for ``x [n, d]`` by every alpha, ``float64 [A, n]``."""
        parts = [
            self.coefficients @ (x[i : i + CHUNK] - self.feature_means).T
            for i in range(0, len(x), CHUNK)
        ]
        return np.concatenate(parts, axis=1) + self.label_mean


class SharedRidge:
    """Ridge fits on subsets of the samples of ``x`` (``[n, d]``, or ``[n, V, d]`` where each of a
    sample's V views is a row) with labels ``y [n]``, in float64.

    What the fits share is computed once: the moments of the whole, from which those of the
    samples left out are subtracted when they are the fewer. Where a fit has fewer rows than
    features, its dual form is solved instead. Features are read in chunks. Call it under
    ``one_thread``: then no bit depends on ``threads`` (None: one a core).
    """

    def __init__(
        self,
        x: Features,
        y: np.ndarray,
        alphas: np.ndarray,
        *,
        standardize: bool = True,
        threads: int | None = None,
    ) -> None:
        if x.ndim not in (2, 3) or y.shape != x.shape[:1]:
            raise ValueError(f"features {x.shape} and labels {y.shape} do not belong together")
        if np.min(alphas) <= 0:
            raise ValueError("every alpha must be above 0")
        self._x, self._y = x, np.asarray(y, np.float64)
        self._alphas = np.asarray(alphas, np.float64)
        self._standardize, self._threads = standardize, Threads(threads)
        self._whole: Moments | None = None
        self._origin: np.ndarray | None = None

    def path(self, samples: np.ndarray) -> RidgePath:
        """The fits on ``samples``: ``bool [n]``, or their numbers, of which one may repeat."""
        chosen = self._numbers(samples)
        if self._fewer_than_features(chosen):
            return self._few(chosen)
        return self._primal(*self._moments(chosen))

    def nested(self, subsets: Iterable[np.ndarray]) -> Iterator[RidgePath]:
        """The fits on each of ``subsets``, which must each hold the one before.

        The moments of one are those of the one before and of what is added to it.
        """
        before, kept = np.empty(0, int), None
        for samples in subsets:
            chosen = np.unique(self._numbers(samples))
            if self._fewer_than_features(chosen):
                yield self._few(chosen)
                continue
            added = np.setdiff1d(chosen, before)
            if len(before) + len(added) != len(chosen):
                raise ValueError("a nested subset must hold the one before")
            if self._origin is None:
                self._origin = means(self._x, self._y, np.arange(len(self._y)), self._threads)
            if len(added):
                more = self._of(added, self._origin)
                kept = more if kept is None else kept.plus(more, 1, self._threads)
            before = chosen
            assert kept is not None
            used = self._used(kept, np.diagonal(kept.matrix)[:-1], chosen)
            if used is None:
                yield self._primal(*self._directly(chosen))
            else:
                yield self._primal(replace(kept, matrix=kept.matrix.copy()), used)

    def _numbers(self, samples: np.ndarray) -> np.ndarray:
        chosen = np.flatnonzero(samples) if samples.dtype == bool else np.sort(samples)
        if not len(chosen):
            raise ValueError("a ridge fit needs at least one row")
        return chosen

    def _fewer_than_features(self, chosen: np.ndarray) -> bool:
        return len(chosen) * int(np.prod(self._x.shape[1:-1])) < self._x.shape[-1]

    def _primal(self, found: Moments, used: np.ndarray) -> RidgePath:
        """The fits of ``found``, whose matrix is used up, with the features of ``used``."""
        sd, cross = np.sqrt(found.squares[:-1] / found.n), found.cross
        used = used & _varies(sd, found.means[:-1], found.n)
        scale = np.where(used, sd if self._standardize else 1.0, 1.0)
        gram = found.gram(scale, self._threads)
        if not used.all():
            gram = gram[np.ix_(used, used)]
        return self._solved(gram, (cross / scale)[used], None, scale, used, found.means)

    def _few(self, chosen: np.ndarray) -> RidgePath:
        """The fits on fewer rows than features, all of which are read at once."""
        z = read(self._x, chosen).astype(np.float64)
        y = np.repeat(self._y[chosen], len(z) // len(chosen))
        means = z.mean(axis=0)
        z -= means
        sd = np.sqrt(np.square(z).mean(axis=0))
        used = _varies(sd, means, len(z))
        scale = np.where(used, sd if self._standardize else 1.0, 1.0)
        z = z[:, used] / scale[used]
        means = np.append(means, y.mean())
        y = y - means[-1]
        if len(z) < z.shape[1]:
            return self._solved(self._products(z), y, z, scale, used, means)
        return self._solved(z.T @ z, y @ z, None, scale, used, means)

    def _products(self, z: np.ndarray) -> np.ndarray:
        """The lower triangle of ``z @ z.T``, a strip of rows on each thread."""
        found = np.zeros((len(z), len(z)))

        def fill(s: slice) -> None:
            np.matmul(z[s], z[: s.stop].T, out=found[s, : s.stop])

        self._threads.each(fill, list(strips(0, len(z), STRIP))[::-1])  # the longest first
        return found

    def _solved(
        self,
        gram: np.ndarray,
        target: np.ndarray,
        z: np.ndarray | None,
        scale: np.ndarray,
        used: np.ndarray,
        means: np.ndarray,
    ) -> RidgePath:
        """The path from a primal system, or from the dual one of the rows ``z``."""
        coefficients = np.zeros((len(self._alphas), len(used)))
        if used.any():
            found = solve_shifted(gram, target, self._alphas, self._threads, overwrite=True)
            coefficients[:, used] = (found if z is None else found @ z) / scale[used]
        return RidgePath(self._alphas, coefficients, means[:-1], float(means[-1]))

    def _moments(self, chosen: np.ndarray) -> tuple[Moments, np.ndarray]:
        """Those of ``chosen``, and which features may be used (``bool [d]``).

        Taken from the whole where that is less work and loses no digits.
        """
        times = np.bincount(chosen, minlength=len(self._y))
        left_out = np.flatnonzero(times == 0)
        again = np.repeat(np.arange(len(times)), np.maximum(times - 1, 0))
        if len(left_out) + len(again) < len(chosen):
            if self._whole is None:
                self._whole = self._of(np.arange(len(self._y)), None)
            found = self._whole.plus(self._of(left_out, self._whole.origin), -1, self._threads)
            if len(again):
                found = found.plus(self._of(again, self._whole.origin), 1, self._threads)
            used = self._used(found, self._whole.squares, chosen)
            if used is not None:
                return found, used
        return self._directly(chosen)

    def _directly(self, chosen: np.ndarray) -> tuple[Moments, np.ndarray]:
        return self._of(chosen, None), np.ones(self._x.shape[-1], bool)

    def _used(self, found: Moments, before: np.ndarray, chosen: np.ndarray) -> np.ndarray | None:
        """Which features may be used; None where digits were lost in taking ``found`` from sums
        of squares ``before [d + 1]``, as of a feature or label that varies mostly elsewhere."""
        lost = found.squares <= _LOST * before
        features = np.flatnonzero(lost[:-1])
        if lost[-1] or not same(self._x, chosen, features).all():
            return None
        return ~lost[:-1]

    def _of(self, samples: np.ndarray, origin: np.ndarray | None) -> Moments:
        return moments(self._x, self._y, samples, self._threads, origin)


def _varies(sd: np.ndarray, means: np.ndarray, n: float) -> np.ndarray:
    """Which features vary by more than rounding; the others are dropped."""
    varies: np.ndarray = sd > n * np.finfo(float).eps * np.abs(means)
    return varies
