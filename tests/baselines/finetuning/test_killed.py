"""Killed by the system, in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from baselines.finetuning import loop
from tests.baselines.finetuning.small import SMALL, assert_same_fit, dying
from tests.baselines.finetuning.taught import EVERY, PLAN, Taught

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow]
STEPS = 4 * 4 * 2 // SMALL.batch  # of an epoch


def killed(objective: str, folder: Path, before: str = "") -> None:
    """Fit ``objective``, an expression, in a process that kills itself with signal 9.

    ``before`` is code that runs first, for which ``die`` is a function.
    """
    code = f"""
import os, signal, torch
from pathlib import Path
from baselines.finetuning import loop
from tests.baselines.finetuning import small, taught
torch.set_num_threads(1)

def die(self):
    os.kill(os.getpid(), signal.SIGKILL)

small.Dying.die = taught.Teaching.die = die
{before}
train = small.pictures(Path({str(folder / "a")!r}), 4)
validation = small.pictures(Path({str(folder / "b")!r}), 2, first=4)
loop.fit({objective}, small.SMALL, train, validation, 0, Path({str(folder / "fit")!r}))
"""
    root = Path(__file__).parents[3]
    ended = subprocess.run([sys.executable, "-c", code], cwd=root, timeout=300)
    assert ended.returncode == -signal.SIGKILL


def test_in_the_middle_of_an_epoch_it_costs_that_epoch(undisturbed, train, validation, tmp_path):
    """At the second step of the second epoch."""
    killed(f"small.dying({STEPS + 1})", tmp_path)
    again = loop.fit(dying(2 * STEPS), SMALL, train, validation, 0, tmp_path / "fit")
    assert_same_fit(undisturbed, again)


def test_in_the_middle_of_a_preparation_it_costs_less(train, validation, tmp_path):
    done = 5 * EVERY
    killed(f"taught.Taught({done + 1})", tmp_path)
    again = Taught(PLAN.steps - done)
    found = loop.fit(again, SMALL, train, validation, 0, tmp_path / "fit")
    assert_same_fit(loop.fit(Taught(), SMALL, train, validation, 0, tmp_path / "whole"), found)


def test_between_the_last_state_and_its_curve_it_costs_nothing(
    undisturbed, train, validation, tmp_path
):
    last = """
from baselines.finetuning import curve
write = curve.write
curve.write = lambda path, rows: die(0) if len(rows) == small.SMALL.epochs else write(path, rows)
"""
    killed("small.CONTROL", tmp_path, last)
    assert_same_fit(undisturbed, loop.fit(dying(0), SMALL, train, validation, 0, tmp_path / "fit"))
