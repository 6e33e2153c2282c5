"""``relational`` from checkpoints made here: what is exported is what is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from baselines.pretraining import checkpoint
from baselines.relational import adapter
from baselines.relational.channels import CHANNELS
from baselines.relational.config import PRESETS, SCORE_PRESETS
from baselines.relational.network import Maps
from baselines.relational.reading import MAPS_PREFIX, SCORER_PREFIX
from baselines.relational.score import Scorer
from harness.conformance import check
from harness.file_hashes import file_sha256
from harness.model import TrainedOn, operations
from tests.baselines.pretraining.trials import (
    absent_is_a_skip,
    bad_files_are_one_clear_line,
    noise,
    shipped_is_no_option,
)

NAMES = tuple(CHANNELS)
MAPS = json.loads(json.dumps(asdict(PRESETS["smoke"])))
SCORE = json.loads(json.dumps(asdict(SCORE_PRESETS["smoke"])))
ABOUT = {
    "license": "CC0-1.0",
    "source": "drawn here",
    "trained_on": [{"dataset": "cid22", "split": "train"}],
}
Made = Callable[..., tuple[Path, Maps]]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Write a checkpoint of the smoke preset; with a scorer, and changed, if asked."""

    def make(score: bool = True, half: bool = False, **changes: Any) -> tuple[Path, Maps]:
        torch.manual_seed(0)
        maps = Maps(PRESETS["smoke"].network, len(NAMES)).eval()
        torch.nn.init.normal_(maps.last.weight, std=0.2)
        tensors = dict(maps.state_dict())
        config = {"recipe": "relational-maps", "config": MAPS}
        if score:
            scorer = Scorer(maps, SCORE_PRESETS["smoke"])
            tensors = {MAPS_PREFIX + name: value for name, value in tensors.items()}
            tensors |= {SCORER_PREFIX + k: value for k, value in scorer.state_dict().items()}
            config = {"recipe": "relational-score", "config": SCORE}
        path = tmp_path / "checkpoint.safetensors"
        checkpoint.write(path, tensors, {**config, **changes}, half=tensors if half else ())
        return path, maps

    return make


def loaded(path: Path) -> Any:
    return adapter.load(weights=str(path))


@pytest.mark.parametrize("score", [False, True])
def test_it_keeps_the_contract(made: Made, score: bool) -> None:
    model = loaded(made(score)[0])
    assert operations(model) == {"distortion_map", *(["score_pair"] if score else [])}
    found = check(model)
    assert len(found) > (13 if score else 8)
    assert [(each.name, each.problem) for each in found if each.problem] == []


@pytest.mark.parametrize("half", [False, True])
def test_maps_are_those_of_the_network_that_was_exported(made: Made, half: bool) -> None:
    path, network = made(half=half)
    test, reference = noise(64, 96, 1), noise(64, 96, 2)
    with torch.inference_mode():
        expected = network(test[None] / 255, reference[None] / 255)[0]
    (found,) = loaded(path).distortion_map([test], [reference])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0, atol=3e-2 if half else 1e-5)


def test_pairs_of_equal_images_differ_in_nothing_and_order_is_sign(made: Made) -> None:
    model, (a, b) = loaded(made()[0]), (noise(37, 50, 1), noise(37, 50, 2))
    (same,) = model.distortion_map([a], [a])
    forth, back = (model.distortion_map([x], [y])[0] for x, y in ((a, b), (b, a)))
    assert same.shape == (len(NAMES), 10, 13)
    assert (same == 0.5).all()
    assert (forth + back - 1).abs().max() < 1e-6
    scores = model.score_pair([a, a, b], [a, b, a])
    assert scores.dtype == torch.float64
    assert scores[0] == 0
    assert scores[1] == -scores[2] != 0


def test_the_card_is_what_the_checkpoint_says_of_itself(made: Made) -> None:
    path, _ = made(about=ABOUT)
    card, sha256 = loaded(path).card, file_sha256(path)
    assert (card.name, card.mode, card.map_channels) == ("relational", "FR", NAMES)
    assert card.trained_on == (TrainedOn("cid22", "train"),)
    assert card.trained_degradations == tuple(t for types in CHANNELS.values() for t in types)
    assert ("blur", "gaussian-blur", 1) in card.channel_types
    assert ("blur", "high-sharpen", -1) in card.channel_types
    assert tuple(t for _, t, _ in card.channel_types) == card.trained_degradations
    assert card.options == {"weights": sha256[:16]}
    assert (card.weights[0].sha256, card.weights[0].license) == (sha256, "CC0-1.0")
    assert "tiling=exact" in card.coverage


@pytest.mark.slow
def test_a_network_with_windows_says_that_its_tiles_are_approximate() -> None:
    maps = Maps(PRESETS["full"].network, 2, pretrained=False)
    model = adapter.Mapped(maps, adapter.CARD)
    assert "multiples of 256 pixels" in model.card.coverage
    assert "tiling=approximate" in model.card.coverage
    (found,) = model.distortion_map([noise(60, 300, 1)], [noise(60, 300, 2)])
    assert found.shape == (2, 15, 75)


def test_without_a_word_on_its_training_nothing_is_known_of_it(made: Made) -> None:
    card = loaded(made()[0]).card
    assert card.trained_on is None
    assert card.weights[0].license == "not stated"


def test_the_checkpoint_of_the_package_is_no_option(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = made(about=ABOUT)
    shipped_is_no_option(adapter, path, monkeypatch)


def test_without_a_checkpoint_it_is_a_skip_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent_is_a_skip(adapter, "iqa-eval pretrain relational-maps", tmp_path, monkeypatch)


def test_loading_leaves_the_random_stream_alone(made: Made) -> None:
    path, _ = made()
    before = torch.get_rng_state()
    loaded(path)
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_that_are_no_numbers_and_strange_ones_are_refused(made: Made) -> None:
    path, _ = made()
    tensors, kept = checkpoint.read(path)
    name = next(iter(tensors))
    checkpoint.write(path, {**tensors, name: tensors[name] * torch.nan}, kept)
    with pytest.raises(ValueError, match="not finite"):
        loaded(path)
    checkpoint.write(path, {**tensors, "mine": torch.zeros(2)}, kept)
    with pytest.raises(ValueError, match="mine belongs to neither"):
        loaded(path)


def test_it_moves_to_a_device_and_refuses_what_is_none(made: Made) -> None:
    model = loaded(made()[0])
    assert model.to("cpu") is model
    with pytest.raises(ValueError, match="device 'abacus' cannot be used here"):
        model.to("abacus")


@pytest.mark.parametrize("operation", ["distortion_map", "score_pair"])
def test_pairs_that_do_not_match_are_one_clear_line(made: Made, operation: str) -> None:
    run = getattr(loaded(made()[0]), operation)
    with pytest.raises(ValueError, match="a 40x32 image beside a 32x40 reference") as caught:
        run([noise(16, 16), noise(32, 40)], [noise(16, 16), noise(40, 32)])
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="2 images beside 1 references"):
        run([noise(16, 16)] * 2, [noise(16, 16)])


def changed(**fields: Any) -> dict[str, Any]:
    return {**SCORE, **fields}


def network(**fields: Any) -> dict[str, Any]:
    return changed(maps={**MAPS, "network": {**MAPS["network"], **fields}})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": "slide-iqa"}, "of the recipe 'slide-iqa', not relational-maps or"),
        ({"config": {}}, "does not fit: KeyError: 'maps'"),
        ({"config": None}, "does not fit: TypeError"),
        ({"config": network(widths=[8, 12, 20])}, "size mismatch"),
        ({"config": network(widths=[8, 12])}, "equal length"),
        ({"config": network(depths=[1, 2, 1])}, "Missing key"),
        ({"config": network(colour=1)}, "unexpected keyword"),
        ({"config": network(timm="swinv3")}, "timm has no network"),
        ({"config": changed(hidden=17)}, "size mismatch"),
        ({"config": changed(maps={**MAPS, "channels": ["rain"] * len(NAMES)})}, "'rain'"),
        ({"config": changed(maps={**MAPS, "channels": [NAMES[0]] * len(NAMES)})}, "named twice"),
        ({"recipe": "relational-maps", "config": MAPS}, "Missing key"),
        ({"about": "mine"}, "does not fit: AttributeError"),
        ({"about": {"trained_on": [{"set": "cid22"}]}}, "unexpected keyword"),
    ],
)
def test_other_checkpoints_are_one_clear_line(
    made: Made, changes: dict[str, Any], message: str
) -> None:
    path, _ = made(**changes)
    with pytest.raises(ValueError, match=message) as caught:
        loaded(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"checkpoint {path}: ")


def test_damaged_foreign_and_missing_files_are_one_clear_line(made: Made) -> None:
    path, _ = made()
    bad_files_are_one_clear_line(path, loaded)
