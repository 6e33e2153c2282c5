"""Whole fits of a small student: repeated, killed, resumed, finished, and gone wrong."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from filelock import FileLock

from baselines.finetuning import epochs, loop, run
from baselines.finetuning.objective import Regression
from baselines.finetuning.pictures import Pictures
from baselines.pretraining import checkpoint
from harness import atomic
from tests.baselines.finetuning.small import (
    CONTROL,
    SMALL,
    Dying,
    Killed,
    assert_same_fit,
    dying,
    pictures,
    rows,
    student,
    without_labels,
)

pytestmark = pytest.mark.usefixtures("one_thread")
STEPS = 4 * 4 * 2 // SMALL.batch  # of an epoch


def test_a_fit_learns_what_can_be_seen(undisturbed):
    curve = rows(undisturbed.parent / "curve.csv")
    assert list(curve[0]) == ["epoch", "lr", "loss", "srcc", "plcc", "kept"]
    assert [row["epoch"] for row in curve] == [1, 2, 3]
    # A student that gives the mean of the labels has a loss of 2 / √5.
    assert curve[-1]["loss"] < 0.6 < curve[0]["loss"]
    assert max(row["plcc"] for row in curve) > 0.85


def test_a_finished_fit_leaves_the_student_and_the_curve_alone(undisturbed):
    left = {path.name for path in undisturbed.parent.iterdir()} - {".lock"}
    assert left == {"fitted.safetensors", "curve.csv", "seconds"}
    seconds = [line.split() for line in (undisturbed.parent / "seconds").read_text().splitlines()]
    assert [epoch for epoch, _ in seconds] == ["1", "2", "3"]
    assert all(float(taken) > 0 for _, taken in seconds)
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


SLOW = [pytest.param(steps, marks=pytest.mark.slow) for steps in (0, 1, 3 * STEPS - 1)]


@pytest.mark.parametrize("steps", [*SLOW, STEPS, 2 * STEPS + 1])
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


def test_a_fit_killed_between_its_last_state_and_its_curve_has_the_whole_curve(
    undisturbed, train, validation, tmp_path, monkeypatch
):
    whole, left = epochs.curve.write, iter([True, True])

    def write(*arguments):
        if not next(left, False):
            raise Killed
        whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(epochs.curve, "write", write)
        with pytest.raises(Killed):
            loop.fit(CONTROL, SMALL, train, validation, 0, tmp_path)
    assert len(rows(tmp_path / "curve.csv")) == 2
    assert_same_fit(undisturbed, loop.fit(dying(0), SMALL, train, validation, 0, tmp_path))


def test_on_a_full_disk_it_ends_with_that_error_and_goes_on_later(
    undisturbed, train, validation, tmp_path
):
    class Full(Dying):
        def die(self):
            self.full.setattr(atomic.os, "fdopen", full)

    def full(handle, mode):
        os.close(handle)
        return open("/dev/full", mode)

    found = dying(STEPS, Full)
    with pytest.MonkeyPatch.context() as patch:
        object.__setattr__(found, "full", patch)
        with pytest.raises(OSError, match="No space left on device") as caught:
            loop.fit(found, SMALL, train, validation, 0, tmp_path)
    assert caught.value.errno == errno.ENOSPC
    left = dying(2 * STEPS)  # the first epoch is not lost
    assert_same_fit(undisturbed, loop.fit(left, SMALL, train, validation, 0, tmp_path))


def test_a_finished_fit_is_only_read(undisturbed, train, validation, monkeypatch):
    monkeypatch.setattr(loop, "Pictures", None)
    before = undisturbed.stat().st_mtime_ns
    assert loop.fit(dying(0), SMALL, train, validation, 0, undisturbed.parent) == undisturbed
    assert undisturbed.stat().st_mtime_ns == before


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
    assert [row["kept"] for row in rows(tmp_path / "curve.csv")] == [0, 0, 1, 0, 0]
    kept = student().eval()
    kept.load_state_dict(tensors)
    again = epochs.predicted(kept, Pictures(validation, config, 1 << 20), config)
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
    assert rows(tmp_path / "curve.csv") == rows(undisturbed.parent / "curve.csv")
    assert checkpoint.read(tmp_path / "lr-1e-09" / "fitted.safetensors")[1]["srcc"] < told["srcc"]
    assert loop.fit(dying(0), config, train, validation, 0, tmp_path) == path


def test_a_search_that_was_killed_goes_on_with_the_rate_at_hand(train, validation, tmp_path):
    config = replace(SMALL, lr_search=(1e-3, 3e-3))
    with pytest.raises(Killed):
        loop.fit(dying(4 * STEPS + 1), config, train, validation, 0, tmp_path / "killed")
    found = loop.fit(dying(2 * STEPS), config, train, validation, 0, tmp_path / "killed")
    whole = loop.fit(CONTROL, config, train, validation, 0, tmp_path / "whole")
    assert_same_fit(whole, found)


def test_a_rate_that_diverges_loses_to_the_others(train, validation, tmp_path, undisturbed):
    config = replace(SMALL, lr_search=(1e30, 3e-3))
    path = loop.fit(CONTROL, config, train, validation, 0, tmp_path / "some")
    found, expected = (checkpoint.read(each)[0] for each in (path, undisturbed))
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.items())
    assert (path.parent / "curve.csv").read_bytes() == (
        undisturbed.parent / "curve.csv"
    ).read_bytes()
    assert not list(path.parent.rglob("state.pt"))
    none = replace(SMALL, lr_search=(1e30, 1e31))
    with pytest.raises(ValueError, match=r"no rate of lr_search is low enough: with 1e\+30 .*nan"):
        loop.fit(CONTROL, none, train, validation, 0, tmp_path / "none")


def test_scores_that_are_not_finite_are_a_divergence_too(train, validation, tmp_path):
    """A single step: the loss is from before it."""
    config = replace(SMALL, batch=32, epochs=1, warmup_epochs=0, lr=1e30)
    with pytest.raises(ValueError, match="scores are not finite after epoch 1: try a lower lr"):
        loop.fit(CONTROL, config, train, validation, 0, tmp_path)


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


def row(**values):
    return {"epoch": 1, "lr": 0.1, "loss": 0.1, "srcc": 0.5, "plcc": 0.5, **values}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"epoch": 99}, "epoch is 99, and not 0 to 3"),
        ({"epoch": "x"}, "epoch is 'x'"),
        ({"epoch": True}, "epoch is True"),
        ({"epoch": 2}, "its curve ends at epoch 1, not 2"),
        ({"curve": []}, "its curve ends at epoch 0, not 1"),
        ({"curve": None}, "its curve is no list"),
        ({"curve": [row(epoch=0), row()]}, "its curve is not that of its epochs"),
        ({"curve": [row(srcc="high")]}, "its curve holds what is no number"),
        ({"curve": [{"epoch": 1}]}, "its curve is not that of its epochs"),
        ({"curve": [1]}, "has no attribute 'keys'"),
        ({"best": None}, "NoneType"),
        ({"best": {}}, "its best student is of another shape"),
        ({"best": {"norm.weight": 3}}, "has no attribute 'shape'"),
        ({"optimizer": None}, "NoneType"),
        ({"optimizer": {}}, "KeyError"),
        ({"module": None}, "NoneType"),
        ({"trained": None}, "NoneType"),
    ],
)
def test_a_state_that_was_edited_is_refused_by_its_name(
    train, validation, tmp_path, state_after_one_epoch, changed, said
):
    torch.save({**state_after_one_epoch, **changed}, tmp_path / "state.pt")
    with pytest.raises(ValueError, match="remove it to begin again") as caught:
        loop.fit(CONTROL, SMALL, train, validation, 0, tmp_path)
    text = str(caught.value)
    assert said in text
    assert text.startswith(f"{tmp_path / 'state.pt'}: does not fit: ")
    assert "\n" not in text


def test_a_state_as_it_was_left_is_taken(
    undisturbed, train, validation, tmp_path, state_after_one_epoch
):
    torch.save(state_after_one_epoch, tmp_path / "state.pt")
    assert_same_fit(undisturbed, loop.fit(CONTROL, SMALL, train, validation, 0, tmp_path))


@pytest.fixture(scope="module")
def state_after_one_epoch(train, validation, tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("begun")
    with pytest.raises(Killed):
        loop.fit(dying(STEPS), SMALL, train, validation, 0, folder)
    return torch.load(folder / "state.pt", weights_only=True)


def test_a_fitted_student_that_cannot_be_read_is_to_be_removed(train, validation, tmp_path):
    (tmp_path / "fitted.safetensors").write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"fitted\.safetensors: .*; remove it to fit again"):
        loop.fit(CONTROL, SMALL, train, validation, 0, tmp_path)


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
    torch.manual_seed(run.Fit(CONTROL, SMALL, None, None, 0, None, "cpu", {}).seed_of("weights"))
    begun = half_frozen().state_dict()
    for name, tensor in tensors.items():
        assert torch.equal(tensor, begun[name]) == name.startswith("encoder."), name
