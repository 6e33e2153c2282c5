"""Arms through the harness: what its protocols say of them, as one tidy table.

Probes are made of the test photographs twice: with the damage and the shapes of masks that arms
were trained with, and with those held out of all training. Apart from these two factors the sets
have the design of ``probes-default``, at four areas and without calibrated ladders, which are
asked nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd

from baselines.slide_iqa.config import TRAINED_SHAPES, TRAINED_TYPES
from harness import sample_files
from harness.model import Model
from harness.runner import run
from harness.sample import Dataset
from probes.degradations import HELD_OUT
from probes.design import DESIGN
from probes.masks import HELD_OUT_SHAPES
from probes.sets import probe_set

AREAS = ("1/64", "1/16", "1/4", "1")
_TRAINED = replace(
    DESIGN,
    types=TRAINED_TYPES,
    shapes=TRAINED_SHAPES,
    areas=tuple(Fraction(area) for area in AREAS),
    equal_damage=0,
    equal_energy=0,
    complement=0,
    two_draws=0,
)
DESIGNS = {
    "trained": _TRAINED,
    "held-out": replace(_TRAINED, types=HELD_OUT, shapes=HELD_OUT_SHAPES),
}
SHARE = {"trained": 1.0, "held-out": 0.5}  # of the budget: fewer types need fewer probes
DEMO = "demo"  # pseudo-labels: no person has rated an image of it
PSEUDO = "linear_probe_srcc"
# From (protocol, metric, subset), with the area in place of {}, to what the table calls it.
_BY_AREA = {
    ("representation", "type_map", "regime=mixed area={}"): "type_map",
    ("representation", "type_chance", "regime=mixed area={}"): "type_chance",
    ("representation", "damaged_auroc", "regime=uniform area={}"): "damaged_auroc",
    ("sensitivity", "detected", "area={}"): "detected",
}
_WHOLE = {
    ("representation", "log_area_r2", "regime=mixed"): "log_area_r2",
    ("sensitivity", "false_alarms", "all"): "false_alarms",
    ("linear-probe", "srcc", "all"): PSEUDO,
}
Scores = dict[tuple[tuple[str, str], str], dict[str, float]]  # (arm, seed), dataset → id → score
KEYS = ("arm", "against", "seed", "test", "types", "area", "metric")
COLUMNS = (*KEYS, "value", "low", "high", "n", "interval", "reason")


def probe_sets(
    tests: Mapping[str, Path], budget: int, seed: int = 0
) -> dict[tuple[str, str], Dataset]:
    """A set for each test folder with trained and with held-out damage, by (test, types).

    Raises ValueError for a folder that cannot be used, or a budget that is too small.
    """
    return {
        (test, types): probe_set(
            f"{test}-{types}", str(root), round(SHARE[types] * budget), seed, design, DEMO
        )
        for test, root in tests.items()
        for types, design in DESIGNS.items()
    }


def evaluated(
    models: Mapping[tuple[str, str], str | Model],
    sets: Mapping[tuple[str, str], Dataset],
    out: Path,
    device: str = "cpu",
    workers: int | None = None,
) -> tuple[pd.DataFrame, Scores]:
    """The rows of the protocols, with COLUMNS, and the scores that ``sensitivity`` rests on.

    ``models`` are by (arm, seed), in words. Records are kept in ``out``. What was computed before
    is not computed again.
    """
    names = {
        model if isinstance(model, str) else model.card.name: key for key, model in models.items()
    }
    found, scores = [], Scores()
    for datasets, protocols in (
        (list(sets.values()), ["representation", "sensitivity"]),
        ([DEMO], ["linear-probe"]),
    ):
        done = run(
            list(models.values()), datasets, protocols,
            out=out / protocols[0], device=device, workers=workers,
        )  # fmt: skip
        found += list(_tidy(done.to_dict("records"), names, sets))
        kept = done[(done["protocol"] == "sensitivity") & done["scores"].notna()]
        for model, dataset, name in set(kept[["model", "dataset", "scores"]].itertuples(False)):
            folder = out / protocols[0] / "records"
            scores[names[model], dataset] = sample_files.read_scores(folder, name)
    return pd.DataFrame(found, columns=list(COLUMNS)), scores


def _tidy(
    rows: Iterable[dict[Any, Any]],
    names: Mapping[str, tuple[str, str]],
    sets: Mapping[tuple[str, str], Dataset],
) -> Iterator[tuple[object, ...]]:
    asked = {(p, m, s.format(a)): (n, a) for (p, m, s), n in _BY_AREA.items() for a in AREAS}
    asked |= {key: (name, "") for key, name in _WHOLE.items()}
    places = {dataset.name: key for key, dataset in sets.items()} | {DEMO: (DEMO, "")}
    for row in rows:
        arm, seed = names[str(row["model"])]
        test, types = places[str(row["dataset"])]
        metric, area = asked.get((row["protocol"], row["metric"], row["subset"]), ("", ""))
        silent = pd.isna(row["value"]) and row["metric"] in ("type_map", "response", "srcc")
        if silent and row["subset"] == "all":  # a whole protocol that said nothing
            print(f"{arm}, seed {seed}, {test} {types}: {row['reason']}", flush=True)
        if metric:
            yield (
                *(arm, "", seed, test, types, area, metric),
                *(row["value"], row["ci_low"], row["ci_high"], row["n_scored"]),
                *(row["ci_method"], row["reason"]),
            )
