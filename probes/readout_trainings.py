"""What the heads of ``representation`` predict, and the images that they learn it from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .measures.draws import drawn
from .measures.representation import Target, Training

FRACTIONS = (0.01, 0.05, 0.10, 0.25)
REPEATS = 5

FR_SCORES = ("fr_psnr", "fr_local_ssim")
_ON_DAMAGE = ("type", "severity", "local_psnr", *FR_SCORES, "damaged")
_OF_FRACTIONS = ("type", "damaged", "log_area")
REGIMES = {
    "uniform": _ON_DAMAGE,
    "localized": (*_ON_DAMAGE, "log_area", "location"),
    "mixed": (*_ON_DAMAGE, "log_area"),
}
WITHOUT = "mixed without"  # one level of a factor; its first column is without nothing
_THROUGH_WITHOUT = ("damaged", "log_area")
FACTORS = {"type": "leave-one-type-out", "shape": "leave-one-shape-out"}


@dataclass(frozen=True)
class LeftOut:
    """A level of a factor: the images that have it anywhere, and those with nothing else."""

    factor: str
    level: str
    anywhere: np.ndarray  # bool [N]
    alone: np.ndarray


def levels(table: pd.DataFrame, factor: str) -> dict[str, np.ndarray]:
    """The images that have each level of a column of levels joined by "+", ``bool [N]``."""
    each = [set(value.split("+")) - {""} for value in table[factor]]
    names = sorted(set[str]().union(*each))
    return {name: np.array([name in found for found in each], bool) for name in names}


def left_out(table: pd.DataFrame) -> list[LeftOut]:
    """What heads are asked about that never saw it; nothing of a factor with a single level."""
    single = (table["n"] == 1).to_numpy()
    return [
        LeftOut(factor, level, anywhere, anywhere & single)
        for factor in FACTORS
        for found in [levels(table, factor)]
        for level, anywhere in found.items()
        if len(found) > 1
    ]


def targets_of(table: pd.DataFrame) -> list[Target]:
    """What heads predict; what no image has (such as a local PSNR) is left out."""

    def of(*columns: str) -> np.ndarray:
        return table[list(columns)].to_numpy(np.float64)

    damaged = of("damaged")
    present = np.stack(list(levels(table, "type").values()), axis=1)
    found = [
        Target("type", np.where(damaged > 0, present, np.nan)),
        Target("severity", of("severity"), strata=table["type"].to_numpy(str)),
        *(Target(name, of(name)) for name in ("local_psnr", *FR_SCORES)),
        Target("log_area", of("log_area")),
        Target("location", of("x", "y")),
        Target("damaged", damaged, balanced=True),
    ]
    return [target for target in found if np.isfinite(target.values).any()]


def trainings_of(table: pd.DataFrame, known: Collection[str], seed: int) -> list[Training]:
    """All trainings on targets that are ``known``."""
    clean, area = ~table["damaged"].to_numpy(), table["area"].to_numpy()
    everything = np.ones(len(table), bool)
    images = {
        "uniform": clean | (area == 1),
        "localized": clean | (area < 1),
        "mixed": everything,
    }
    found = []
    for regime, targets in REGIMES.items():
        elsewhere = _THROUGH_WITHOUT if regime == "mixed" else ()
        wanted = tuple(t for t in targets if t in known and t not in elsewhere)
        found.append(Training(regime, images[regime], wanted))
    blocks = (~everything, *(level.anywhere for level in left_out(table)))
    found.append(Training(WITHOUT, everything, _THROUGH_WITHOUT, blocks))
    for share in FRACTIONS:
        for repeat in range(REPEATS):
            rows = drawn(table, share, repeat, seed)
            found.append(Training(fraction(share, repeat), rows, _OF_FRACTIONS))
    return found


def fraction(share: float, repeat: int) -> str:
    """The name of the training on a share of the labels."""
    return f"fraction={100 * share:g}% repeat={repeat}"
