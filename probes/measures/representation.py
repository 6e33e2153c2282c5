"""What linear heads on frozen features say of damage in images whose content they have not seen.

Heads learn under a *training*: a choice of images, such as those damaged all over. All trainings
of a fold share one Gram matrix, of features standardized by all images of its training contents
(their labels unseen), and targets alike in rows and alpha one factorization.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.protocols.metrics import srcc_each

from .draws import turns
from .gram_ridge import Fit, System

if TYPE_CHECKING:
    import pandas as pd

# Relative to the mean squared length of a row. The best on training contents left out in turn,
# on at most _TUNED_ON images: a ratio of two variances does not change with their number.
ALPHAS = np.geomspace(1e-3, 1e4, 8)
_TUNED_ON = 512


@dataclass(frozen=True)
class Target:
    """What heads predict: ``values [N, m]``, NaN rows where it is undefined.

    With ``balanced``, a target of 0 and 1, each class has half of the weight. Each value of
    ``strata [N]`` has a head of its own.
    """

    name: str
    values: np.ndarray
    balanced: bool = False
    strata: np.ndarray | None = None

    def among(self, known: np.ndarray) -> Target:
        """The target of the images ``known``, ``bool [N]``."""
        strata = None if self.strata is None else self.strata[known]
        return replace(self, values=self.values[known], strata=strata)

    def weights(self, rows: np.ndarray) -> np.ndarray:
        """Of row numbers, with a mean of 1; if balanced, they have both classes."""
        if not self.balanced:
            return np.ones(len(rows))
        positive = self.values[rows, 0] > 0
        found: np.ndarray = 0.5 / np.where(positive, positive.mean(), 1 - positive.mean())
        return found


@dataclass(frozen=True)
class Training:
    """The images to learn some targets from, ``bool [N]``.

    With ``blocks``, ``bool [N]`` each, there is a head without each of these, one column of the
    result a block (alpha is chosen with all: to tune each would take many times as long); targets
    then have one column and no strata.
    """

    name: str
    rows: np.ndarray
    targets: tuple[str, ...]
    blocks: tuple[np.ndarray, ...] = ()

    def among(self, known: np.ndarray) -> Training:
        """The training of the images ``known``, ``bool [N]``."""
        blocks = tuple(block[known] for block in self.blocks)
        return replace(self, rows=self.rows[known], blocks=blocks)


@dataclass(frozen=True)
class Reading:
    """What heads predict, ``float64 [N, m]``, and the mean of what each of them has learned from.

    That mean is what is known without features. What is rarer in training is more frequent in
    test, so to compare predictions of several folds, take it off.
    """

    values: np.ndarray
    means: np.ndarray

    def columns(self, chosen: Sequence[int]) -> Reading:
        return Reading(self.values[:, chosen], self.means[:, chosen])


def readings(
    features: np.ndarray,
    images: pd.DataFrame,
    folds: Sequence[frozenset[str]],
    trainings: Sequence[Training],
    targets: Sequence[Target],
) -> dict[tuple[str, str], Reading]:
    """Readings by (training, target), each by heads that never saw the content.

    ``features`` are ``float32 [N, D]``, finite; ``images`` has the columns id, content (each in
    one of ``folds``) and damaged (bool). The columns of a reading are those of the target, or the
    training's blocks. NaN where a fold leaves fewer than two contents, or a single value, to
    learn from.
    """
    known = {target.name: target for target in targets}
    found = {}
    for training in trainings:
        for name in training.targets:
            shape = len(features), len(training.blocks) or known[name].values.shape[1]
            found[training.name, name] = Reading(np.full(shape, np.nan), np.full(shape, np.nan))
    contents, order = images["content"].to_numpy(str), turns(images)
    for fold in folds:
        test = np.isin(contents, list(fold))
        gram, across = _grams(features, test)
        place = np.where(test, np.cumsum(test), np.cumsum(~test)) - 1  # in their own part
        for training in trainings:
            wanted = [known[name] for name in training.targets]
            for part, rows, stratum in _problems(training.rows & ~test, wanted):
                if len(np.unique(contents[rows])) < 2:
                    continue
                asked, learned = np.flatnonzero(test & stratum), place[rows]
                heads = _heads(
                    gram[np.ix_(learned, learned)], part, rows, contents, order, training.blocks
                )
                nearness = across[np.ix_(place[asked], learned)]
                for target, head in heads:
                    reading = found[training.name, target.name]
                    reading.values[asked] = nearness @ head.coefficients + head.intercepts
                    reading.means[asked] = head.means
    return found


def _heads(
    gram: np.ndarray,
    targets: Sequence[Target],
    rows: np.ndarray,
    contents: np.ndarray,
    order: np.ndarray,
    blocks: Sequence[np.ndarray],
) -> Iterator[tuple[Target, Fit]]:
    """Each target with its heads; all learn from the same rows."""
    y = np.concatenate([target.values[rows] for target in targets], axis=1)
    few = np.argsort(order[rows], kind="stable")[:_TUNED_ON]
    small = System(gram[np.ix_(few, few)], targets[0].weights(rows[few]))
    predicted, means = small.left_out(y[few], contents[rows[few]], ALPHAS)
    system = System(gram, targets[0].weights(rows))
    fits, end = {}, 0
    for target in targets:
        columns = slice(end, end := end + target.values.shape[1])
        left = predicted[:, :, columns], y[few][:, columns], means[:, columns]
        alpha = _best_alpha(*left, target.balanced)
        if blocks:
            numbers = [np.flatnonzero(block[rows]) for block in blocks]
            yield target, system.without(y[:, columns.start], alpha, numbers)
            continue
        if alpha not in fits:
            fits[alpha] = system.fit(y, alpha)
        yield target, fits[alpha].columns(columns)


def _best_alpha(
    predicted: np.ndarray, y: np.ndarray, means: np.ndarray, two_classes: bool
) -> float:
    """By the squared error, or by AUROC: SRCC orders predictions of two classes alike."""
    if two_classes:  # about training means, which are low where a content has many of a class
        loss = -np.nan_to_num(srcc_each((predicted - means)[:, :, 0], y[:, 0]), nan=-2.0)
    else:
        loss = np.square(predicted - y).sum(axis=(1, 2))
    return float(ALPHAS[np.argmin(loss)])


def _problems(
    rows: np.ndarray, targets: Sequence[Target]
) -> Iterator[tuple[list[Target], np.ndarray, np.ndarray]]:
    """Targets that share a system, the numbers of its rows, and its stratum (``bool [N]``)."""
    shared: dict[tuple[bytes, bool], tuple[list[Target], np.ndarray, np.ndarray]] = {}
    for target in targets:
        defined = rows & np.isfinite(target.values).all(axis=1)
        strata = [np.ones(len(rows), bool)]
        if target.strata is not None:
            strata = [target.strata == name for name in np.unique(target.strata)]
        for stratum in strata:
            numbers = np.flatnonzero(defined & stratum)
            y = target.values[numbers]
            if len(numbers) and (y != y[0]).any():
                key = numbers.tobytes(), target.balanced
                shared.setdefault(key, ([], numbers, stratum))[0].append(target)
    yield from shared.values()


def _grams(features: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inner products of the training rows with each other, and of the test rows with them."""
    x = features[~test]
    means, sd = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
    used = sd > len(x) * np.finfo(np.float32).eps * np.abs(means)  # not by rounding alone
    scale = np.where(used, 1 / np.where(used, sd, 1), 0)
    # In float32 it is half the work, and rounding is far below the smallest alpha.
    z, asked = (((part - means) * scale).astype(np.float32) for part in (x, features[test]))
    return (z @ z.T).astype(np.float64), (asked @ z.T).astype(np.float64)
