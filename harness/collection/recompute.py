"""Agreement with labels, computed again from the scores and labels that a row names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..protocols import metrics
from ..records import Row
from ..sample_files import read_samples, read_scores
from .folders import file_path

# Protocols whose rows of all samples come from the very scores that they name.
PROTOCOLS = frozenset({"correlation", "significance"})
_CLOSE = 1e-9
_CLOSE_FITTED = 1e-4  # a fit ends a little elsewhere with another version of SciPy


def wrong_values(rows: Sequence[Row], folder: Path) -> Iterator[str]:
    """For each value that is not what its scores and labels give: which, and what they give.

    Rows of other protocols, of parts of the samples, and those whose labels are not in ``folder``
    are passed over.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        named = row.scores and row.samples and row.metric in metrics.METRICS
        if row.protocol in PROTOCOLS and row.subset == row.split == "all" and named:
            assert row.scores
            assert row.samples
            if file_path(folder, "samples", row.samples).exists():
                groups.setdefault((row.scores, row.samples), []).append(row)
    for (scores, samples), group in groups.items():
        found = read_scores(folder, scores)
        labels = read_samples(folder, samples)["label"].dropna()
        ids = sorted(found.keys() & set(labels.index))
        x = np.array([found[name] for name in ids], np.float64)
        y = labels.loc[ids].to_numpy(np.float64)
        estimates, _ = metrics.agreement(x, y, [row.metric for row in group])
        for row in group:
            value = estimates[row.metric].value
            if not _equal(row.value, value, row.metric):
                yield f"{row.metric} is {row.value}, its scores and labels give {value}"
            if row.n_scored != len(ids):
                yield f"{row.metric} is of {row.n_scored} samples, {len(ids)} have scores"


def _equal(one: float | None, other: float | None, metric: str) -> bool:
    if one is None or other is None:
        return one is other
    close = _CLOSE_FITTED if metric in metrics.AFTER_LOGISTIC else _CLOSE
    return math.isclose(one, other, rel_tol=close, abs_tol=close)
