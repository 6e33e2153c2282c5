"""Targets and predictions of relational maps: against the engine, and of models that are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from baselines.pretraining import checkpoint
from baselines.relational import engine
from baselines.relational.adapter import load
from baselines.relational.channels import CHANNELS
from baselines.relational.maps_recipe import make
from harness.images import Decoded, DecodePolicy
from harness.model import TrainedOn
from harness.reducers import REDUCERS
from harness.sample import Dataset, Sample
from harness.settings import Settings
from probes.degradations import BANK
from probes.figures import outputs
from probes.figures.maps import GRID, SIDE
from probes.figures.opposed import opposed
from probes.figures.relational_figure import _caption, relational_figure
from probes.figures.relational_maps import maps, rows, target_of
from probes.relational_maps import claims
from tests.conftest import card

NAMES = tuple(CHANNELS)
CARD = card(
    "oracle",
    mode="FR",
    map_channels=NAMES,
    channel_types=tuple((c, t, sign) for c in NAMES for t, sign in CHANNELS[c].items()),
    trained_on=(TrainedOn("elsewhere"),),
    batch_invariant=True,
)
Images = list[torch.Tensor]


@pytest.fixture(scope="module")
def pairs() -> Dataset:
    return opposed(n=3)


def by_engine(test: Sample, reference: Sample) -> np.ndarray:
    """The target that networks are trained towards, ``float32 [C, H/4, W/4]``."""
    layers = [
        (side * sign * damage.severity / 5, c, alpha)
        for side, sample in ((1, test), (-1, reference))
        for damage, alpha in zip(sample.damages, sample.source.alphas(), strict=True)  # type: ignore
        for c, name in enumerate(NAMES)
        if (sign := CHANNELS[name].get(damage.type))
    ]
    height, width = layers[0][2].shape
    side = -(-max(height, width) // 4) * 4  # its images are squares
    opacities = torch.zeros(len(layers), side, side)
    for k, (_, _, alpha) in enumerate(layers):
        opacities[k, :height, :width] = torch.from_numpy(alpha)
    differences = [engine.Difference(0, c, k, w) for k, (w, c, _) in enumerate(layers)]
    found = engine.targets(differences, opacities, 1, len(NAMES))[0].numpy()
    return found[:, : height // 4, : width // 4]


class Oracle:
    """Says what the engine would have it learn, changed by ``say``."""

    def __init__(self, pairs: Dataset, say: Callable[[np.ndarray], np.ndarray] = lambda m: m):
        self.card, self.calls = CARD, 0
        images = {image.id: image for image in pairs.images}
        self.answers = {
            tuple(map(pixels, couple)): say(by_engine(*couple))
            for p in pairs.pairs
            for couple in [(images[p.test], images[p.reference])]
        }

    def distortion_map(self, images: Images, references: Images) -> list[torch.Tensor]:
        self.calls += 1
        return [
            torch.from_numpy(self.answers[i.numpy().tobytes(), r.numpy().tobytes()])
            for i, r in zip(images, references, strict=True)
        ]


def pixels(sample: Sample) -> bytes:
    decoded = sample.source.load(DecodePolicy())
    assert isinstance(decoded, Decoded)
    return decoded.image.numpy().tobytes()


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The answer of a model to pairs."""
    monkeypatch.setitem(REDUCERS, GRID.name, GRID)

    def ask(model: Any, pairs: Dataset) -> Any:
        monkeypatch.setattr(outputs, "load_model", lambda name, **options: model)
        return maps("oracle", {}, pairs, here(tmp_path))

    return ask


def here(folder: Path) -> Settings:
    return Settings(folder / "cells", DecodePolicy(), progress=False)


def test_either_image_has_damage_that_the_other_lacks_apart_and_of_every_family() -> None:
    found = opposed(n=8)
    assert len(found.pairs) == len({p.content for p in found.pairs}) == 8
    images = {image.id: image for image in found.images}
    families: Counter[str] = Counter()
    ways: set[tuple[float, ...]] = set()
    for pair in found.pairs:
        test, reference = images[pair.test], images[pair.reference]
        severity = [{d.type: d.severity for d in s.damages} for s in (test, reference)]
        types = sorted(severity[0] | severity[1])
        assert len(types) == 2
        gaps = [(severity[0].get(t) or 0) - (severity[1].get(t) or 0) for t in types]
        assert all(gaps)
        ways.add(tuple(np.sign(gaps)))
        families.update(BANK[t].family for t in types)
        layers = {
            d.type: a
            for s in (test, reference)
            for d, a in zip(s.damages, s.source.alphas(), strict=True)  # type: ignore[attr-defined]
        }
        assert not (layers[types[0]] * layers[types[1]]).any()
    assert len(ways) == 3
    assert len(families) >= 6
    assert max(families.values()) - min(families.values()) <= 2
    assert opposed(n=8).images_hash == found.images_hash != opposed(n=8, seed=1).images_hash
    assert len(opposed(n=99).pairs) == 8


def test_photographs_of_a_folder_are_drawn_and_reduced(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        noise = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((800, 600)).save(tmp_path / f"{name}.png")
    found = opposed(str(tmp_path), 2)
    assert {p.content for p in found.pairs} < {"a", "b", "c"}
    decoded = found.samples[0].source.load(DecodePolicy())
    assert isinstance(decoded, Decoded)
    assert decoded.image.shape == (3, 384, 512)
    with pytest.raises(FileNotFoundError, match="no such folder of images"):
        opposed(str(tmp_path / "none"))


def test_targets_are_those_of_the_engine(pairs: Dataset) -> None:
    images, about = {image.id: image for image in pairs.images}, claims(CARD)
    for pair in pairs.pairs:
        couple = images[pair.test], images[pair.reference]
        expected = by_engine(*couple)
        active = np.flatnonzero((expected != 0.5).any(axis=(1, 2)))
        types = {d.type for s in couple for d in s.damages}
        assert {about[t][0] for t in types} == set(active)
        for c in active:
            found = target_of(int(c), *couple, about)
            wanted = GRID.reduce(expected[c][None], None).reshape(SIDE, SIDE)
            # Cells of the one grid straddle those of the other at the mask's edge alone.
            assert np.abs(found - wanted).mean() < 0.005
            assert np.median(np.abs(found - wanted)) == 0
            swapped = target_of(int(c), *couple[::-1], about)
            np.testing.assert_allclose(found + swapped, 1, atol=1e-12)


def test_a_model_that_knows_has_no_error_and_one_that_turns_signs_has_twice_the_flat_one(
    pairs: Dataset, asked: Callable[..., Any]
) -> None:
    told = []
    for version, say in enumerate((lambda m: m, lambda m: 1 - m, lambda m: np.full_like(m, 0.5))):
        model = Oracle(pairs, say)
        model.card = replace(CARD, version=str(version))  # finished work is of one model
        told.append(rows(pairs, asked(model, pairs)))
    for right, wrong, flat in zip(*told, strict=True):
        assert len(right.panels) == 2
        for one, other, none in zip(right.panels, wrong.panels, flat.panels, strict=True):
            assert one.channel == other.channel == none.channel
            assert one.error < 0.005 < 0.03 < one.flat_error
            assert other.error == pytest.approx(2 * one.flat_error, abs=0.005)
            assert none.error == none.flat_error == one.flat_error
        assert right.others is not None
        assert (right.others == 0.5).all()


def test_what_other_channels_say_is_shown(pairs: Dataset, asked: Callable[..., Any]) -> None:
    def noisy(values: np.ndarray) -> np.ndarray:
        quiet = [c for c in range(len(values)) if (values[c] == 0.5).all()]
        values[quiet[0]], values[quiet[1], 0] = 0.6, 0.2
        return values

    for row in rows(pairs, asked(Oracle(pairs, noisy), pairs)):
        assert row.others is not None
        np.testing.assert_allclose(row.others[0], 0.2, rtol=1e-6)
        np.testing.assert_allclose(row.others[-1], 0.6, rtol=1e-6)


def test_the_figure_is_the_same_every_time_and_tells_what_the_card_says(
    pairs: Dataset, asked: Callable[..., Any], tmp_path: Path
) -> None:
    model = Oracle(pairs)
    few = replace(pairs, samples=pairs.samples[:2], explicit_pairs=pairs.pairs[:1])
    first, second = (relational_figure(few, asked(model, few), here(tmp_path)) for _ in "ab")
    assert model.calls == 1
    assert (first.svg, first.png) == (second.svg, second.png)
    assert first.name == "relational.oracle.opposed"
    assert "says that it was trained on elsewhere." in first.caption
    for unknown, words in (((), "on nothing."), (None, "does not say what it was trained on.")):
        assert words in _caption(replace(CARD, trained_on=unknown))


def test_a_checkpoint_is_drawn(asked: Callable[..., Any], tmp_path: Path) -> None:
    torch.manual_seed(0)
    recipe = make("smoke", {})
    network = recipe.build()
    torch.nn.init.normal_(network.last.weight, std=0.2)  # type: ignore[union-attr,arg-type]
    path = tmp_path / "checkpoint.safetensors"
    about = {"recipe": recipe.name, "config": recipe.config}
    checkpoint.write(path, recipe.exported(network), about)
    pair = opposed(n=1)
    answer = asked(load(weights=str(path)), pair)
    (row,) = rows(pair, answer)
    assert len(row.panels) == 2
    assert all(panel.predicted.std() > 0.001 for panel in row.panels)
    assert relational_figure(pair, answer, here(tmp_path)).png.startswith(b"\x89PNG")


def test_channels_that_are_not_there_and_pairs_without_a_map_leave_room(
    pairs: Dataset, asked: Callable[..., Any], tmp_path: Path
) -> None:
    types = {
        d.type for s in pairs.samples if s.content == pairs.samples[0].content for d in s.damages
    }
    model = Oracle(pairs)
    model.card = replace(
        CARD, channel_types=tuple(c for c in CARD.channel_types if c[1] not in types)
    )
    answer = asked(model, pairs)
    first = rows(pairs, answer)[0]
    assert first.panels == ()
    assert first.others is not None
    last = pairs.pairs[-1].id
    kept = [name for name in answer.output.ids if name != last]
    output = outputs.Output(tuple(kept), answer.output.at(kept), {last: "too small"})
    failed = rows(pairs, replace(answer, output=output))[-1]
    assert (failed.panels, failed.others, failed.failed) == ((), None, "too small")
    assert relational_figure(pairs, replace(answer, output=output), here(tmp_path)).png


def test_a_model_that_names_no_type_is_refused(pairs: Dataset, asked: Callable[..., Any]) -> None:
    model = Oracle(pairs)
    model.card = replace(CARD, channel_types=())
    with pytest.raises(ValueError, match="oracle: no channel of its maps names a type of damage"):
        asked(model, pairs)
