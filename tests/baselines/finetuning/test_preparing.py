"""A teacher before the epochs: trained without labels, kept and frozen, killed and resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from baselines.finetuning import loop
from baselines.finetuning.config import TeacherPlan
from baselines.pretraining import checkpoint
from tests.baselines.finetuning.small import SMALL, Killed, assert_same_fit, rows
from tests.baselines.finetuning.taught import EVERY, PLAN, Taught, Teaching

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def whole(train, validation, tmp_path_factory) -> Path:
    torch.set_num_threads(1)
    return loop.fit(Taught(), SMALL, train, validation, 0, tmp_path_factory.mktemp("whole"))


def test_a_teacher_learns_on_crops_of_the_training_images(train, validation, tmp_path, whole):
    taught = Taught()
    assert_same_fit(whole, loop.fit(taught, SMALL, train, validation, 0, tmp_path))
    seen = taught.teaching.seen
    assert len(seen) == PLAN.steps
    assert {tuple(images.shape) for images in seen} == {(6, 3, SMALL.crop, SMALL.crop)}
    assert all(0 <= images.min() < images.max() <= 1 for images in seen)
    assert not torch.equal(seen[0], seen[1])
    curve = rows(whole.parent / "teacher.csv")
    assert list(curve[0]) == ["step", "lr", "loss", "gap"]
    assert [row["step"] for row in curve] == [*range(EVERY, PLAN.steps, EVERY), PLAN.steps]
    assert curve[-1]["gap"] < 0.5 * curve[0]["gap"]
    assert curve[-1]["lr"] == PLAN.rate(PLAN.steps - 1)
    assert all(row["taught"] > 0 for row in rows(whole.parent / "curve.csv"))


SLOW = [pytest.param(left, marks=pytest.mark.slow) for left in (0, EVERY - 1, EVERY)]


@pytest.mark.parametrize("left", [*SLOW, EVERY + 1, PLAN.steps - 1])
def test_killed_in_the_middle_it_goes_on_as_if_nothing_had_happened(
    train, validation, tmp_path, whole, left
):
    with pytest.raises(Killed):
        loop.fit(Taught(left), SMALL, train, validation, 0, tmp_path)
    again = Taught(PLAN.steps - left // EVERY * EVERY)
    assert_same_fit(whole, loop.fit(again, SMALL, train, validation, 0, tmp_path))
    assert len(again.teaching.seen) == again.teaching.left


def test_it_is_done_once_and_then_frozen(train, validation, tmp_path, whole):
    with pytest.raises(Killed):
        loop.fit(Taught(dies=True), SMALL, train, validation, 0, tmp_path)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert not [name for name in state["trained"] if name.startswith("teacher.")]
    assert_same_fit(whole, loop.fit(Taught(0), SMALL, train, validation, 0, tmp_path))


def test_a_state_is_saved_as_often_as_an_epoch_is_long(train, validation, tmp_path):
    """Also where a long training has ten rows in more steps than an epoch."""
    plan = replace(PLAN, steps=200)
    with pytest.raises(Killed):
        loop.fit(Taught(6, plan), SMALL, train, validation, 0, tmp_path)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    # 5 × 6 crops, of the 32 of an epoch.
    assert (state["steps"], [row["step"] for row in state["curve"]]) == (5, [5])


def test_rates_that_are_tried_share_a_teacher(train, validation, tmp_path, whole):
    config = replace(SMALL, lr_search=(1e-9, 3e-3))
    loop.fit(Taught(PLAN.steps), config, train, validation, 0, tmp_path)
    for name in ("teacher.csv", "curve.csv"):
        assert (tmp_path / name).read_bytes() == (whole.parent / name).read_bytes()
    assert not (tmp_path / "state.pt").exists()
    # As a fit with that rate alone: with a teacher that was trained for it.
    alone, shared = (
        checkpoint.read(path)[0] for path in (whole, tmp_path / "lr-0.003" / "fitted.safetensors")
    )
    assert all(torch.equal(tensor, shared[name]) for name, tensor in alone.items())


@pytest.mark.slow
@pytest.mark.parametrize("dies", [False, True])
def test_a_search_that_was_killed_trains_no_second_teacher(train, validation, tmp_path, dies):
    """Killed while the teacher is trained, or in the first epoch after it."""
    config = replace(SMALL, lr_search=(1e-3, 3e-3))
    done = PLAN.steps if dies else 5 * EVERY
    killed = Taught(PLAN.steps if dies else done + 1, dies=dies)
    with pytest.raises(Killed):
        loop.fit(killed, config, train, validation, 0, tmp_path / "killed")
    again = Taught(PLAN.steps - done)
    found = loop.fit(again, config, train, validation, 0, tmp_path / "killed")
    assert_same_fit(loop.fit(Taught(), config, train, validation, 0, tmp_path / "whole"), found)


def test_a_state_that_does_not_fit_is_one_clear_line(train, validation, tmp_path):
    with pytest.raises(Killed):
        loop.fit(Taught(EVERY), SMALL, train, validation, 0, tmp_path)
    path = tmp_path / "state.pt"
    state = torch.load(path, weights_only=True)
    part = {name: each for name, each in state["prepared"].items() if name != "bias"}
    torch.save({**state, "prepared": part}, path)
    with pytest.raises(ValueError, match=r"state\.pt: does not fit: .*begin again") as caught:
        loop.fit(Taught(), SMALL, train, validation, 0, tmp_path)
    assert "\n" not in str(caught.value)
    torch.save({**state, "steps": PLAN.steps + 1}, path)
    with pytest.raises(ValueError, match=r"state\.pt: does not fit: .*and not 0 to 25"):
        loop.fit(Taught(), SMALL, train, validation, 0, tmp_path)


@pytest.mark.parametrize("rates", [(), (1e-3, 3e-3)])
def test_a_loss_that_is_not_finite_ends_it(train, validation, tmp_path, monkeypatch, rates):
    """With the advice that helps: no rate of the student's does."""
    whole = Teaching.loss

    def diverging(self, *arguments):
        loss, numbers = whole(self, *arguments)
        return loss * float("nan"), numbers

    monkeypatch.setattr(Teaching, "loss", diverging)
    config = replace(SMALL, lr_search=rates)
    with pytest.raises(
        ValueError, match=r"^loss is nan in step 2 of the preparation: try a lower teacher_lr$"
    ):
        loop.fit(Taught(), config, train, validation, 0, tmp_path)
    assert not (tmp_path / "state.pt").exists()


def test_the_rate_rises_and_falls():
    plan = TeacherPlan(10, lr=2.0, warmup=0.2)
    rates = [plan.rate(step) for step in range(10)]
    assert rates[:3] == [1.0, 2.0, 2.0]
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert 0 < rates[-1] < 0.1
    assert TeacherPlan(1, lr=2.0, warmup=0.9).rate(0) == 2
