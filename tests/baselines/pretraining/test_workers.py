"""Processes that draw batches: the same bits in the same order, and none of them is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from baselines.pretraining import batches as module
from baselines.pretraining.batches import Draw, batches, default_workers, drawn_by_workers
from baselines.pretraining.photos import Photos
from baselines.pretraining.recipe import Optimization, Recipe
from baselines.slide_iqa.config import PRESETS
from baselines.slide_iqa.recipe import SlideRecipe
from tests.baselines.pretraining.toy import ROOT, Toy, photographs, started

PLAN = Optimization(steps=400, batch=8, lr=0.1, log_every=1, save_every=5)
TOY = Toy(PLAN)
ALONE: Any = SimpleNamespace(device=torch.device("cpu"), global_rank=0, world_size=1)
PROC = Path("/proc/self/task")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photographs(tmp_path_factory.mktemp("workers") / "photos")


@pytest.fixture(scope="module")
def photos(folder: Path) -> Photos:
    return Photos(folder)


def tensors(value: Any) -> list[torch.Tensor]:
    """All that are in a batch, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    parts = [getattr(value, f.name) for f in fields(value)] if is_dataclass(value) else value
    return [tensor for part in parts for tensor in tensors(part)]


@pytest.mark.parametrize(
    "recipe",
    [pytest.param(TOY, marks=pytest.mark.slow), SlideRecipe(PRESETS["smoke"])],
    ids=lambda recipe: recipe.name,
)
def test_any_number_of_workers_gives_the_same_batches(recipe: Recipe, photos: Photos) -> None:
    expected, *others = (
        [tensors(batch) for batch in batches(recipe, photos, range(3, 9), ALONE, workers)]
        for workers in (0, 1, 2)
    )
    assert len(expected) == 6
    assert not torch.equal(expected[0][0], expected[1][0])
    for found in others:
        for one, other in zip(expected, found, strict=True):
            assert len(one) == len(other) > 1
            assert all(map(torch.equal, one, other))


def test_an_error_in_a_worker_is_raised_as_itself(photos: Photos) -> None:
    found = batches(Toy(PLAN, fail_at=2), photos, range(20), ALONE, 1)
    assert len([next(found) for _ in range(2)]) == 2
    with pytest.raises(ValueError, match=r"^no such photograph$"):
        next(found)


def test_few_are_drawn_ahead_and_a_killed_worker_is_one_line(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools, steps = [], []

    class Pool(module.ProcessPoolExecutor):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            pools.append(self)

        def submit(self, function: Any, step: int) -> Any:  # type: ignore[override]
            steps.append(step)
            return super().submit(function, step)

    monkeypatch.setattr(module, "ProcessPoolExecutor", Pool)
    found = drawn_by_workers(Draw(TOY, photos, 8, 0), range(10, 99), 1)
    for taken in range(1, 4):
        next(found)
        assert steps == list(range(10, 12 + taken))
    for process in list(pools[0]._processes.values()):
        process.kill()
    with pytest.raises(ValueError, match=r"was killed.* fewer --workers") as refused:
        list(found)
    assert "\n" not in str(refused.value)


def test_workers_share_the_memory_of_the_photographs(folder: Path) -> None:
    photos = Photos(folder, memory=5 * 3 * 32 * 40)
    theirs = photos.shared(2)
    assert (theirs.memory, photos.memory) == (5 * 3 * 32 * 40 // 2, 5 * 3 * 32 * 40)
    assert theirs.sha256 == photos.sha256
    kept = [theirs[i] is theirs[i] for i in range(6)]
    assert kept == [True, True, *[False] * 4]
    assert all(torch.equal(theirs[i], photos[i]) for i in range(6))


def test_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    for cores, processes, wanted in ((16, 1, 8), (16, 4, 3), (4, 1, 3), (2, 1, 1), (2, 2, 1)):
        monkeypatch.setattr(
            "os.sched_getaffinity", lambda pid, n=cores: set(range(n)), raising=False
        )
        monkeypatch.setattr("os.cpu_count", lambda n=cores: n)
        assert default_workers(gpu, processes) == wanted
        assert default_workers(cpu, processes) == 0


def test_a_worker_loads_nothing_of_the_training() -> None:
    program = "import sys, baselines.pretraining.batches as c; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"lightning_fabric", "pandas", "matplotlib", "timm"} & set(done.stdout.split())


# --- how a run ends -----------------------------------------------------------------------------


def children(process: int) -> set[int]:
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return {int(child) for task in tasks for child in task.read_text().split()}


def alive(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.slow
@pytest.mark.skipif(not list(PROC.glob("*/children")), reason="the system lists no children")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_however_a_run_ends_its_workers_end(folder: Path, tmp_path: Path, end: int) -> None:
    """SIGINT goes to all of its processes, as Ctrl-C does in a terminal."""
    with (tmp_path / "said").open("wb") as said:
        how = {"stderr": said, "start_new_session": True}
        process = started(TOY, folder, tmp_path / "out", workers=2, **how)
    deadline = time.monotonic() + 120
    while not (tmp_path / "out" / "state.pt").exists():
        assert process.poll() is None, (tmp_path / "said").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    workers = children(process.pid)
    assert len(workers) >= 2
    (os.killpg if end == signal.SIGINT else os.kill)(process.pid, end)
    process.wait(60)
    while any(map(alive, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    text = (tmp_path / "said").read_text()
    if end == signal.SIGINT:
        assert "stopped after step" in text
        assert text.count("Traceback") == 1  # of the program, which does not catch it
