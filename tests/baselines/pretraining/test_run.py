"""Whole runs of a small recipe: killed, stopped, resumed, in two processes, with bad luck."""

from __future__ import annotations

import random
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric

from baselines.pretraining import checkpoint, run
from baselines.pretraining.batches import batches, generator
from baselines.pretraining.log import read
from baselines.pretraining.loop import pretrain
from baselines.pretraining.photos import Photos
from baselines.pretraining.recipe import Optimization
from baselines.pretraining.state import read_state, settings
from tests.baselines.pretraining.toy import Toy, photographs, started

# Neither divides the steps or the other: kills leave rows of the log half done.
PLAN = Optimization(steps=20, batch=8, lr=0.1, log_every=3, save_every=4)
TIMED = {"images_per_second", "waiting"}


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch, one_thread):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # of the processes that a run starts


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return photographs(tmp_path_factory.mktemp("pretraining") / "photos")


@pytest.fixture(scope="module")
def photos(folder) -> Photos:
    return Photos(folder)


@pytest.fixture(scope="module")
def undisturbed(photos, tmp_path_factory) -> Path:
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("pretraining") / "undisturbed"
    pretrain(Toy(PLAN), photos, out, device="cpu")
    return out


def rows(out: Path) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k not in TIMED} for row in read(out / "log.csv")]


def flat(value, name=""):
    """All tensors and numbers in nested containers, by their place."""
    if isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for key, part in items for k, v in flat(part, f"{name}/{key}").items()}
    return {name: value}


def assert_same_bits(one: Path, other: Path) -> None:
    states = [torch.load(out / "state.pt", weights_only=True) for out in (one, other)]
    for state in states:
        assert state.pop("seconds") > 0
    first, second = map(flat, states)
    assert first.keys() == second.keys()
    assert sum(isinstance(v, torch.Tensor) for v in first.values()) > 50
    for name, value in first.items():
        if isinstance(value, torch.Tensor):
            assert value.dtype == second[name].dtype
            # As bytes: NaNs and signed zeros count, too.
            same = [v.contiguous().reshape(-1).view(torch.uint8) for v in (value, second[name])]
            assert torch.equal(*same), name
        else:
            assert value == second[name], name
    files = [(out / "checkpoint.safetensors").read_bytes() for out in (one, other)]
    assert files[0] == files[1]
    assert rows(one) == rows(other)


# --- going on -----------------------------------------------------------------------------------


def test_killed_and_resumed_a_run_ends_with_the_same_bits(undisturbed, folder, photos, tmp_path):
    step = random.randrange(1, PLAN.steps)  # any: the bits must not depend on it
    process = started(Toy(PLAN, kill_at=step), folder, tmp_path)
    assert process.wait(120) == -signal.SIGKILL
    saved = step // PLAN.save_every * PLAN.save_every
    found = read_state(tmp_path / "state.pt", settings(Toy(PLAN), photos, 1))
    assert (found.step if found else 0) == saved, f"killed at step {step}"
    pretrain(Toy(PLAN), photos, tmp_path, device="cpu")
    assert_same_bits(undisturbed, tmp_path)


@pytest.mark.slow
def test_killed_from_outside_again_and_again(folder, photos, tmp_path):
    plan = replace(PLAN, steps=12, save_every=1)  # most of the time goes into files
    pretrain(Toy(plan), photos, tmp_path / "once", device="cpu")
    out, deaths = tmp_path / "often", 0
    while True:
        process = started(Toy(plan), folder, out)
        before = len(rows(out)) if (out / "log.csv").exists() else 0
        while process.poll() is None and (
            not (out / "log.csv").exists() or len(read_complete(out)) <= before
        ):
            time.sleep(0.001)
        time.sleep(random.uniform(0, 0.05))
        process.kill()
        if process.wait(60) == 0:
            break
        deaths += 1
    assert deaths >= 2
    assert_same_bits(tmp_path / "once", out)


def read_complete(out: Path) -> list[str]:
    return (out / "log.csv").read_text().splitlines()[1:]


def assert_same_tensors(one: Path, other: Path) -> None:
    first, second = (checkpoint.read(out / "checkpoint.safetensors")[0] for out in (one, other))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_ctrl_c_ends_a_step_saves_and_says_how_to_go_on(undisturbed, photos, tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        pretrain(Toy(PLAN, interrupt_at=5), photos, tmp_path, device="cpu")
    assert "stopped after step 6 of 20" in capsys.readouterr().err
    pretrain(Toy(PLAN), photos, tmp_path, device="cpu")
    assert_same_bits(undisturbed, tmp_path)


def test_a_finished_run_is_left_as_it_is(undisturbed, photos, capsys):
    state = (undisturbed / "state.pt").read_bytes()
    (undisturbed / "checkpoint.safetensors").unlink()  # as if killed just before it
    pretrain(Toy(PLAN), photos, undisturbed, device="cpu")
    assert (undisturbed / "state.pt").read_bytes() == state
    _, config = checkpoint.read(undisturbed / "checkpoint.safetensors")
    assert config["step"] == PLAN.steps
    assert config["config"] == {"width": 8, "dropout": 0.2}


def test_how_often_is_written_may_change(undisturbed, photos, tmp_path):
    plan = replace(PLAN, save_every=5, log_every=7)
    with pytest.raises(KeyboardInterrupt):
        pretrain(Toy(plan, interrupt_at=11), photos, tmp_path, device="cpu")
    pretrain(Toy(replace(plan, save_every=9)), photos, tmp_path, device="cpu")
    assert_same_tensors(undisturbed, tmp_path)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Toy(PLAN, width=4), "config.width was 8, is 4"),
        (Toy(replace(PLAN, seed=1)), "optimization.seed was 0, is 1"),
        (Toy(replace(PLAN, steps=40)), "optimization.steps was 20, is 40"),
    ],
)
def test_a_run_with_other_settings_is_refused(undisturbed, photos, other, said):
    state = (undisturbed / "state.pt").read_bytes()
    with pytest.raises(ValueError, match="other settings") as refusal:
        pretrain(other, photos, undisturbed, device="cpu")
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert (undisturbed / "state.pt").read_bytes() == state


def test_other_photographs_are_refused(undisturbed, tmp_path):
    more = photographs(tmp_path / "photos")
    (more / "0.png").rename(more / "9.png")
    with pytest.raises(ValueError, match="photos was"):
        pretrain(Toy(PLAN), Photos(more), undisturbed, device="cpu")


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "text", "of something else"])
def test_a_damaged_state_is_named_in_one_line(undisturbed, photos, tmp_path, harm):
    whole = (undisturbed / "state.pt").read_bytes()
    path = tmp_path / "state.pt"
    if harm == "of something else":
        torch.save({"weights": torch.zeros(3)}, path)
    else:
        middle = bytearray(whole)
        middle[len(whole) // 2] ^= 1
        harmed = {"cut": whole[:-100], "flipped": bytes(middle), "empty": b"", "text": b"hello"}
        path.write_bytes(harmed[harm])
    with pytest.raises(ValueError, match="no run can go on from it") as refusal:
        pretrain(Toy(PLAN), photos, tmp_path, device="cpu")
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


# --- what goes wrong ----------------------------------------------------------------------------


def test_a_loss_that_is_not_a_number_stops_the_run(photos, tmp_path):
    with pytest.raises(ValueError, match="loss is nan at step 11: training has failed"):
        pretrain(Toy(PLAN, nan_at=10), photos, tmp_path, device="cpu")
    saved = torch.load(tmp_path / "state.pt", weights_only=True)
    assert saved["step"] == 8
    assert all(v.isfinite().all() for v in saved["model"].values())
    assert [row["step"] for row in read(tmp_path / "log.csv")] == [3, 6, 9]


def test_two_runs_do_not_share_a_folder(photos, tmp_path):
    class Nested(Toy):
        def after_step(self, model, step):
            pretrain(Toy(PLAN), photos, tmp_path, device="cpu")

    with pytest.raises(ValueError, match="another run is writing to it"):
        pretrain(Nested(PLAN), photos, tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("device", "processes", "said"),
    [
        ("cpu", 3, "a batch of 8 cannot be dealt to 3 processes alike"),
        ("cpu", 0, "cannot be dealt"),
        ("cpu", 4, "a batch of 8 gives each process 2; toy takes multiples of 4"),
        ("gpu", 1, "device 'gpu' cannot be used here"),
    ],
)
def test_what_cannot_be_run_on(photos, tmp_path, device, processes, said):
    with pytest.raises(ValueError, match=said):
        pretrain(Toy(PLAN, multiple=4), photos, tmp_path, device, processes)
    assert not list(tmp_path.iterdir())


# --- two processes ------------------------------------------------------------------------------

ONE_STEP = Toy(Optimization(steps=1, batch=8, lr=0.1), dropout=0.0)


def expected(recipe: Toy, photos: Photos):
    """A model with the gradients of a plain backward pass on the batches of both, joined.

    In float32 the backbone sees them one after the other: rounding alone, which batch norm
    makes larger, moves a gradient by some 3e-6 of the largest if they are convolved together.
    """
    plan = recipe.optimization
    torch.manual_seed(plan.seed)
    model = recipe.build().train()
    parts = [recipe.drawn(photos, plan.batch // 2, 0, generator(0, 0, p)) for p in (0, 1)]
    halves = [recipe.batch(part, "cpu") for part in parts]
    if not recipe.double:
        for part in (model["student"], model["teacher"]):
            part["backbone"] = InHalves(*part["backbone"])
    loss, _ = recipe.loss(
        model, [torch.cat(views) for views in zip(*halves, strict=True)], lambda x: x
    )
    loss.backward()
    return model


class InHalves(torch.nn.Sequential):
    def forward(self, images):
        return torch.cat([super(InHalves, self).forward(half) for half in images.chunk(2)])


def assert_gradients_of_the_whole_batch(
    recipe: Toy, photos: Photos, out: Path, tolerance: float
) -> None:
    state = torch.load(out / "state.pt", weights_only=True)
    model = expected(recipe, photos)
    trained = [p for p in model.parameters() if p.requires_grad]
    # AdamW takes first what is decayed; its first moment is then a tenth of the gradient.
    trained.sort(key=lambda p: p.ndim <= 1)
    largest = max(float(p.grad.abs().max()) for p in trained if p.grad is not None)
    compared = 0
    for place, parameter in enumerate(trained):
        if parameter.grad is None:
            assert place not in state["optimizer"]["state"]
            continue
        found = state["optimizer"]["state"][place]["exp_avg"] * 10
        assert (found - parameter.grad).abs().max() <= tolerance * largest
        compared += 1
    assert compared == 15
    buffers = {name: b for name, b in model.named_buffers() if "running" in name}
    assert len(buffers) == 16  # of batch norms: they have seen the whole batch
    for name, buffer in buffers.items():
        torch.testing.assert_close(state["model"][name], buffer, rtol=1e-5, atol=1e-7)


def forked(recipe: Toy, photos: Photos, out: Path) -> run.Ended:
    """`pretrain` in two processes, but forked, so that they start at once."""
    precision = recipe.optimization.precision
    fabric = Fabric(accelerator="cpu", strategy="ddp_fork", devices=2, precision=precision)
    given = {"photos": photos, "out": out, "run": settings(recipe, photos, 2)}
    return fabric.launch(partial(run.train, recipe=recipe, **given))


@pytest.mark.parametrize(("double", "tolerance"), [(False, 1e-6), (True, 1e-14)])
def test_two_processes_have_the_gradient_of_one(photos, tmp_path, double, tolerance):
    recipe = replace(ONE_STEP, double=double)
    assert forked(recipe, photos, tmp_path) == (1, "")
    assert_gradients_of_the_whole_batch(recipe, photos, tmp_path, tolerance)


def test_two_processes_in_bf16(photos, tmp_path):
    recipe = Toy(replace(PLAN, steps=3, precision="bf16-mixed"))
    assert forked(recipe, photos, tmp_path) == (3, "")


@pytest.mark.slow
def test_two_spawned_processes_stop_together_and_go_on(photos, tmp_path):
    out, twin = tmp_path / "stopped", tmp_path / "twin"
    with pytest.raises(KeyboardInterrupt):
        pretrain(Toy(PLAN, interrupt_at=4), photos, out, device="cpu", processes=2)
    assert torch.load(out / "state.pt", weights_only=True)["step"] == 5
    pretrain(Toy(PLAN), photos, out, device="cpu", processes=2)
    twin.mkdir()
    forked(Toy(PLAN), photos, twin)
    assert_same_bits(twin, out)
    third = tmp_path / "with workers"
    pretrain(Toy(PLAN), photos, third, device="cpu", processes=2, workers=1)
    assert_same_bits(twin, third)
    with pytest.raises(ValueError, match="processes was 2, is 1"):
        pretrain(Toy(PLAN), photos, out, device="cpu")


# --- batches ahead, precision, clipping ----------------------------------------------------------

SECOND: Any = SimpleNamespace(device=torch.device("cpu"), global_rank=1, world_size=2)


def test_batches_made_ahead_are_those_of_their_steps(photos):
    made = list(batches(Toy(PLAN), photos, range(5, 20), SECOND))
    assert len(made) == 15
    for step, found in enumerate(made, start=5):
        drawn = Toy(PLAN).drawn(photos, 4, step, generator(0, step, 1))
        assert all(map(torch.equal, found, Toy(PLAN).batch(drawn, "cpu")))
    assert list(batches(Toy(PLAN), photos, range(20, 20), SECOND)) == []
    failing = batches(Toy(PLAN, fail_at=3), photos, range(20), SECOND)
    assert len([next(failing) for _ in range(3)]) == 3
    with pytest.raises(ValueError, match="no such photograph"):
        next(failing)


@pytest.mark.slow
def test_workers_change_no_bit_of_a_run_that_goes_on(undisturbed, photos, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        pretrain(Toy(PLAN, interrupt_at=5), photos, tmp_path, device="cpu", workers=2)
    pretrain(Toy(PLAN), photos, tmp_path, device="cpu")
    assert_same_bits(undisturbed, tmp_path)


def test_bf16_trains_and_keeps_weights_in_float32(photos, tmp_path):
    plan = replace(PLAN, steps=4, precision="bf16-mixed", grad_clip=1.0)
    written = pretrain(Toy(plan), photos, tmp_path, device="cpu")
    tensors, config = checkpoint.read(written)
    assert all(tensor.dtype == torch.float32 for tensor in tensors.values())
    assert config["optimization"]["precision"] == "bf16-mixed"


def test_clipping_limits_the_gradient(photos, tmp_path):
    plan = replace(PLAN, steps=1, grad_clip=0.5)
    pretrain(Toy(plan), photos, tmp_path, device="cpu")
    moments = torch.load(tmp_path / "state.pt", weights_only=True)["optimizer"]["state"]
    norm = torch.stack([m["exp_avg"].square().sum() for m in moments.values()]).sum().sqrt() * 10
    assert read(tmp_path / "log.csv")[0]["gradient_norm"] > 0.5  # before it was clipped
    assert float(norm) == pytest.approx(0.5, rel=1e-4)


def test_the_momentum_teacher_follows(undisturbed):
    model = torch.load(undisturbed / "state.pt", weights_only=True)["model"]
    first = Toy(PLAN)
    torch.manual_seed(0)
    start = first.build().state_dict()
    for name in (n for n in start if n.startswith("student.") and n.endswith("weight")):
        twin = name.replace("student.", "teacher.")
        moved = (model[twin] - start[twin]).norm() / (model[name] - start[name]).norm()
        assert 0 < moved < 0.3
