"""Heads on nested fractions of a dataset, and the alpha that each takes from its own labels.

A small fraction is cross-validated over its contents (five folds, the best SRCC). For a large
one that would cost several times the fit itself; it is chained instead: what it adds to the next
smaller fraction is predicted, for every alpha, by the heads of that one, which have not seen it.
The last such steps that together add 20 contents count, their SRCCs weighted by the number of
images, and of the alphas within one standard error of the best the largest is taken (Breiman et
al. 1984): heads of fewer labels would else ask for too little where the labels are about as many
as the features. The chain always goes along CURVE of ``data_efficiency``, so a number does not
depend on which others of CURVE were asked for.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .folds import Linear, linear, out_of_fold
from .fractions import Fraction
from .heads import best_alpha, predict_views
from .intervals import FEW_CONTENTS
from .metrics import srcc_each
from .outcomes import Usable
from .ridge import RidgePath, SharedRidge
from .rows import Rows

# Rows (samples times views) up to which a fraction is cross-validated: always, and where it adds
# fewer than 20 contents, which would be too few to choose by.
_SMALL, _SMALL_OF_FEW = 512, 2048


def fraction_heads(
    found: Usable, ridge: SharedRidge, fractions: list[Fraction]
) -> Iterator[tuple[Fraction, Linear]]:
    """Each of the nested ``fractions`` that has two contents or more, with its head."""
    values, labels = found.values, found.labels
    able = [f for f in fractions if len(set(found.contents[f.train])) > 1]
    before: RidgePath | None = None
    steps: list[tuple[np.ndarray, np.ndarray]] = []  # rows, and SRCC of every alpha on them
    for fraction, path in zip(able, ridge.nested(f.train for f in able), strict=True):
        if before is not None:
            added = fraction.added
            srcc = srcc_each(predict_views(before, Rows(values, added)), labels[added])
            if np.isfinite(srcc).any():  # of a single image there is none
                steps.append((added, srcc))
        if not steps or _is_small(fraction, found):
            within = out_of_fold(ridge.path, values, found.contents, fraction.train)
            choice = best_alpha(within, labels[fraction.train])
        else:
            choice = _chained(steps, found.contents)
        before = path
        yield fraction, linear(path, choice)


def _is_small(fraction: Fraction, found: Usable) -> bool:
    rows = len(fraction.train) * found.values.shape[1]
    few = len(np.unique(found.contents[fraction.added])) < FEW_CONTENTS
    return rows <= (_SMALL_OF_FEW if few else _SMALL)


def _chained(steps: list[tuple[np.ndarray, np.ndarray]], contents: np.ndarray) -> int:
    """The largest alpha within a standard error of the best, on the last of ``steps``."""
    for first in range(len(steps) - 1, -1, -1):
        rows = np.concatenate([rows for rows, _ in steps[first:]])
        if len(np.unique(contents[rows])) >= FEW_CONTENTS:
            break
    weights = [len(rows) for rows, _ in steps[first:]]
    each = [np.nan_to_num(srcc, nan=-1.0) for _, srcc in steps[first:]]
    mean = np.average(each, axis=0, weights=weights)
    error = (1 - mean.max() ** 2) / np.sqrt(len(rows))
    return int(np.flatnonzero(mean >= mean.max() - error)[-1])
