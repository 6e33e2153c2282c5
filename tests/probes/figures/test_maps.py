"""Maps: the grid against plain loops, the drop against scores of windows, the choice of probes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.images import Decoded, DecodePolicy
from harness.reducers import REDUCERS
from harness.sample import Dataset
from harness.settings import Settings
from probes import sliding
from probes.demo import demo_probes
from probes.figures import outputs
from probes.figures.map_figure import _difference, map_figure
from probes.figures.maps import GRID, SIDE, gallery, map_of, maps, quantity
from probes.figures.outputs import Answer
from probes.figures.picks import area, named, picks
from tests.conftest import Difference, Sharpness, card

Images = list[torch.Tensor]


@pytest.fixture(autouse=True)
def grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REDUCERS, GRID.name, GRID)


@given(st.integers(1, SIDE), st.integers(1, SIDE), st.integers(0, 9))
def test_a_map_smaller_than_the_grid_is_looked_up(height: int, width: int, seed: int) -> None:
    values = np.random.default_rng(seed).random((2, height, width), np.float32)
    found = GRID.reduce(values, None).reshape(2, SIDE, SIDE)
    for i, j in ((0, 0), (SIDE - 1, SIDE - 1), (SIDE // 3, SIDE // 2)):
        at = int((i + 0.5) / SIDE * height), int((j + 0.5) / SIDE * width)
        np.testing.assert_array_equal(found[:, i, j], values[:, *at])


def test_a_larger_map_is_averaged() -> None:
    values = np.random.default_rng(0).random((1, 2 * SIDE, 3 * SIDE), np.float32)
    found = GRID.reduce(values, None).reshape(SIDE, SIDE)
    wanted = values[0].astype(np.float64).reshape(SIDE, 2, SIDE, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


class Scorer:
    """Minus the mean squared error: beside its reference."""

    def __init__(self) -> None:
        self.card = card("pyiqa:psnr", mode="FR", options={})
        self.calls = 0

    def score_pair(self, images: Images, references: Images) -> torch.Tensor:
        self.calls += 1
        errors = [
            (i.double() - r.double()).square().mean()
            for i, r in zip(images, references, strict=True)
        ]
        return -torch.stack(errors)


def settings(folder: Path) -> Settings:
    return Settings(folder / "cells", DecodePolicy(), progress=False)


def offer(monkeypatch: pytest.MonkeyPatch, **models: object) -> dict[str, dict[str, object]]:
    monkeypatch.setattr(sliding, "load_model", lambda name, **options: models[name])
    monkeypatch.setattr(outputs, "load_model", lambda name, **options: sliding.load(name))
    return {name: {} for name in models}


def test_the_drop_is_in_units_of_the_score_and_computed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, scorer = demo_probes(), Scorer()
    asked = offer(monkeypatch, mse=scorer)
    noisy = [s.id for s in dataset.samples if s.id.startswith("astronaut/white-noise")]
    (probe,) = shown = named(dataset, [noisy[-1]])
    assert area(probe) == "1"
    (found,), _ = maps(asked, dataset, shown, settings(tmp_path))
    calls = scorer.calls
    assert quantity(found) == "Drop of the score (dB)"
    drop = map_of(found, probe.id)
    assert drop is not None
    image, pristine = (s.source.load(DecodePolicy()) for s in gallery(dataset, shown).images)
    assert isinstance(image, Decoded)
    assert isinstance(pristine, Decoded)
    height, width = image.image.shape[1:]
    window = sliding.WINDOW
    # The map's first cell is covered by the first window alone.
    parts = [each.image[:, :window, :window] for each in (image, pristine)]
    assert (height, width) >= (window, window)
    np.testing.assert_allclose(drop[0, 0], -scorer.score_pair(*[[p] for p in parts]), rtol=1e-4)
    maps(asked, dataset, shown, settings(tmp_path))
    assert scorer.calls == calls + 1  # that of this test


def test_other_distortion_maps_are_shown_by_their_strongest_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Two(Difference):
        def __init__(self) -> None:
            self.card = card("two", mode="FR", map_channels=("less", "more"), options={})

        def distortion_map(self, images: Images, references: Images) -> list[torch.Tensor]:
            return [torch.tensor([[[0.1]], [[0.6]]]) for _ in images]

    monkeypatch.setattr(outputs, "load_model", lambda name, **options: Two())
    dataset = demo_probes()
    shown = picks(dataset, 1)
    (found,), _ = maps({"two": {}}, dataset, shown, settings(tmp_path))
    values = map_of(found, shown[0].id)
    assert values is not None
    np.testing.assert_allclose(values, -0.4, rtol=1e-6)
    assert map_of(found, "nothing") is None
    assert quantity(found) == "Distortion − 0.5 (no unit)"


def test_the_figure_of_maps_is_the_same_every_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = demo_probes()
    asked = offer(monkeypatch, sharp=Sharpness(options={}), mse=Scorer())
    shown = picks(dataset, 2)
    found, _ = maps(asked, dataset, shown, settings(tmp_path))
    assert [quantity(each) for each in found] == ["Quality (no unit)", "Drop of the score (dB)"]
    draw = [map_figure(dataset, shown, found, ["x"], settings(tmp_path)) for _ in range(2)]
    assert (draw[0].svg, draw[0].png) == (draw[1].svg, draw[1].png)
    assert all(sample.id in draw[0].caption for sample in shown)
    assert "Not here: x." in draw[0].caption


def test_a_probe_without_a_map_says_so(tmp_path: Path) -> None:
    class Model:
        card = card("none", mode="FR", map_channels=("any",))

    dataset = demo_probes()
    shown = picks(dataset, 1)
    empty = outputs.Output((), np.empty(0), {shown[0].id: "too small"})
    answer = Answer("none", Model(), "distortion_map", empty)
    assert map_figure(dataset, shown, [answer], [], settings(tmp_path)).png


def test_the_difference_in_luma_is_that_of_pillow() -> None:
    from PIL import Image

    gray = [np.full((3, 2, 2), value, np.uint8) for value in (200, 50)]
    np.testing.assert_allclose(_difference(*gray), 150)
    red = np.zeros((3, 1, 1), np.uint8)
    red[0] = 255
    luma = Image.fromarray(red.transpose(1, 2, 0)).convert("L").getpixel((0, 0))
    assert abs(_difference(red, np.zeros_like(red))[0, 0] - luma) < 1


def test_picks_differ_in_content_type_and_area_and_are_always_the_same() -> None:
    dataset = demo_probes()
    found = picks(dataset, 6)
    assert [s.id for s in found] == [s.id for s in picks(dataset, 6)]
    assert len({s.content for s in found}) == 6
    assert len({s.distortion for s in found}) == 6
    assert {area(s) for s in found} == {"1/64", "1/16", "1/4"}
    assert all(s.damages[0].severity == 4 for s in found)
    assert [s.id for s in picks(dataset, 3)] == [s.id for s in found[:3]]


def test_refusals() -> None:
    dataset = demo_probes()
    with pytest.raises(ValueError, match="has no sample 'astronaut/jpg'; closest: astronaut/jpeg"):
        named(dataset, ["astronaut/jpg"])
    with pytest.raises(ValueError, match="no probe that is damaged in a part only"):
        picks(Dataset("none", ()), 3)
    pristine = Dataset("pristine", dataset.references)
    with pytest.raises(ValueError, match="is no probe: it has no known damage"):
        named(pristine, [pristine.samples[0].id])
