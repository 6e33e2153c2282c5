"""The head-free reading of an encoder: can a line through its features tell damaged from clean?

A linear classifier learns from damage of the full frame alone and is asked about damage of any
area on a content that it has not seen. It is ridge regression (Hoerl and Kennard 1970) on ±1
labels, in dual form: images are fewer than features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.protocols.intervals import content_interval
from harness.protocols.metrics import srcc_each
from harness.protocols.rows import Features, chunks

if TYPE_CHECKING:
    import pandas as pd

# Of the mean squared length of a standardized row: so the grid fits any number of features.
ALPHAS = np.geomspace(1e-4, 1e2, 13)


def damage_scores(
    features: Features, contents: np.ndarray, damaged: np.ndarray, train: np.ndarray
) -> np.ndarray:
    """How damaged each image looks to a classifier that never saw its content: ``float64 [N]``.

    Args:
        features: ``float [N, V, D]``, finite; the views are averaged first.
        contents: ``[N]``; each is left out in turn.
        damaged: ``bool [N]``.
        train: ``bool [N]``, which images may be learned from: damage of the full frame, pristine
            images, and as clean ones also those with harmless changes, lest the clean class be a
            handful of images.

    Each class has half of the weight. Features are standardized within the training fold, by its
    weights; alpha is the one that tells the classes apart best on training contents left out
    in turn. ValueError where fewer than two contents besides the one left out have both classes.
    """
    names, groups = np.unique(contents, return_inverse=True)
    x = np.concatenate([features[part].mean(axis=1, dtype=np.float64) for part in chunks(features)])
    found = np.empty(len(x))
    for content in range(len(names)):
        test = groups == content
        fold = train & ~test
        both = np.intersect1d(groups[fold & damaged], groups[fold & ~damaged])
        if len(both) < 2:
            raise ValueError(
                "a classifier needs at least 2 contents, damaged and clean, besides the one that "
                "it is asked about"
            )
        found[test] = _fitted(x[fold], damaged[fold], groups[fold], x[test])
    return found


def aurocs(table: pd.DataFrame, by: Sequence[str] = ("area",), seed: int = 0) -> pd.DataFrame:
    """AUROC of damaged against clean images for each cell of the columns ``by`` of the damaged.

    ``table`` has the columns content, damaged (bool) and score (higher: more damaged). A cell is
    held against the clean images of its own contents, across contents, ties ½. Columns: those
    of ``by``, auroc (NaN without a clean image), low and high (95 %, over contents; NaN without
    an interval), method, n_damaged, n_clean, n_contents.
    """
    import pandas as pd

    damaged, clean = table[table["damaged"]], table[~table["damaged"]]
    groups = damaged.groupby(list(by), dropna=False) if by else [((), damaged)]
    rows = [
        (*key, *_auroc(cell, clean[clean["content"].isin(cell["content"])], seed))
        for key, cell in groups
    ]
    names = ("auroc", "low", "high", "method", "n_damaged", "n_clean", "n_contents")
    return pd.DataFrame(rows, columns=[*by, *names]).astype({"low": float, "high": float})


def _fitted(
    x: np.ndarray, damaged: np.ndarray, groups: np.ndarray, asked: np.ndarray
) -> np.ndarray:
    """Decision values of ``asked [m, D]`` by the classifier of ``x [n, D]``, above 0: damaged."""
    weights = np.where(damaged, 0.5 / damaged.mean(), 0.5 / (1 - damaged.mean()))
    means = weights @ x / len(x)
    z = x - means
    sd = np.sqrt(weights @ z**2 / len(x))
    used = sd > len(x) * np.finfo(float).eps * np.abs(means)  # others vary by rounding alone
    root = np.sqrt(weights)
    z = z[:, used] / sd[used] * root[:, None]
    y = np.where(damaged, 1.0, -1.0)  # weighted, its mean is 0
    values, vectors = _spectrum(z)
    alphas = ALPHAS * max(float(np.square(z).sum()) / len(z), np.finfo(float).tiny)
    projected = vectors.T @ (root * y)
    left_out = np.empty((len(alphas), len(y)))
    for group in np.unique(groups):
        out = np.flatnonzero(groups == group)
        u = vectors[out]
        for i, alpha in enumerate(alphas):
            # With G = (ZZᵀ + alpha I)⁻¹ and a = Gy, leaving a block out has residuals G_bb⁻¹ a_b.
            shrunk = values / (values + alpha)
            inverse = np.eye(len(out)) - (u * shrunk) @ u.T
            rest = root[out] * y[out] - u @ (shrunk * projected)
            left_out[i, out] = y[out] - np.linalg.solve(inverse, rest) / root[out]
    # For two classes, SRCC orders predictions as AUROC does.
    best = alphas[int(np.argmax(np.nan_to_num(srcc_each(left_out, y), nan=-2.0)))]
    dual = (root * y - vectors @ (values / (values + best) * projected)) / best
    # Summed row by row, unlike a product of matrices: equal features have equal values.
    decision: np.ndarray = ((asked - means)[:, used] * (z.T @ dual / sd[used])).sum(axis=1)
    return decision


def _spectrum(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The eigenvalues above 0 of ``zzᵀ [n, n]`` and their vectors ``[n, r]``."""
    if len(z) <= z.shape[1]:
        values, vectors = np.linalg.eigh(z @ z.T)
    else:
        values, right = np.linalg.eigh(z.T @ z)
        vectors = z @ right
    kept = values > values.max(initial=0) * len(z) * np.finfo(float).eps
    vectors = vectors[:, kept]
    return values[kept], vectors / np.linalg.norm(vectors, axis=0)


def _auroc(
    damaged: pd.DataFrame, clean: pd.DataFrame, seed: int
) -> tuple[float, float | None, float | None, str, int, int, int]:
    sizes = len(damaged), len(clean)
    names, groups = np.unique(
        np.concatenate([damaged["content"], clean["content"]]).astype(str), return_inverse=True
    )
    if not all(sizes):
        return np.nan, None, None, "no interval: one class only", *sizes, len(names)
    above, below = groups[: sizes[0]], groups[sizes[0] :]
    scores, rivals = damaged["score"].to_numpy(np.float64), clean["score"].to_numpy(np.float64)
    rivals, below = np.sort(rivals), below[np.argsort(rivals, kind="stable")]
    # wins[c, d]: pairs of c's damaged image above d's clean one, ties ½.
    members = np.zeros((len(rivals) + 1, len(names)))
    members[np.arange(1, len(rivals) + 1), below] = 1
    beaten = members.cumsum(axis=0)
    each = sum(beaten[np.searchsorted(rivals, scores, side)] for side in ("left", "right")) / 2
    wins = np.zeros((len(names), len(names)))
    np.add.at(wins, above, each)
    n_above, n_below = np.bincount(above, minlength=len(names)), beaten[-1]

    def replicate(counts: np.ndarray) -> np.ndarray:
        won = (counts @ wins * counts).sum(axis=1)
        auroc: np.ndarray = won / ((counts @ n_above) * (counts @ n_below))
        return auroc

    value = float(wins.sum() / (sizes[0] * sizes[1]))
    found = content_interval(value, replicate, len(names), seed, limits=(0, 1))
    return value, found.low, found.high, found.method, *sizes, len(names)
