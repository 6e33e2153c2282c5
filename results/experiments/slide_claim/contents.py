"""The same numbers with each content left out in turn, so that differences of arms are paired.

The protocols give each number an interval of its own. Two arms see the same contents, so their
difference varies less than the two apart: it is found anew without each content, by the functions
that the protocols are made of and with the features and scores that the harness has kept.
Predictions are held fixed, as they are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from harness.cache import default_cache
from harness.cells import make_cell
from harness.images import DecodePolicy
from harness.model import Model
from harness.sample import Dataset
from harness.store import Output, Store
from probes.measures.decoding import auroc, r_squared, type_map
from probes.measures.detection import detections
from probes.measures.draws import content_folds
from probes.measures.representation import Reading, Training, readings
from probes.observed import observed
from probes.readout_table import readable, table_of
from probes.readout_trainings import targets_of
from probes.trained import Trained

from .measure import AREAS

ALL = ""  # in place of a content: none is left out
COLUMNS = ("area", "metric", "content", "value")
Value = Callable[[np.ndarray], float | None]  # of the images to keep, bool [N]


class Left:
    """A probe set, and what is the same for all arms on it."""

    def __init__(self, dataset: Dataset, seed: int = 0) -> None:
        self.dataset, self.samples = dataset, readable(dataset)
        self.table = table_of(self.samples)
        self.contents = self.table["content"].to_numpy(str)
        self.folds = content_folds(self.contents, seed)

    def of(self, features: Output, scores: Mapping[str, float]) -> pd.DataFrame:
        """A value for each (area, metric, content left out), with COLUMNS."""
        found = [*self._representation(features), *self._detection(scores)]
        return pd.DataFrame(found, columns=list(COLUMNS))

    def _each(
        self, area: str, metric: str, contents: np.ndarray, value: Value
    ) -> Iterator[tuple[str, str, str, float | None]]:
        yield area, metric, ALL, value(np.ones(len(contents), bool))
        for content in sorted(set(contents)):
            yield area, metric, content, value(contents != content)

    def _representation(self, features: Output) -> Iterator[tuple[str, str, str, float | None]]:
        table, folds = self.table, len(self.folds)
        clean, area = ~table["damaged"].to_numpy(), table["area"].to_numpy()
        single = (table["n"] == 1).to_numpy()
        known = ~table["id"].isin(features.failures).to_numpy()  # as the protocol has them
        targets = {target.name: target for target in targets_of(table)}
        everything = np.ones(len(table), bool)
        trainings = (
            Training("uniform", clean | (area == 1), ("damaged",)),
            Training("mixed", everything, ("type", "log_area")),
        )
        values = features.at(table["id"][known].tolist())
        read = readings(
            values.mean(axis=1, dtype=np.float64).astype(np.float32),
            table[known],
            self.folds,
            [training.among(known) for training in trainings],
            [target.among(known) for target in targets.values()],
        )
        read = {
            key: Reading(_spread(r.values, known), _spread(r.means, known))
            for key, r in read.items()
        }
        kind, damaged, size = (
            read[key] for key in (("mixed", "type"), ("uniform", "damaged"), ("mixed", "log_area"))
        )
        present = targets["type"].values > 0
        scores, alarm = kind.values - kind.means, damaged.values - damaged.means
        for name in AREAS:
            cell = single & (area == _number(name))

            def types(keep: np.ndarray, cell: np.ndarray = cell) -> float | None:
                k = cell & keep
                return type_map(present[k], scores[k], self.contents[k], folds, None)["map"].value

            def told(keep: np.ndarray, cell: np.ndarray = cell) -> float | None:
                k = (cell | (clean & np.isin(self.contents, self.contents[cell]))) & keep
                return auroc(~clean[k], alarm[k], self.contents[k], folds, None).value

            yield from self._each(name, "type_map", self.contents, types)
            yield from self._each(name, "damaged_auroc", self.contents, told)
        truth = targets["log_area"].values

        def extent(keep: np.ndarray) -> float | None:
            k = single & keep
            arrays = truth[k], size.values[k], size.means[k], self.contents[k]
            return r_squared(*arrays, folds, None).value

        yield from self._each("", "log_area_r2", self.contents, extent)

    def _detection(
        self, scores: Mapping[str, float]
    ) -> Iterator[tuple[str, str, str, float | None]]:
        if not scores:
            return
        output = Output(tuple(scores), np.array(list(scores.values())), {})
        table = observed(self.dataset.samples, output, 1.0, Trained(None, None))
        table = table.dropna(subset=["delta"])
        names = table["content"].to_numpy(str)
        plain = (table["role"] == "probe") & (table["n"] == 1) & (table["visible"] != "no")
        here = {name: (plain & (table["area"] == _number(name))).to_numpy() for name in AREAS}
        for content in (ALL, *sorted(set(names))):
            keep = names != content
            part = table[keep]
            detected = detections(part).detected.reindex(part["id"])
            for name, cell in here.items():
                share = detected[cell[keep]].dropna()
                yield name, "detected", content, float(share.mean()) if len(share) else None


def check(rows: pd.DataFrame, left: pd.DataFrame) -> None:
    """Raise ValueError unless numbers without a content left out are those of the protocols."""
    places = ["arm", "seed", "test", "types", "area", "metric"]
    whole = left[left["content"] == ALL].dropna(subset=["value"])
    both = whole.merge(rows.dropna(subset=["value"]), how="left", on=places)
    wrong = both[~np.isclose(both["value_x"], both["value_y"], rtol=0, atol=1e-6)]
    if len(wrong):
        first = wrong.iloc[0]
        raise ValueError(
            f"{len(wrong)} of {len(both)} numbers are not those of the protocols, first "
            f"{', '.join(first[places])}: {first['value_x']:.6f}, not {first['value_y']:.6f}"
        )


def _spread(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Rows of the ``known`` images as rows of all, NaN elsewhere."""
    found = np.full((len(known), values.shape[1]), np.nan)
    found[known] = values
    return found


def _number(area: str) -> float:
    top, _, bottom = area.partition("/")
    return int(top) / int(bottom or 1)


def features_of(model: Model, dataset: Dataset, device: str = "cpu") -> Output:
    """What the harness has kept of a model's features on a dataset; StoreError without any."""
    kind = device.partition(":")[0] if hasattr(model, "to") else "cpu"
    cell = make_cell(
        model.card, dataset, "features", decoding=DecodePolicy().name, device=kind
    )  # fmt: skip
    return Store(Path(default_cache()) / "cells").cell(cell).read()
