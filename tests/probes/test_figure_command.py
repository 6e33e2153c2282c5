"""The commands write a figure in both formats with its caption, and compute nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from harness import datasets
from harness.model import Unavailable
from harness.reducers import REDUCERS
from harness.sample import Dataset
from probes import sliding
from probes.degradations import BANK
from probes.demo import demo_probes
from probes.figure_command import app
from probes.figures import outputs
from probes.figures.maps import GRID
from tests.conftest import Difference, Sharpness, card


class Typed(Difference):
    """Calls every difference the damage of one channel; ``counted`` sees the images, too."""

    def __init__(self, counted: Sharpness) -> None:
        types = tuple(("all", name, 1) for name in BANK)
        self.card = card("typed", mode="FR", map_channels=("all",), channel_types=types)
        self.counted = counted

    def distortion_map(self, images: Any, references: Any) -> Any:
        self.counted.seen += len(images)
        return super().distortion_map(images, references)


def few() -> Dataset:
    """The ladders of one photograph and two types."""
    whole = demo_probes()
    kept = tuple(s for s in whole.samples if s.content == "rocket")[:12]
    return Dataset("few", kept, tuple(r for r in whole.references if r.id == "rocket"))


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Sharpness:
    sharpness = Sharpness(options={})

    def load(name: str, **options: Any) -> object:
        if name == "absent":
            raise Unavailable("no weights here")
        if name == "typed":
            return Typed(sharpness)
        return sharpness if name == "sharpness" else sliding.load("sharpness")

    monkeypatch.setattr(outputs, "load_model", load)
    monkeypatch.setattr(sliding, "load_model", load)
    monkeypatch.setattr(datasets, "load_dataset", lambda name, root, **options: few())
    monkeypatch.setitem(REDUCERS, GRID.name, GRID)
    return sharpness


@pytest.fixture
def figure(model: Sharpness, tmp_path: Path) -> Callable[..., Any]:
    def call(*words: str) -> Any:
        given = [*words, "--out", tmp_path / "new" / "figures", "--cache", tmp_path / "cache"]
        return CliRunner().invoke(app, [*map(str, given), "--workers", "1"])

    return call


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("distributions", "--models", "sharpness,absent"), "distributions.few"),
        (("maps", "--models", "sliding:sharpness", "--n", "2"), "maps.few"),
        (("embeddings", "--model", "sharpness"), "embeddings.sharpness.few"),
        (("relational", "--model", "typed", "--n", "2"), "relational.typed.opposed"),
    ],
)
def test_a_figure_and_its_caption_twice_with_one_computation(
    words: tuple[str, ...],
    name: str,
    figure: Callable[..., Any],
    model: Sharpness,
    tmp_path: Path,
) -> None:
    found, seen = [], []
    for _ in range(2):
        result = figure(*words)
        assert result.exit_code == 0, result.output
        files = {path.suffix: path for path in (tmp_path / "new" / "figures").iterdir()}
        assert {path.stem for path in files.values()} == {name}
        found.append({suffix: path.read_bytes() for suffix, path in files.items()})
        seen.append(model.seen)
    assert found[0] == found[1]
    assert seen[0] == seen[1] > 0
    assert {".svg", ".png", ".txt"} <= set(files)
    assert Image.open(files[".png"]).size[0] > 800
    assert len(files[".txt"].read_text()) > 100
    if ".csv" in files:
        assert "left out: absent: no weights here" in result.output
        table = pd.read_csv(files[".csv"])
        assert set(table["area"]) == {"1/64", "1/16", "1/4", "1"}


def test_one_probe_by_its_id(figure: Callable[..., Any], tmp_path: Path) -> None:
    name = few().samples[1].id
    assert figure("maps", "--models", "sliding:sharpness", "--sample", name).exit_code == 0
    assert f"Rows, from the top: {name}." in " ".join(
        (tmp_path / "new" / "figures" / "maps.few.txt").read_text().split()
    )


def test_refusals(figure: Callable[..., Any]) -> None:
    result = figure("maps", "--models", "sharpness")
    assert isinstance(result.exception, ValueError)
    assert "sliding:NAME" in str(result.exception)
    assert figure("maps", "--n", "0").exit_code == 2
    result = figure("embeddings", "--model", "sharpness", "--dataset-option", "oops")
    assert "--dataset-option 'oops': write NAME=VALUE" in str(result.exception)
