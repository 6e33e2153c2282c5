"""How a gate resamples, and the p that follows: as many draws as Holm's correction needs."""

from __future__ import annotations

import numpy as np
from scipy import stats

from ..protocols.intervals import FEW_CONTENTS, RESAMPLES, draw_counts
from ..protocols.paired import ALPHA, Replicates


def resamples(n: int, seed: int, n_tests: int) -> list[np.ndarray]:
    """How often each of ``n`` contents is drawn, in parts; below FEW_CONTENTS, for a jackknife."""
    if n < FEW_CONTENTS:
        return [1 - np.eye(n, dtype=np.uint16)]
    parts = max(1, -(-int(4 / ALPHA) * n_tests // RESAMPLES))
    return [draw_counts(n, seed + part) for part in range(parts)]


def p_value(found: Replicates) -> float:
    """Two-sided p of "no difference"; below FEW_CONTENTS that of the jackknife's t interval."""
    if found.n_contents >= FEW_CONTENTS:
        return found.p_value(1, 0)
    gaps = found.draws[1] - found.draws[0]
    gaps = gaps[np.isfinite(gaps)]
    n = len(gaps)
    error = float(np.sqrt((n - 1) / n * np.sum((gaps - gaps.mean()) ** 2))) if n > 1 else 0.0
    if not error:
        return float("nan")
    return float(2 * stats.t.sf(abs(found.values[1] - found.values[0]) / error, n - 1))
