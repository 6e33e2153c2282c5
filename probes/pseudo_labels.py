"""Pseudo-labels: a stand-in for human opinion, made of four full-reference metrics.

The label of an image is the mean of its ranks, in [0, 1], under MS-SSIM, FSIM, VSI and GMSD
(negated). A rank is read off a frozen table of quantiles, so that adding an image moves no
other. No person has rated anything: wherever these labels show they are called pseudo-labels,
and a metric that went into them, or is close kin, is marked circular and never ranked.

``python -m probes.pseudo_labels`` computes the scores of the full plan through ordinary cells
and writes the table that the package ships.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

CONSTITUENTS = ("pyiqa:ms_ssim", "pyiqa:fsim", "pyiqa:vsi", "pyiqa:gmsd")
# What went into the labels, and what is SSIM by another name.
CIRCULAR = (*CONSTITUENTS, "pyiqa:ssim", "pyiqa:ssimc", "pyiqa:cw_ssim")
QUANTILES = 101
MONOTONE_SHARE = 0.9  # of contents on which a type's label must fall with severity
_FILE = Path(__file__).parent / "data" / "pseudo_labels.json"


@dataclass(frozen=True)
class PseudoLabels:
    """The shipped table: ``scores`` holds each image's four scores, higher is better."""

    quantiles: np.ndarray  # float64 [4, 101], rising
    scores: Mapping[str, tuple[float, ...]]
    left_out: Mapping[str, str]  # type → why it has no labels
    images_hash: str  # of the images that the scores were computed on

    def label(self, name: str) -> float:
        """The pseudo-label of an image of the full plan, in [0, 1], higher is better."""
        return rank_mean(np.array(self.scores[name]), self.quantiles)


def rank_mean(scores: np.ndarray, quantiles: np.ndarray) -> float:
    """Mean over metrics of the rank of ``scores [M]`` in ``quantiles [M, Q]``, in [0, 1]."""
    grid = np.linspace(0, 1, quantiles.shape[1])
    ranks = [np.interp(s, q, grid) for s, q in zip(scores, quantiles, strict=True)]
    return float(np.mean(ranks))


@cache
def shipped() -> PseudoLabels:
    """The table in the package."""
    content = json.loads(_FILE.read_text("utf-8"))
    return PseudoLabels(
        np.array([content["quantiles"][name] for name in CONSTITUENTS]),
        {name: tuple(values) for name, values in content["scores"].items()},
        content["left_out"],
        content["images_hash"],
    )


def make(scores: Mapping[str, tuple[float, ...]], images_hash: str) -> PseudoLabels:
    """Quantiles and left-out types from the scores of the full plan ("content/type/severity")."""
    values = np.array(list(scores.values()))
    quantiles = np.quantile(values, np.linspace(0, 1, QUANTILES), axis=0).T
    ladders: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for name, row in scores.items():
        content, type, severity = name.split("/")
        ladders[type][content][int(severity)] = rank_mean(np.array(row), quantiles)
    left_out = {}
    for type, contents in ladders.items():
        falling = sum(_falls(ladder) for ladder in contents.values())
        if falling < MONOTONE_SHARE * len(contents):
            left_out[type] = (
                f"the label falls with severity in {falling} of {len(contents)} contents"
            )
    return PseudoLabels(quantiles, scores, left_out, images_hash)


def _falls(ladder: Mapping[int, float]) -> bool:
    labels = [ladder[severity] for severity in sorted(ladder)]
    return all(a > b for a, b in pairwise(labels))


def write(labels: PseudoLabels, path: Path = _FILE) -> None:
    """Write the table, sorted by name."""
    content = {
        "images_hash": labels.images_hash,
        "left_out": dict(sorted(labels.left_out.items())),
        "quantiles": dict(zip(CONSTITUENTS, labels.quantiles.tolist(), strict=True)),
        "scores": {name: list(row) for name, row in sorted(labels.scores.items())},
    }
    # One line an entry, so that a change shows as a small difference.
    parts = [
        f"{json.dumps(key)}: "
        + (
            "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()) + "}"
            if isinstance(value, dict) and value
            else json.dumps(value)
        )
        for key, value in content.items()
    ]
    path.parent.mkdir(exist_ok=True)
    path.write_text("{" + ",\n".join(parts) + "}\n", "utf-8")


def compute_scores() -> tuple[dict[str, tuple[float, ...]], str]:
    """The four scores of every pair of the full plan, through ordinary cells; minutes."""
    from harness.cache import default_cache
    from harness.cells import make_cell
    from harness.extract import Task
    from harness.images import DecodePolicy
    from harness.registry import load_model
    from harness.runner import cores
    from harness.settings import Settings
    from harness.stage import compute_tasks
    from harness.store import Store

    from .demo import unlabeled_full

    dataset = unlabeled_full()
    settings = Settings(default_cache() / "cells", DecodePolicy(), workers=cores())
    tasks = []
    for name in CONSTITUENTS:
        model = load_model(name)
        cell = make_cell(model.card, dataset, "score_pair", decoding=settings.policy.name)
        tasks.append(Task(cell, model))
    compute_tasks(dataset, tasks, settings)
    ids = [pair.id for pair in dataset.pairs]
    columns = [Store(settings.cells).cell(task.cell).read().at(ids) for task in tasks]
    rows = np.stack(columns, axis=1).tolist()
    return {name: tuple(row) for name, row in zip(ids, rows, strict=True)}, dataset.images_hash


if __name__ == "__main__":
    table = make(*compute_scores())
    write(table)
    print(f"{len(table.scores)} images, left out: {dict(table.left_out) or 'none'}")
