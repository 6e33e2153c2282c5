"""Whole fits of a small student: repeated, killed, resumed, finished, and gone wrong."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from torch import nn

from baselines.finetuning import epochs, loop
from baselines.finetuning.objective import Regression
from baselines.finetuning.pictures import Pictures
from baselines.pretraining import checkpoint
from tests.baselines.finetuning.small import (
    CONTROL,
    SMALL,
    Killed,
    dying,
    pictures,
    student,
    without_labels,
)

pytestmark = pytest.mark.usefixtures("one_thread")
STEPS = 4 * 4 * 2 // SMALL.batch  # of an epoch


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    return pictures(tmp_path_factory.mktemp("train"), 4)


@pytest.fixture(scope="module")
def validation(tmp_path_factory):
    return pictures(tmp_path_factory.mktemp("validation"), 2, first=4)


@pytest.fixture(scope="module")
def undisturbed(train, validation, tmp_path_factory) -> Path:
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("fits") / "undisturbed"
    return loop.fit(CONTROL, SMALL, train, validation, 0, out)


def rows(folder: Path) -> list[dict[str, float]]:
    with (folder / "curve.csv").open() as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def assert_same_fit(one: Path, other: Path) -> None:
    assert one.read_bytes() == other.read_bytes()
    assert (one.parent / "curve.csv").read_bytes() == (other.parent / "curve.csv").read_bytes()


def test_a_fit_learns_what_can_be_seen(undisturbed):
    curve = rows(undisturbed.parent)
    assert list(curve[0]) == ["epoch", "lr", "loss", "srcc", "plcc", "kept"]
    assert [row["epoch"] for row in curve] == [1, 2, 3]
    # A student that gives the mean of the labels has a loss of 2 / √5.
    assert curve[-1]["loss"] < 0.6 < curve[0]["loss"]
    assert max(row["plcc"] for row in curve) > 0.85


def test_a_finished_fit_leaves_the_student_and_the_curve_alone(undisturbed):
    left = {path.name for path in undisturbed.parent.iterdir()} - {".lock"}
    assert left == {"fitted.safetensors", "curve.csv"}
    tensors, told = checkpoint.read(undisturbed)
    assert tensors.keys() == student().state_dict().keys()
    assert (told["mean"], told["scale"]) == (25.0, pytest.approx(np.std([10, 20, 30, 40])))


def test_the_same_seed_gives_the_same_bits_and_another_one_others(
    undisturbed, train, validation, tmp_path
):
    torch.manual_seed(99)
    before = torch.get_rng_state()
    again = loop.fit(CONTROL, SMALL, train, validation, 0, tmp_path / "again")
    assert torch.equal(torch.get_rng_state(), before)
    assert_same_fit(undisturbed, again)
    other = loop.fit(CONTROL, SMALL, train, validation, 1, tmp_path / "other")
    assert other.read_bytes() != undisturbed.read_bytes()


@pytest.mark.parametrize("steps", [0, 1, STEPS, 2 * STEPS + 1, 3 * STEPS - 1])
def test_a_killed_fit_goes_on_as_if_nothing_had_happened(
    undisturbed, train, validation, tmp_path, steps
):
    with pytest.raises(Killed):
        loop.fit(dying(steps), SMALL, train, validation, 0, tmp_path)
    assert (tmp_path / "state.pt").exists()
    left = dying(3 * STEPS - steps // STEPS * STEPS)  # an epoch is lost at most
    assert_same_fit(undisturbed, loop.fit(left, SMALL, train, validation, 0, tmp_path))


def test_a_fit_killed_at_its_very_end_is_finished(
    undisturbed, train, validation, tmp_path, monkeypatch
):
    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(epochs.Path, "unlink", killed)
        with pytest.raises(Killed):
            loop.fit(CONTROL, SMALL, train, validation, 0, tmp_path)
    assert (tmp_path / "state.pt").exists()
    assert_same_fit(undisturbed, loop.fit(dying(0), SMALL, train, validation, 0, tmp_path))
    assert not (tmp_path / "state.pt").exists()


def test_a_finished_fit_is_only_read(undisturbed, train, validation, monkeypatch):
    monkeypatch.setattr(loop, "Pictures", None)
    before = undisturbed.stat().st_mtime_ns
    assert loop.fit(dying(0), SMALL, train, validation, 0, undisturbed.parent) == undisturbed
    assert undisturbed.stat().st_mtime_ns == before


class Taught(Regression):
    """A student beside a teacher that is made before the epochs, and then frozen."""

    def build(self):
        return nn.ModuleDict({"student": student(), "teacher": nn.Linear(3, 1)})

    def student(self, module):
        return module["student"]

    def prepare(self, module, crops, generator, tick):
        images = crops(6)
        assert images.shape == (6, 3, SMALL.crop, SMALL.crop)
        assert 0 <= images.min() < images.max() <= 1
        with torch.no_grad():
            module["teacher"].weight.copy_(images.mean((0, 2, 3))[None])
            module["teacher"].bias.copy_(torch.rand(1, generator=generator))
        module["teacher"].requires_grad_(False)
        tick(6)

    def loss(self, module, images, labels, generator):
        l1, _ = super().loss(module["student"], images, labels, generator)
        noise = torch.rand(1, generator=generator) + torch.rand(1)
        taught = (module["student"](images) - module["teacher"](images.mean((2, 3)))[:, 0]).abs()
        return l1 + 0.1 * taught.mean() * noise.mean(), {"taught": taught.mean()}


class Once(Taught):
    """Killed at its first step, unless it is ``resumed``."""

    resumed, prepared = False, 0

    def prepare(self, *arguments):
        Once.prepared += 1
        super().prepare(*arguments)

    def loss(self, *arguments):
        if not Once.resumed:
            raise Killed
        return super().loss(*arguments)


def test_what_is_prepared_is_kept_and_frozen_and_not_prepared_again(train, validation, tmp_path):
    whole = loop.fit(Taught(student, {}), SMALL, train, validation, 0, tmp_path / "whole")
    assert [row["taught"] > 0 for row in rows(tmp_path / "whole")] == [True] * 3
    folder = tmp_path / "resumed"
    with pytest.raises(Killed):
        loop.fit(Once(student, {}), SMALL, train, validation, 0, folder)
    state = torch.load(folder / "state.pt", weights_only=True)
    assert not [name for name in state["trained"] if name.startswith("teacher.")]
    Once.resumed = True
    assert_same_fit(whole, loop.fit(Once(student, {}), SMALL, train, validation, 0, folder))
    assert Once.prepared == 1


def test_the_epoch_that_ranks_the_validation_part_best_is_kept(
    train, validation, tmp_path, monkeypatch
):
    found = iter([0.2, 0.9, 0.9, float("nan"), 0.5])
    seen = []

    def agreement(scores, labels):
        seen.append(scores)
        return {"srcc": next(found), "plcc": 0.0}

    monkeypatch.setattr(epochs.curve, "agreement", agreement)
    config = replace(SMALL, epochs=5)
    path = loop.fit(CONTROL, config, train, validation, 0, tmp_path)
    tensors, told = checkpoint.read(path)
    assert (told["epoch"], told["srcc"]) == (3, 0.9)
    assert [row["kept"] for row in rows(tmp_path)] == [0, 0, 1, 0, 0]
    kept = student().eval()
    kept.load_state_dict(tensors)
    again = [epochs.predicted(kept, i, config) for i in Pictures(validation, config)]
    assert again == seen[2].tolist()


def test_where_no_ranking_is_defined_the_last_epoch_is_kept(train, validation, tmp_path):
    one = replace(validation, samples=validation.samples[:1])
    path = loop.fit(CONTROL, SMALL, train, one, 0, tmp_path)
    assert checkpoint.read(path)[1]["epoch"] == 3
    assert "nan" in (tmp_path / "curve.csv").read_text()


def test_the_best_of_several_rates_is_kept(train, validation, tmp_path, undisturbed):
    config = replace(SMALL, lr_search=(1e-9, 3e-3))
    path = loop.fit(CONTROL, config, train, validation, 0, tmp_path)
    tensors, told = checkpoint.read(path)
    best, told_best = checkpoint.read(tmp_path / "lr-0.003" / "fitted.safetensors")
    expected, _ = checkpoint.read(undisturbed)
    for name, tensor in tensors.items():
        assert torch.equal(tensor, best[name])
        assert torch.equal(tensor, expected[name])
    assert {**told, "run": 0} == {**told_best, "run": 0}
    assert rows(tmp_path) == rows(undisturbed.parent)
    assert checkpoint.read(tmp_path / "lr-1e-09" / "fitted.safetensors")[1]["srcc"] < told["srcc"]
    assert loop.fit(dying(0), config, train, validation, 0, tmp_path) == path


def test_a_search_that_was_killed_goes_on_with_the_rate_at_hand(train, validation, tmp_path):
    config = replace(SMALL, lr_search=(1e-3, 3e-3))
    with pytest.raises(Killed):
        loop.fit(dying(4 * STEPS + 1), config, train, validation, 0, tmp_path / "killed")
    found = loop.fit(dying(2 * STEPS), config, train, validation, 0, tmp_path / "killed")
    whole = loop.fit(CONTROL, config, train, validation, 0, tmp_path / "whole")
    assert_same_fit(whole, found)


def test_the_folder_of_another_fit_is_refused(undisturbed, train, validation, tmp_path):
    cases = {
        "fit.lr": (replace(SMALL, lr=0.1), train, 0),
        "seed was 0, is 1": (SMALL, train, 1),
        "train was": (SMALL, replace(train, samples=train.samples[:-1]), 0),
    }
    with pytest.raises(Killed):
        loop.fit(dying(STEPS), SMALL, train, validation, 0, tmp_path)
    for folder in (undisturbed.parent, tmp_path):
        for message, (config, dataset, seed) in cases.items():
            with pytest.raises(ValueError, match=f"other settings .*{message}") as caught:
                loop.fit(CONTROL, config, dataset, validation, seed, folder)
            assert "\n" not in str(caught.value)


def test_labels_and_pixels_are_part_of_what_a_fit_is(train, validation, undisturbed, tmp_path):
    changed = replace(train.samples[0], label=11.0)
    relabeled = replace(train, samples=(changed, *train.samples[1:]))
    repainted = pictures(tmp_path / "other", 4, first=1)
    for dataset in (relabeled, repainted):
        with pytest.raises(ValueError, match="other settings"):
            loop.fit(CONTROL, SMALL, dataset, validation, 0, undisturbed.parent)


class Diverging(Regression):
    def loss(self, *arguments):
        loss, numbers = super().loss(*arguments)
        return loss * float("nan"), numbers


def test_a_loss_that_is_not_finite_ends_the_fit(train, validation, tmp_path):
    with pytest.raises(ValueError, match="loss is nan in epoch 1: try a lower lr"):
        loop.fit(Diverging(student, {}), SMALL, train, validation, 0, tmp_path)


def test_too_little_to_fit_on_is_one_clear_line(train, validation, tmp_path):
    few = replace(train, samples=train.samples[:1])
    with pytest.raises(ValueError, match="toy: 1 labeled images to train on; it takes 2"):
        loop.fit(CONTROL, SMALL, few, validation, 0, tmp_path / "a")
    with pytest.raises(ValueError, match="toy: 0 labeled images to validate on; it takes 1"):
        loop.fit(CONTROL, SMALL, train, without_labels(validation), 0, tmp_path / "b")


def test_a_state_that_is_damaged_or_hostile_is_refused(train, validation, tmp_path):
    with pytest.raises(Killed):
        loop.fit(dying(STEPS), SMALL, train, validation, 0, tmp_path)
    state = tmp_path / "state.pt"
    whole = state.read_bytes()
    for damaged in (whole[:-100], b"", whole[:500] + b"\0" + whole[501:]):
        state.write_bytes(damaged)
        with pytest.raises(ValueError, match="remove it to begin again") as caught:
            loop.fit(CONTROL, SMALL, train, validation, 0, tmp_path)
        assert "\n" not in str(caught.value)


def test_two_processes_never_fit_in_one_folder(train, validation, tmp_path):
    with (
        FileLock(tmp_path / ".lock"),
        pytest.raises(ValueError, match="another process is fitting there"),
    ):
        loop.fit(CONTROL, SMALL, train, validation, 0, tmp_path)


def test_what_is_frozen_stays_as_it_is(train, validation, tmp_path):
    def half_frozen():
        found = student()
        found.encoder.requires_grad_(False)
        return found

    path = loop.fit(Regression(half_frozen, {}), SMALL, train, validation, 0, tmp_path)
    tensors, _ = checkpoint.read(path)
    torch.manual_seed(epochs.Fit(CONTROL, SMALL, None, None, 0, None, "cpu", {}).seed_of("weights"))
    begun = half_frozen().state_dict()
    for name, tensor in tensors.items():
        assert torch.equal(tensor, begun[name]) == name.startswith("encoder."), name


@pytest.mark.slow
def test_kill_9_in_the_middle_of_an_epoch_costs_that_epoch(
    undisturbed, train, validation, tmp_path
):
    """In a process of its own, which kills itself at the second step of the second epoch."""
    code = f"""
import os, signal, torch
from pathlib import Path
from baselines.finetuning import loop
from tests.baselines.finetuning import small
torch.set_num_threads(1)

class Dying(small.Dying):
    def loss(self, *arguments):
        if self.taken == self.steps:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().loss(*arguments)

objective = small.dying({STEPS + 1}, Dying)
train = small.pictures(Path({str(tmp_path / "a")!r}), 4)
validation = small.pictures(Path({str(tmp_path / "b")!r}), 2, first=4)
loop.fit(objective, small.SMALL, train, validation, 0, Path({str(tmp_path / "fit")!r}))
"""
    root = Path(__file__).parents[3]
    ended = subprocess.run([sys.executable, "-c", code], cwd=root, timeout=300)
    assert ended.returncode == -signal.SIGKILL
    again = loop.fit(dying(2 * STEPS), SMALL, train, validation, 0, tmp_path / "fit")
    assert_same_fit(undisturbed, again)
