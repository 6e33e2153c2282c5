"""The rows of ``representation``: how well what heads say of images fits what was done to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd

from harness.protocols.agreement import join
from harness.protocols.base import Measure, word
from harness.protocols.intervals import few_contents

from .measures.decoding import auroc, r_squared, rank_correlation, type_map
from .measures.over_contents import Estimate
from .measures.representation import Reading
from .readout_trainings import (
    FACTORS,
    FR_SCORES,
    FRACTIONS,
    REGIMES,
    REPEATS,
    WITHOUT,
    fraction,
    left_out,
    levels,
)  # fmt: skip

Readings = Mapping[tuple[str, str], Reading]  # by training and target
_TUNED = "the heads' alpha is tuned with the left-out level among the images, their fit without"


def rows(table: pd.DataFrame, readings: Readings, folds: int, seed: int) -> Iterator[Measure]:
    """Rows of all regimes and fractions; rows of readings are those of ``table``."""
    reader = _Reader(table, folds)
    found = dict(readings)
    for target in ("damaged", "log_area"):
        found["mixed", target] = readings[WITHOUT, target].columns([0])
    for regime, targets in REGIMES.items():
        subset = f"regime={regime}"
        for target in targets:
            if (regime, target) in found:
                for where, cell in reader.cells(target, regime).items():
                    each = reader.read(target, found[regime, target], cell, seed)
                    yield from _measures(each, _joined(subset, where))
    for target in REGIMES["mixed"]:
        if ("mixed", target) in found:
            each = reader.read(target, found["mixed", target], reader.single, seed)
            yield from _measures(each, "all")
    yield from _without(reader, found, seed)
    for target in ("type", "damaged", "log_area"):
        for where, cell in reader.cells(target, "mixed").items():
            for share in FRACTIONS:
                runs = [
                    reader.read(target, found[fraction(share, repeat), target], cell, None)
                    for repeat in range(REPEATS)
                ]
                yield from _repeated(runs, _joined(f"fraction={100 * share:g}%", where))
            each = reader.read(target, found["mixed", target], cell, seed)
            yield from _measures(each, _joined("fraction=100%", where))


class _Reader:
    """The truth of every image, and how predictions are held against it."""

    def __init__(self, table: pd.DataFrame, folds: int) -> None:
        self.folds = folds
        self.table, self.contents = table, table["content"].to_numpy(str)
        self.damaged = table["damaged"].to_numpy()
        self.n, self.area = table["n"].to_numpy(), table["area"].to_numpy()
        self.single = self.n == 1
        self.localized = self.single & (self.area < 1)
        self._present = np.stack(list(levels(table, "type").values()), axis=1)

    def cells(self, target: str, regime: str) -> dict[str, np.ndarray]:
        """The images on which a target is read, ``bool [N]``."""
        if target == "log_area":  # at one area there is nothing to tell
            return {"": self.single if regime == "mixed" else self.localized}
        asked = self.localized if target == "location" else self.single
        found = {"": self.localized, **self.by_area(asked)}
        if target == "type":
            several = sorted(set(self.n.tolist()) - {0, 1})
            found |= {f"damages={n}": self.n == n for n in several}
        return found

    def by_area(self, asked: np.ndarray) -> dict[str, np.ndarray]:
        areas = sorted(set(self.area[asked].tolist()))
        return {f"area={_text(area)}": asked & (self.area == area) for area in areas}

    def read(
        self, target: str, reading: Reading, cell: np.ndarray, seed: int | None
    ) -> dict[str, Estimate]:
        """The metrics of a reading on a cell; clean images are those of its contents."""
        contents, scores = self.contents[cell], reading.values - reading.means
        if target == "type":
            each = type_map(self._present[cell], scores[cell], contents, self.folds, seed)
            return {f"type_{name}": estimate for name, estimate in each.items()}
        if target == "damaged":
            asked = cell | (~self.damaged & np.isin(self.contents, contents))
            truth, names = self.damaged[asked], self.contents[asked]
            return {"damaged_auroc": auroc(truth, scores[asked], names, self.folds, seed)}
        if target in FR_SCORES:
            truth = self.table[target].to_numpy()[cell]
            found = rank_correlation(truth, scores[cell, 0], contents, self.folds, seed)
            return {f"{target}_srcc": found}
        columns = ["x", "y"] if target == "location" else [target]
        truth = self.table[columns].to_numpy(np.float64)
        values, means = (np.broadcast_to(v, truth.shape) for v in (reading.values, reading.means))
        found = r_squared(truth[cell], values[cell], means[cell], contents, self.folds, seed)
        return {f"{target}_r2": found}


def _without(reader: _Reader, found: Readings, seed: int) -> Iterator[Measure]:
    """Rows of heads asked about the type or shape that they never saw."""
    known = left_out(reader.table)
    for factor, regime in FACTORS.items():
        chosen = [(i, level) for i, level in enumerate(known, start=1) if level.factor == factor]
        if not chosen:
            continue
        columns, own = [i for i, _ in chosen], np.stack([level.alone for _, level in chosen], 1)
        asked = np.logical_or.reduce(own, axis=1)
        damaged = found[WITHOUT, "damaged"].columns(columns)
        damaged = replace(
            damaged, values=np.where(own | ~reader.damaged[:, None], damaged.values, np.nan)
        )
        area = _own(found[WITHOUT, "log_area"].columns(columns), own)
        cells = {"": asked & reader.localized} | reader.by_area(asked)
        for where, cell in cells.items():
            yield from _measures(
                reader.read("damaged", damaged, cell, seed),
                _joined(f"regime={regime}", where),
                _TUNED,
            )
        each = reader.read("log_area", area, asked, seed)
        yield from _measures(each, f"regime={regime}", _TUNED)
        for column, (_, level) in enumerate(chosen):
            subset = f"regime={regime} {factor}={word(level.level)}"
            cell = level.alone & reader.localized
            each = reader.read("damaged", damaged.columns([column]), cell, seed)
            each |= reader.read("log_area", area, level.alone, seed)
            yield from _measures(each, subset, _TUNED)


def _own(reading: Reading, own: np.ndarray) -> Reading:
    """Of each row the column that is its ``own``, ``bool [N, m]``; NaN without one."""
    chosen, one = own.argmax(axis=1)[:, None], own.any(axis=1, keepdims=True)
    values, means = (
        np.where(one, np.take_along_axis(v, chosen, axis=1), np.nan)
        for v in (reading.values, reading.means)
    )
    return Reading(values, means)


def _measures(
    estimates: Mapping[str, Estimate], subset: str, remark: str | None = None
) -> Iterator[Measure]:
    for metric, e in estimates.items():
        failed = e.n_expected - e.n
        lacking = f"{failed} have no prediction" if failed else None
        yield Measure(
            metric, e.value, e.n_expected, e.n, failed, subset,
            ci_low=e.low, ci_high=e.high, ci_method=e.method,
            reason=join(e.reason, lacking, None if e.value is None else remark),
            marks=few_contents(e.n_contents),
        )  # fmt: skip


def _repeated(runs: Sequence[Mapping[str, Estimate]], subset: str) -> Iterator[Measure]:
    """The mean of the repeats, and their standard deviation; chance is the same for all."""
    how = f"mean of {len(runs)} repeats; their SD is a metric of its own"
    for metric, first in runs[0].items():
        if metric in ("type_prevalence", "type_chance"):
            continue
        values = [run[metric].value for run in runs]
        known = [value for value in values if value is not None]
        lacking = len(values) - len(known)
        why = f"{lacking} of {len(values)} repeats have no value" if lacking else None
        shown = replace(first, method=how if known else None, reason=why)
        mean = float(np.mean(known)) if known else None
        spread = float(np.std(known, ddof=1)) if len(known) > 1 else None
        each = {metric: replace(shown, value=mean)}
        each[f"{metric}_split_sd"] = replace(shown, value=spread, method=None)
        yield from _measures(each, subset)


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _text(area: float) -> str:
    return str(Fraction(area).limit_denominator(4096))
