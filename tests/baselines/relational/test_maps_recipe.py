"""The training of the maps: swapped pairs, one process or two, killed and resumed, and learning."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from baselines.pretraining import checkpoint
from baselines.pretraining.log import read
from baselines.pretraining.loop import pretrain
from baselines.pretraining.photos import Photos
from baselines.relational.config import PRESETS, MapsConfig
from baselines.relational.engine import Triplets, draw_triplets, make_triplets
from baselines.relational.loss import weighted_mse
from baselines.relational.maps_recipe import MapsRecipe, make, swapped
from tests.baselines.pretraining.trials import (
    grainy,
    in_files,
    of_two_processes,
    published_weights_are_one_line,
)

SMOKE = PRESETS["smoke"]
FREE = replace(SMOKE, network=replace(SMOKE.network, antisymmetric=False))
PHOTOGRAPHS = grainy(80, 90)
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    return Photos(in_files(PHOTOGRAPHS, tmp_path_factory.mktemp("photos")))


def triplets(n: int, config: MapsConfig = SMOKE, seed: int = 0) -> Triplets:
    generator = torch.Generator().manual_seed(seed)
    return make_triplets(draw_triplets(PHOTOGRAPHS, n, config, generator), config)


def double(found: Triplets) -> Triplets:
    return Triplets(*(part.double() for part in (found.tests, found.references, found.targets)))


# --- swapping -----------------------------------------------------------------------------------


def test_a_swapped_pair_has_the_opposite_target() -> None:
    before = triplets(6)
    which = torch.tensor([True, False, True, False, False, True])
    after = swapped(before, which)
    for i, exchanged in enumerate(which.tolist()):
        one, other = (before.tests[i], before.references[i])
        assert torch.equal(after.tests[i], other if exchanged else one)
        assert torch.equal(after.references[i], one if exchanged else other)
        target = before.targets[i]
        assert torch.equal(after.targets[i], 1 - target if exchanged else target)
    assert torch.equal(swapped(after, which).tests, before.tests)


def test_the_free_form_swaps_at_its_rate_and_the_other_never() -> None:
    def batch(config: MapsConfig, seed: int) -> Triplets:
        generator = torch.Generator().manual_seed(seed)
        recipe = MapsRecipe(config)
        return recipe.batch(recipe.drawn(PHOTOGRAPHS, 24, 0, generator), "cpu")  # type: ignore

    exchanged = asked = 0
    free = replace(FREE, p_swap=0.25)
    for seed in range(4):
        plain, found = batch(SMOKE, seed), batch(free, seed)
        differ = (plain.tests != plain.references).flatten(1).any(1)
        same = (found.tests == plain.tests).flatten(1).all(1)
        opposite = (found.targets == 1 - plain.targets).flatten(1).all(1)
        assert opposite[differ & ~same].all()
        assert torch.equal(found.references[~same], plain.tests[~same])
        exchanged, asked = exchanged + int((~same & differ).sum()), asked + int(differ.sum())
    assert asked > 70
    assert 0.1 < exchanged / asked < 0.4  # three standard deviations about 0.25
    for share, wanted in ((0.0, False), (1.0, True)):
        found = batch(replace(FREE, p_swap=share), 0)
        plain = batch(SMOKE, 0)
        assert torch.equal(found.tests, plain.references if wanted else plain.tests)


# --- the loss -----------------------------------------------------------------------------------


def gradients(
    recipe: MapsRecipe, model: Any, found: Triplets, gather: Callable[[Tensor], Tensor]
) -> tuple[float, dict[str, Tensor]]:
    model = copy.deepcopy(model).double().train()
    loss, _ = recipe.loss(model, double(found), gather)
    loss.backward()
    return loss.item(), {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("config", [SMOKE, FREE])
def test_two_processes_have_the_gradients_of_one(config: MapsConfig) -> None:
    recipe = MapsRecipe(config)
    torch.manual_seed(1)
    model, whole = recipe.build(), triplets(8)
    # Unevenly marked halves: a mean of means over marked pixels would not be that of all.
    parts = [
        Triplets(whole.tests[own], whole.references[own], whole.targets[own])
        for own in (slice(0, 4), slice(4, None))
    ]
    loss, expected = gradients(recipe, model, whole, lambda tensor: tensor)
    found = of_two_processes(parts, lambda part, gather: gradients(recipe, model, part, gather))
    assert loss > 0.005
    assert [each for each, _ in found] == pytest.approx([loss, loss], rel=1e-6)
    assert found[0][1].keys() == found[1][1].keys() == expected.keys()
    largest = max(float(g.abs().max()) for g in expected.values())
    for name, wanted in expected.items():
        first, second = (each[name] for _, each in found)
        assert wanted.isfinite().all()
        assert (first + second - wanted).abs().max() <= 1e-6 * largest, name
    assert any((each[0] - each[1]).abs().max() > 0.01 * largest for each in zip(
        found[0][1].values(), found[1][1].values(), strict=True))  # fmt: skip


def test_the_log_tells_the_loss_of_flat_maps_and_the_share_of_right_directions() -> None:
    recipe, batch = MapsRecipe(SMOKE), triplets(8)
    low, high = SMOKE.beta, SMOKE.w_high
    differs = (batch.targets - 0.5).abs() > low
    assert differs.any()

    class Fixed(torch.nn.Module):
        def __init__(self, maps: Tensor) -> None:
            super().__init__()
            self.maps = maps

        def forward(self, tests: Tensor, references: Tensor) -> Tensor:
            return self.maps

    flat = weighted_mse(torch.full_like(batch.targets, 0.5), batch.targets, low, high).mean()
    for maps, wanted in (
        (torch.full_like(batch.targets, 0.6), (batch.targets > 0.5)[differs].float().mean()),
        (batch.targets, torch.tensor(1.0)),
        (1 - batch.targets, torch.tensor(0.0)),
    ):
        loss, numbers = recipe.loss(Fixed(maps), batch, lambda tensor: tensor)
        assert set(numbers) == {"flat", "direction"}
        torch.testing.assert_close(loss, weighted_mse(maps, batch.targets, low, high).mean())
        torch.testing.assert_close(numbers["flat"], flat)
        torch.testing.assert_close(numbers["direction"], wanted)
    clean = replace(batch, targets=torch.full_like(batch.targets, 0.5))
    loss, numbers = recipe.loss(Fixed(clean.targets), clean, lambda tensor: tensor)
    assert (loss, numbers["flat"], numbers["direction"]) == (0, 0, 0)


def test_build_depends_on_the_seed_alone_and_settings_are_json() -> None:
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(MapsRecipe(SMOKE).build().state_dict())
    first, again, other = states
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert any(not torch.equal(value, other[name]) for name, value in first.items())
    settings = json.loads(json.dumps(MapsRecipe(SMOKE).config))
    assert settings["network"]["antisymmetric"] is True
    assert settings["channels"] == list(SMOKE.channels)
    assert "optimization" not in settings


def test_presets_by_name_and_what_was_given_instead() -> None:
    recipe = make("free", {"steps": 7, "seed": 3})
    assert not recipe.maps.network.antisymmetric
    assert (recipe.optimization.steps, recipe.optimization.seed) == (7, 3)
    assert recipe.optimization.batch == PRESETS["free"].optimization.batch
    with pytest.raises(
        ValueError, match="relational-maps has no preset 'smal'; closest first: small"
    ):
        make("smal", {})


def test_a_preset_whose_published_weights_are_not_here_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    command = published_weights_are_one_line(lambda: make("full", {}), tmp_path, monkeypatch)
    assert "timm.create_model('swinv2_tiny_window8_256" in command
    assert capfd.readouterr() == ("", "")


# --- whole runs ---------------------------------------------------------------------------------


def test_the_loss_falls(photos: Photos, tmp_path: Path) -> None:
    recipe = make("smoke", {})
    torch.manual_seed(recipe.optimization.seed)
    model, judged = recipe.build().eval(), triplets(32, seed=9)
    with torch.no_grad():
        before, _ = recipe.loss(model, judged, lambda tensor: tensor)
    tensors, kept = checkpoint.read(pretrain(recipe, photos, tmp_path, device="cpu"))
    model.load_state_dict(tensors)
    with torch.no_grad():
        after, _ = recipe.loss(model, judged, lambda tensor: tensor)
    assert after < 0.95 * before
    assert kept["recipe"] == "relational-maps"
    assert kept["step"] == recipe.optimization.steps
    assert {"loss", "flat", "direction"} <= read(tmp_path / "log.csv")[-1].keys()


class _Killed(BaseException):
    """As a signal that nothing catches."""


def test_killed_and_resumed_a_run_ends_with_the_same_bits(
    photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    recipe = MapsRecipe(
        replace(FREE, optimization=replace(FREE.optimization, steps=5, batch=4, save_every=2))
    )
    pretrain(recipe, photos, whole, device="cpu")
    with monkeypatch.context() as patched:

        def die(self: MapsRecipe, model: Any, step: int) -> None:
            if step == 3:  # the optimizer has stepped, and nothing is saved since step 2
                raise _Killed

        patched.setattr(MapsRecipe, "after_step", die)
        with pytest.raises(_Killed):
            pretrain(recipe, photos, killed, device="cpu")
    _, kept = checkpoint.read(killed / "checkpoint.safetensors")
    assert kept["step"] == 2
    pretrain(recipe, photos, killed, device="cpu")
    ends = [(out / "checkpoint.safetensors").read_bytes() for out in (whole, killed)]
    assert ends[0] == ends[1]
