"""The recipe: one process or two, the same gradients; killed and resumed, the same bits."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from baselines.pretraining import checkpoint
from baselines.pretraining.heads import momentum
from baselines.slide_iqa.config import PRESETS
from baselines.slide_iqa.model import Slide
from baselines.slide_iqa.recipe import SlideRecipe, make
from baselines.slide_iqa.views import Batch, draw_views, make_views
from tests.baselines.pretraining.trials import (
    grainy,
    in_files,
    of_two_processes,
    published_weights_are_one_line,
)

ROOT = Path(__file__).parents[3]
SMOKE = PRESETS["smoke"]
RECIPE = SlideRecipe(SMOKE)
STUDENT = ("projector.", "predictor.")
PHOTOGRAPHS = grainy(120, 132)
pytestmark = pytest.mark.usefixtures("one_thread")


def batch(views: int, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    return make_views(draw_views(PHOTOGRAPHS, views, SMOKE, generator), SMOKE)


def double(model: Slide) -> Slide:
    return copy.deepcopy(model).double().train()


def gradients(
    model: Slide, images: Tensor, found: Batch, gather: Callable[[Tensor], Tensor]
) -> tuple[float, dict[str, Tensor]]:
    loss, _ = RECIPE.loss(model, replace(found, images=images.double()), gather)
    loss.backward()
    return loss.item(), {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


def test_two_processes_have_the_gradients_of_one() -> None:
    torch.manual_seed(1)
    model = RECIPE.build()
    assert isinstance(model, Slide)
    # A teacher of its own, as after some steps.
    with torch.no_grad():
        for parameter in model.teacher_encoder.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    whole = batch(24)
    images, half = whole.images, len(whole.images) // 2
    loss, expected = gradients(double(model), images, whole, lambda tensor: tensor)
    parts = [
        Batch(images[own], whole.records.map(lambda t, own=own: t[own]))
        for own in (slice(0, half), slice(half, None))
    ]
    found = of_two_processes(
        parts, lambda part, gather: gradients(double(model), part.images, part, gather)
    )
    assert loss > 0.5
    assert [each for each, _ in found] == pytest.approx([loss, loss], rel=1e-12)
    largest = max(float(g.abs().max()) for g in expected.values())
    assert found[0][1].keys() == found[1][1].keys() == expected.keys()
    for name, wanted in expected.items():
        first, second = (each[name] for _, each in found)
        if name.startswith(STUDENT):
            errors = [(first - wanted).abs().max(), (second - wanted).abs().max()]
        else:
            assert name.startswith("encoder.")
            # Each process has its own part alone, which is not the whole.
            assert (first - wanted).abs().max() > 0
            errors = [(first + second - wanted).abs().max()]
        assert max(errors) <= 1e-6 * largest, name


def test_the_whole_batch_is_in_the_loss_and_its_shares_are_logged() -> None:
    torch.manual_seed(0)
    model = RECIPE.build().train()
    loss, numbers = RECIPE.loss(model, batch(32), lambda tensor: tensor)
    assert loss.ndim == 0
    assert loss.isfinite()
    assert set(numbers) == {"positive", "excluded", "negative"}
    assert sum(numbers.values()) == pytest.approx(1)


def test_build_depends_on_the_seed_alone() -> None:
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(RECIPE.build().state_dict())
    first, again, other = states
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not torch.equal(first["encoder.vit.cls_token"], other["encoder.vit.cls_token"])


def test_batches_depend_on_their_generator_and_the_curriculum_on_the_step() -> None:
    def severities(step: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        drawn = RECIPE.drawn(PHOTOGRAPHS, 32, step, generator)  # type: ignore[arg-type]
        found = RECIPE.batch(drawn, "cpu")
        assert found.images.shape == (32, 3, 64, 64)
        return found.records.severity

    assert torch.equal(severities(0, 3), severities(0, 3))
    early = torch.stack([severities(0, seed) for seed in range(4)])
    late = torch.stack([severities(SMOKE.optimization.steps - 1, seed) for seed in range(4)])
    assert early[early > 0].min() == 3
    assert late[late > 0].min() == 1


def test_the_teacher_follows_by_the_schedule_of_the_run() -> None:
    torch.manual_seed(0)
    model = RECIPE.build()
    assert isinstance(model, Slide)
    for step in (0, SMOKE.optimization.steps - 1):
        with torch.no_grad():
            model.encoder.vit.cls_token.add_(1)
        old, student = model.teacher_encoder.vit.cls_token.clone(), model.encoder.vit.cls_token
        RECIPE.after_step(model, step)
        kept = momentum(step, SMOKE.optimization.steps, SMOKE.momentum)
        wanted = kept * old + (1 - kept) * student
        torch.testing.assert_close(model.teacher_encoder.vit.cls_token.data, wanted.data)
    assert kept > 0.999


def test_the_student_s_encoder_is_exported_and_settings_are_json() -> None:
    model = RECIPE.build()
    assert isinstance(model, Slide)
    exported, wanted = RECIPE.exported(model), model.encoder.state_dict()
    assert exported.keys() == wanted.keys()
    assert all(torch.equal(exported[name], wanted[name]) for name in wanted)
    settings = json.loads(json.dumps(RECIPE.config))
    assert settings["backbone"]["depth"] == 2
    assert settings["relation"] == "exclusion"


def test_presets_by_name_and_what_was_given_instead() -> None:
    recipe = make("type-only", {"steps": 7, "seed": 3})
    assert recipe.slide.relation == "type-only"
    assert (recipe.optimization.steps, recipe.optimization.seed) == (7, 3)
    assert recipe.optimization.batch == PRESETS["type-only"].optimization.batch
    with pytest.raises(ValueError, match="no preset 'smal'; closest first: small"):
        make("smal", {})


def test_a_preset_whose_published_weights_are_not_here_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for start in (lambda: make("full", {}), SlideRecipe(PRESETS["full"]).build):
        command = published_weights_are_one_line(start, tmp_path, monkeypatch)
        assert "timm.create_model('vit_small_patch16_224" in command
    assert capfd.readouterr() == ("", "")


# --- a whole run --------------------------------------------------------------------------------


def started(photos: Path, out: Path) -> subprocess.Popen[bytes]:
    program = [
        sys.executable,
        "-m",
        "harness.cli",
        "pretrain",
        "slide-iqa",
        "--photos",
        str(photos),
    ]
    options = ["--out", str(out), "--preset", "smoke", "--steps", "16", "--device", "cpu"]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*program, *options], cwd=ROOT, env=one_thread, stderr=subprocess.DEVNULL
    )


@pytest.mark.slow
def test_a_run_killed_half_way_and_resumed_ends_with_the_same_checkpoint(tmp_path: Path) -> None:
    photos, whole, killed = (tmp_path / name for name in ("photos", "whole", "killed"))
    in_files(PHOTOGRAPHS, photos)
    assert started(photos, whole).wait(300) == 0
    process, deadline = started(photos, killed), time.monotonic() + 300
    while not (killed / "state.pt").exists():  # of step 4
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    _, before = checkpoint.read(whole / "checkpoint.safetensors")
    saved = torch.load(killed / "state.pt", weights_only=True)["step"]
    assert saved < before["step"] == 16
    assert started(photos, killed).wait(300) == 0
    ends = [(out / "checkpoint.safetensors").read_bytes() for out in (whole, killed)]
    assert ends[0] == ends[1]
