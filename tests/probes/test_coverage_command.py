"""The command: a line for each size, a map that shows what was found, refusals in one line."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

from harness import registry
from harness.model import ModelCard
from probes.coverage import coverage as measure
from probes.coverage_command import coverage, line, picture


class LeftHalf:
    """Sees the left half; refuses images as wide as 200 pixels."""

    card = ModelCard("left-half", "1", "NR", trained_on=())

    def score(self, images):
        if images[0].shape[2] >= 200:
            raise RuntimeError("too wide\nfor this model")
        half = [image[:, :, : image.shape[2] // 2].double() for image in images]
        return torch.stack([image.square().mean() for image in half])


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(registry, "load_model", lambda name, **options: LeftHalf())
    app = typer.Typer()
    app.command()(coverage)
    return lambda *args: CliRunner().invoke(app, ["left-half", *map(str, args)])


def test_a_line_a_table_and_a_map(run, tmp_path):
    table, image = tmp_path / "new" / "numbers.csv", tmp_path / "map.png"
    result = run("--size", "128x96", "--size", "64x64", "--out", table, "--out", image)
    assert result.exit_code == 0, result.output
    assert "128x96  score sees 50.0%, detail from 2 px on, fine noise at 24" in result.output
    rows = list(csv.DictReader(table.open()))
    assert [(r["width"], r["share"], r["exact"]) for r in rows] == [
        ("128", "0.5", "True"),
        ("64", "0.5", "True"),
    ]
    assert Image.open(image).size[0] > 500


def test_a_size_that_fails_costs_only_itself(run, tmp_path):
    result = run("--size", "256x64", "--size", "64x64", "--out", tmp_path / "n.csv")
    assert result.exit_code == 1
    assert "left-half at 256x64: RuntimeError: too wide for this model" in result.output
    assert "64x64  score sees 50.0%" in result.output
    assert len((tmp_path / "n.csv").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("--size", "128"), "--size '128': write WIDTHxHEIGHT"),
        (("--size", "0x5"), "--size '0x5': write WIDTHxHEIGHT"),
        (("--out", "map.jpg"), "ends in .png or .csv"),
    ],
)
def test_refusals(run, args, why):
    result = run(*args)
    assert isinstance(result.exception, ValueError)
    assert why in str(result.exception)


def test_too_few_calls(run):
    result = run("--size", "64x64", "--calls", "99")
    assert result.exit_code == 2
    assert "equal to 100" in result.output


def test_the_map_has_each_state_where_it_is():
    """An estimate: open blocks are drawn apart from seen and from unseen ones."""
    found = measure(LeftHalf(), (192, 640), calls=100)
    assert not found.exact
    assert f"({found.low:.1%} to {found.high:.1%})" in line(found)
    pixels = np.array(Image.open(io.BytesIO(picture([found]))).convert("RGB")).reshape(-1, 3)
    share = {c: (pixels == c).all(1).mean() for c in ((1, 115, 178), (201, 206, 214))}
    assert min(share.values()) > 0.005
