"""What the tests of the engine share: a protocol of one mean, and packages laid out as pip does."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from harness import registry, run
from harness.cells import Cell
from harness.protocols.base import Inputs, Measure, Need, Protocol, Skip
from harness.registry import entries
from harness.sample import Dataset

CELL = Cell(
    model="m",
    version="1",
    weights="",
    options="{}",
    fit=None,
    dataset="d",
    images_hash="0",
    operation="score",
    reducer=None,
    decoding="exif-srgb@1",
    precision="float32",
    device="cpu",
    max_pixels=100_000_000,
    libraries=(("torch", "2.0"),),
)


def mean_of(offered: frozenset[str], dataset: Dataset, seed: int) -> tuple[Need, ...] | Skip:
    if "score_pair" in offered:
        return (Need("score_pair"),)
    return (Need("score"),) if "score" in offered else Skip("gives no scores")


def mean(inputs: Inputs) -> list[Measure]:
    """The mean score of the samples, one measure for all and one for each content."""
    (output,) = inputs.outputs.values()
    found = dict(zip(output.ids, output.values.tolist(), strict=True))
    groups: dict[str, list[str]] = {"all": [sample.id for sample in inputs.dataset.samples]}
    for sample in inputs.dataset.samples:
        groups.setdefault(f"content={sample.content}", []).append(sample.id)
    measures = []
    for subset, ids in groups.items():
        scores = {i: found[i] for i in ids if i in found}
        value = sum(scores.values()) / len(scores) if scores else None
        failed = sum(i in output.failures for i in ids)
        measures.append(
            Measure("mean", value, len(ids), len(scores), failed, subset=subset, scores=scores)
        )
    return measures


MEAN = Protocol("mean", "1", "mean score", "mean", mean_of, mean)


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``register(group, name, thing)``: an entry point for the time of one test."""
    added: dict[str, dict[str, registry.Entry]] = {}

    def add(group: str, name: str, thing: object) -> None:
        point = SimpleNamespace(load=lambda: thing)
        added.setdefault(group, {})[name] = registry.Entry(name, "here:thing", "test 1", point)

    monkeypatch.setattr(registry, "entries", lambda g: {**entries(g), **added.get(g, {})})
    add("protocols", "mean", MEAN)
    return add


@pytest.fixture
def go(register: Callable[..., None], tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """``go(models, datasets, **settings)``: run with the protocol "mean" and a cache of its own."""

    def go(
        models: Any, datasets: Any, protocols: Sequence[str] = ("mean",), **settings: Any
    ) -> pd.DataFrame:
        defaults = {"cache": tmp_path / "cache", "workers": 1, "progress": False}
        return run(models, datasets, protocols, **{**defaults, **settings})

    return go


def rows_of(frame: pd.DataFrame, **where: str) -> pd.DataFrame:
    """The rows of ``frame`` in which columns hold what is asked for."""
    for column, value in where.items():
        frame = frame[frame[column] == value]
    return frame


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """``install(name, code, groups)``: a package beside ours, laid out as pip leaves it.

    ``groups`` maps "models" … to {name: attribute of the module}. Returns its site folder.
    """
    site, installed = tmp_path / "site", []

    def add(name: str, code: str, groups: Mapping[str, Mapping[str, str]]) -> Path:
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"{name}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = []
        for group, points in groups.items():
            lines.append(f"[iqa_eval.{group}]")
            lines += [f"{point} = {name}:{target}" for point, target in points.items()]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        installed.append(name)
        monkeypatch.syspath_prepend(site)
        importlib.invalidate_caches()
        entries.cache_clear()
        return site

    yield add
    for name in installed:
        sys.modules.pop(name, None)
    entries.cache_clear()
