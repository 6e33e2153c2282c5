"""The training of the score: on frozen maps, in one process or two, and what it refuses."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from baselines.pretraining import checkpoint
from baselines.pretraining.loop import pretrain
from baselines.pretraining.photos import Photos
from baselines.pretraining.state import settings
from baselines.relational import ship as shipping
from baselines.relational.adapter import load
from baselines.relational.config import PRESETS, SCORE_PRESETS
from baselines.relational.loss import dominance
from baselines.relational.maps_recipe import MapsRecipe
from baselines.relational.model import Ranker
from baselines.relational.ranked import Ranked
from baselines.relational.score_recipe import ScoreRecipe, make
from harness.model import TrainedOn
from tests.baselines.pretraining.trials import grainy, in_files, of_two_processes

pytestmark = pytest.mark.usefixtures("one_thread")
MAPS = replace(PRESETS["smoke"], channels=("white-noise", "blur", "brightness"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    return Photos(in_files(grainy(80, 90), tmp_path_factory.mktemp("photos")))


@pytest.fixture(scope="module")
def start(photos: Photos, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of maps of three channels, untrained."""
    path = tmp_path_factory.mktemp("maps") / "checkpoint.safetensors"
    torch.manual_seed(5)
    recipe = MapsRecipe(MAPS)
    model = recipe.build()
    checkpoint.write(path, recipe.exported(model), {**settings(recipe, photos, 1), "step": 8})
    return path


def made(recipe: ScoreRecipe, photos: Photos, n: int, seed: int = 0) -> Ranked:
    return recipe.batch(recipe.drawn(photos, n, 0, torch.Generator().manual_seed(seed)), "cpu")


def test_it_begins_with_the_maps_and_their_settings(start: Path) -> None:
    recipe = make("smoke", {"steps": 3, "seed": 7}, start)
    found = recipe.score.maps  # not those of the preset
    assert replace(found, optimization=MAPS.optimization) == MAPS
    assert found.optimization.steps == MAPS.optimization.steps
    assert (recipe.optimization.steps, recipe.optimization.seed) == (3, 7)
    assert recipe.optimization.batch == SCORE_PRESETS["smoke"].optimization.batch
    told = json.loads(json.dumps(recipe.config))
    assert told["maps"]["channels"] == list(MAPS.channels)
    assert told["start"]["step"] == 8
    assert len(told["start"]["sha256"]) == 64
    tensors, _ = checkpoint.read(start)
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(recipe.build().state_dict())
    for state in states:
        for name, value in tensors.items():
            assert torch.equal(state[f"maps.{name}"], value)
    first, again, other = (
        torch.cat([v.flatten() for k, v in state.items() if k.startswith("scorer.")])
        for state in states
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_what_it_cannot_begin_with_is_one_line(start: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"give --start .* of iqa-eval pretrain relational-maps"):
        make("smoke", {})
    with pytest.raises(
        ValueError, match="relational-score has no preset 'smokey'; closest first: smoke"
    ):
        make("smokey", {}, start)
    with pytest.raises(ValueError, match="no such file"):
        make("smoke", {}, tmp_path / "absent")
    tensors, kept = checkpoint.read(start)
    given = tmp_path / "given.safetensors"
    for held, about, said in (
        (tensors, {**kept, "recipe": "slide-iqa"}, "of the recipe 'slide-iqa', not relational-map"),
        (tensors, {**kept, "recipe": "relational-score"}, "'relational-score', not relational-map"),
        (tensors, {**kept, "config": {**kept["config"], "crop": 50}}, "does not fit: .*crop"),
        (dict(list(tensors.items())[1:]), kept, "does not fit: .*Missing"),
    ):
        checkpoint.write(given, held, about)
        with pytest.raises(ValueError, match=said) as caught:
            make("smoke", {}, given)
        assert "\n" not in str(caught.value)


def test_batches_are_whole_sets_whose_numbers_do_not_meet(start: Path, photos: Photos) -> None:
    recipe = make("smoke", {}, start)
    one, same, other = (made(recipe, photos, 12, seed) for seed in (0, 0, 1))
    assert torch.equal(one.tests, same.tests)
    assert torch.equal(one.set, same.set)
    assert one.tests.shape == (12, 3, 64, 64)
    numbers, counts = one.set.unique(return_counts=True)
    assert counts.tolist() == [6, 6]
    assert not set(numbers.tolist()) & set(other.set.tolist())
    odd = make("smoke", {"batch": 18}, start)
    with pytest.raises(ValueError, match="gives each process 9; relational-score takes mult"):
        pretrain(odd, photos, start.parent / "out", "cpu", processes=2)


def test_maps_read_each_reference_once_and_stay_in_evaluation_mode(
    start: Path, photos: Photos
) -> None:
    recipe = make("smoke", {}, start)
    model, batch = recipe.build().train(), made(recipe, photos, 12)
    assert isinstance(model, Ranker)
    assert model.scorer.training
    assert not any(part.training for part in model.maps.modules())
    whole = model.pooled(batch)
    for i in (0, 4, 5, 6, 11):
        alone = replace(batch, tests=batch.tests[i : i + 1], references=batch.references[i : i + 1])
        model.set_size = 1
        one = model.pooled(alone)
        for name in ("more", "less", "test", "reference", "apart"):
            wanted, found = getattr(one, name)[0], getattr(whole, name)[i]
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-3)
    assert all(not getattr(whole, f.name).requires_grad for f in fields(whole))


def gradients(
    recipe: ScoreRecipe, model: Any, batch: Ranked, gather: Callable[[Tensor], Tensor]
) -> tuple[float, dict[str, Tensor]]:
    model = copy.deepcopy(model).train()
    loss, numbers = recipe.loss(model, batch, gather)
    loss.backward()
    assert set(numbers) == {"rank", "contrast", "order"}
    assert all(torch.as_tensor(value).isfinite() for value in numbers.values())
    return loss.item(), {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


def test_two_processes_have_the_gradients_of_one(start: Path, photos: Photos) -> None:
    recipe = make("smoke", {}, start)
    torch.manual_seed(1)
    model = recipe.build()
    parts = [made(recipe, photos, 12, seed) for seed in (3, 4)]
    each = [[getattr(part, f.name) for part in parts] for f in fields(Ranked)]
    whole = Ranked(*(torch.cat(tensors) for tensors in each))
    assert dominance(whole.amounts, whole.set).any()
    loss, expected = gradients(recipe, model, whole, lambda tensor: tensor)
    found = of_two_processes(parts, lambda part, gather: gradients(recipe, model, part, gather))
    assert [value for value, _ in found] == pytest.approx([loss, loss], rel=1e-5)
    assert expected.keys() == found[0][1].keys() == found[1][1].keys()
    assert all(name.startswith("scorer.") for name in expected)
    largest = max(float(g.abs().max()) for g in expected.values())
    for name, wanted in expected.items():
        assert wanted.isfinite().all()
        for _, of_process in found:
            assert (of_process[name] - wanted).abs().max() <= 1e-4 * largest, name


def test_it_trains_the_score_alone_and_what_is_shipped_can_be_loaded(
    start: Path, photos: Photos, tmp_path: Path
) -> None:
    recipe = make("smoke", {}, start)
    judged = made(recipe, photos, 48, 9)
    torch.manual_seed(recipe.optimization.seed)
    model = recipe.build()
    before, _ = recipe.loss(model, judged, lambda tensor: tensor)
    path = pretrain(recipe, photos, tmp_path / "out", device="cpu")
    tensors, kept = checkpoint.read(path)
    model.load_state_dict(tensors)
    after, _ = recipe.loss(model, judged, lambda tensor: tensor)
    assert after < 0.98 * before
    given, _ = checkpoint.read(start)
    for name, value in given.items():
        assert torch.equal(tensors[f"maps.{name}"], value)
    assert kept["recipe"] == "relational-score"

    shipped = tmp_path / "shipped.safetensors"
    seen = TrainedOn("somewhere", "training")
    shipping.ship(path, shipped, seen, "CC0-1.0", "one core")
    halves, _ = checkpoint.read(shipped)
    assert {value.dtype for value in halves.values()} == {torch.float16}
    card = load(weights=str(shipped)).card
    assert card.trained_on == (seen,)
    assert card.map_channels == MAPS.channels
    (weights,) = card.weights
    assert weights.license == "CC0-1.0"
    for told in (
        "iqa-eval pretrain relational-maps: 8 steps of 8 pairs of 64 pixels, seed 0, 32-true",
        "iqa-eval pretrain relational-score: 8 steps of 12 images of 64 pixels",
        "one core",
    ):
        assert told in weights.source
    again = tmp_path / "again.safetensors"
    shipping.ship(shipped, again, seen, "CC0-1.0", "one core")
    assert again.read_bytes() == shipped.read_bytes()


def test_maps_alone_are_shipped_and_nothing_else(start: Path, tmp_path: Path) -> None:
    shipped = tmp_path / "new" / "shipped.safetensors"
    shipping.main([str(start), str(shipped), "--photos", "somewhere", "--license", "CC0-1.0"])
    _, kept = checkpoint.read(shipped)
    assert kept["about"]["source"].startswith("iqa-eval pretrain relational-maps: 8 steps")
    tensors, kept = checkpoint.read(start)
    checkpoint.write(shipped, tensors, {**kept, "recipe": "slide-iqa"})
    with pytest.raises(ValueError, match="of the recipe 'slide-iqa', which is not shipped here"):
        shipping.ship(shipped, tmp_path / "out", TrainedOn("somewhere"), "CC0-1.0")
    with pytest.raises(ValueError, match="a folder; name a file"):
        shipping.ship(start, tmp_path, TrainedOn("somewhere"), "CC0-1.0")
