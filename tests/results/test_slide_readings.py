"""Ways to read a frozen encoder: where windows lie, and that one reading is the package's."""

from __future__ import annotations

import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "results" / "experiments"))

from slide_claim import readings
from slide_claim.readings import READINGS, Read, text

from baselines.slide_iqa import adapter

WINDOW = 112


@pytest.fixture(scope="module")
def base():
    return adapter.load()


def image(height, width):
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (3, height, width), dtype=np.uint8))


@given(st.integers(7, 64).map(lambda patches: 16 * patches))
def test_windows_cover_the_side_on_whole_patches(side):
    starts = readings._starts(side, WINDOW, 16)
    assert (starts[0], starts[-1]) == (0, side - WINDOW)
    assert all(start % 16 == 0 for start in starts)
    assert set().union(*(range(s, s + WINDOW) for s in starts)) == set(range(side))


def test_one_of_the_readings_is_that_of_the_package(base, tmp_path):
    pixels = [image(240, 336)]
    read = Read(base, "whole: class, mean, deviation", WINDOW, tmp_path)
    torch.testing.assert_close(read.features(pixels), base.features(pixels))
    assert torch.equal(read.features(pixels), read.features(pixels))
    assert len(list(tmp_path.rglob("*.npy"))) == 1


def test_what_is_kept_is_of_its_network(base, tmp_path):
    pixels, reading = [image(240, 336)], "whole: class, mean"
    encoder = deepcopy(base.encoder)
    with torch.no_grad():
        encoder.vit.cls_token.add_(1)
    weights = (replace(base.card.weights[0], sha256="0" * 64),)
    other = adapter.Features(encoder, replace(base.card, weights=weights))
    found = [Read(each, reading, WINDOW, tmp_path).features(pixels) for each in (base, other)]
    assert not torch.equal(*found)


def test_a_single_window_is_the_whole_image(base):
    pixels = image(WINDOW, WINDOW)[None].float() / 255
    found = dict(zip(readings._STATISTICS, readings.statistics(base, pixels, WINDOW), strict=True))
    for name in ("class", "mean", "deviation"):
        torch.testing.assert_close(found[f"w: {name}"], found[name])
    assert not found["w: class deviation"].any()


def test_the_table_has_a_line_for_each_reading():
    rows = [
        (reading, "kodak", metric, area, 0.1 * i)
        for i, reading in enumerate(READINGS)
        for metric in readings._SHOWN
        for area in readings._AREAS
    ]
    table = pd.DataFrame(rows, columns=["arm", "test", "metric", "area", "value"])
    told = "\n".join(text(table))
    assert "| whole: class, mean, deviation | 0.100 |" in told
    assert told.count("\n| w") == len(READINGS)
