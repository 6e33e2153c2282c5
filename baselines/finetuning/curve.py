"""The learning curves of a fit, and which epoch is kept."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import pearsonr, spearmanr

from harness.atomic import write_atomic

Row = Mapping[str, float]


def agreement(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """SRCC and PLCC on the validation part; NaN where one of both does not vary."""
    if min(np.ptp(scores), np.ptp(labels)) == 0:
        return {"srcc": math.nan, "plcc": math.nan}
    measures = {"srcc": spearmanr, "plcc": pearsonr}
    return {name: float(measure(scores, labels)[0]) for name, measure in measures.items()}


def best(curve: Sequence[Row]) -> int:
    """The position of the row of the highest SRCC, the latest of several; NaN is the lowest."""
    return max(range(len(curve)), key=lambda i: (known(curve[i]["srcc"]), i))


def known(value: float) -> float:
    """An SRCC to compare with others: one that is not defined is below all that are."""
    return -2.0 if math.isnan(value) else value


def marked(curve: Sequence[Row]) -> list[Row]:
    """``curve`` with a column "kept" that is 1 in the row of the epoch kept."""
    kept = best(curve)
    return [{**row, "kept": int(i == kept)} for i, row in enumerate(curve)]


def write(path: Path, curve: Sequence[Row]) -> None:
    """Write ``curve``, of at least one row, as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(curve[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(curve)
    write_atomic(path, text.getvalue().encode())
