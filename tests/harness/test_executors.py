"""Processes give the bytes that one process gives, and keep what is finished when they die."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.cells import make_cell
from harness.executors import processes
from harness.executors.processes import WorkerDied
from harness.executors.threads import one_thread
from harness.extract import Task, run_passes
from harness.images import Decoded, DecodePolicy
from harness.parts import PART_SAMPLES
from harness.planning import plan
from harness.sample import Dataset, Sample
from harness.settings import Settings
from harness.stage import compute_tasks
from harness.store import CellFiles, Store, StoreError
from tests.conftest import Difference, Sharpness

pytestmark = pytest.mark.skipif(not processes.available(), reason="workers cannot be forked here")
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Flat:
    """An image of one level, made on the spot."""

    level: int

    def fingerprint(self) -> str:
        return f"flat {self.level}"

    def load(self, policy: DecodePolicy) -> Decoded:
        return Decoded(torch.full((3, 4, 4), self.level % 256, dtype=torch.uint8))

    def alpha(self) -> None:
        return None


def flat(n: int) -> Dataset:
    return Dataset("flat", tuple(Sample(f"s{i:04d}", Flat(i), "c") for i in range(n)))


class Slow(Sharpness):
    """Takes a while and writes one byte to a log for each result."""

    def __init__(self, log: Path, seconds: float = 0.003) -> None:
        super().__init__("slow")
        self.log, self.seconds = log, seconds
        log.touch()

    def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
        time.sleep(self.seconds)
        with self.log.open("ab") as log:
            log.write(b".")
        return torch.tensor([float(image[0, 0, 0]) for image in images], dtype=torch.float64)

    @property
    def computed(self) -> int:
        return self.log.stat().st_size


class Bench:
    """One model on ``n`` images in one store."""

    def __init__(self, folder: Path, n: int = 600, model: Any = None, workers: int = 2) -> None:
        self.model = model or Slow(folder / "log")
        self.dataset = flat(n)
        cell = make_cell(self.model.card, self.dataset, "score", decoding="d")
        self.task = Task(cell, self.model)
        self.settings = Settings(folder / "cells", DecodePolicy(), workers, progress=False)

    @property
    def files(self) -> CellFiles:
        return Store(self.settings.cells).cell(self.task.cell)

    def run(self) -> tuple[int, int]:
        return compute_tasks(self.dataset, [self.task], self.settings)

    def start(self, target: Callable[[], object] | None = None, committed: int = 100) -> Any:
        """Run in a process of its own, and wait until a part of the work is committed."""
        child = FORK.Process(target=target or self.run)
        child.start()
        wait_until(lambda: len(self.files.done()) >= committed)
        return child

    def session(self) -> None:
        """Run like the command: a terminal sends the signal to all processes of a session."""
        os.setsid()
        try:
            self.run()
        except KeyboardInterrupt:
            os._exit(7)


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# What they compute -----------------------------------------------------------------------


def test_every_number_of_workers_gives_the_same_bytes(tiny, tmp_path):
    found = []
    for workers in (1, 2, 5):
        settings = Settings(tmp_path / str(workers), DecodePolicy(), workers, progress=False)
        tasks = [
            Task(make_cell(model.card, tiny, operation, decoding="d"), model)
            for model, operation in [
                (Sharpness(), "score"),
                (Sharpness("batches", batch_invariant=True), "features"),
                (Difference(), "score_pair"),
            ]
        ]
        compute_tasks(tiny, tasks, settings)
        outputs = [Store(settings.cells).cell(task.cell).read() for task in tasks]
        found.append([(o.ids, o.values.tobytes(), o.values.dtype) for o in outputs])
    assert found[0] == found[1] == found[2]
    assert len(found[0][0][0]) == len(tiny.images)


def test_progress_counts_every_result_once(tmp_path):
    for workers in (1, 2):
        bench = Bench(tmp_path / str(workers), 150, Sharpness(), workers)
        todo = plan(
            bench.dataset, [bench.task], DecodePolicy(), bench.settings.cells, workers=workers
        )
        ticks: list[int] = []
        processes.execute(run_passes, todo.passes, ticks.append, workers)
        assert sum(ticks) == 150


class Threads(Sharpness):
    """Its score says who computed it, and with how many threads."""

    def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
        time.sleep(0.005)
        here = [os.getpid(), torch.get_num_threads(), int(os.environ["OMP_NUM_THREADS"])]
        weights = torch.tensor([1e4, 1e2, 1.0], dtype=torch.float64)
        return torch.tensor([here], dtype=torch.float64) @ weights


@pytest.mark.parametrize("workers", [1, 2])
def test_every_process_uses_one_thread(tmp_path, monkeypatch, workers):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        bench = Bench(tmp_path, 80, Threads(), workers)
        bench.run()
    finally:
        torch.set_num_threads(before)
    codes = {divmod(int(value), 10000) for value in bench.files.read().values}
    assert {threads for _, threads in codes} == {101}
    processes = {pid for pid, _ in codes}
    assert len(processes) == workers
    assert (os.getpid() in processes) == (workers == 1)


@pytest.mark.slow
def test_one_thread_also_for_libraries_that_are_loaded_inside():
    """SciPy brings its own BLAS: were it loaded inside, it would start with every core."""
    code = (
        "import torch, threadpoolctl\n"
        "from harness.executors.threads import one_thread\n"
        "with one_thread():\n"
        "    import scipy.linalg\n"
        "    print({pool['num_threads'] for pool in threadpoolctl.threadpool_info()})\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert found.stdout.strip() == "{1}", found.stderr


def test_one_thread_leaves_things_as_they_were(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    inside = contextlib.ExitStack()
    inside.enter_context(one_thread())
    assert torch.get_num_threads() == 1
    assert os.environ["MKL_NUM_THREADS"] == "1"
    inside.close()
    assert torch.get_num_threads() == before
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert "MKL_NUM_THREADS" not in os.environ


# How they end ----------------------------------------------------------------------------


def test_kill_9_of_the_parent_leaves_no_orphans_and_costs_one_part(tmp_path):
    bench = Bench(tmp_path)
    child = bench.start()
    workers = children(child.pid)
    assert len(workers) == 2
    os.kill(child.pid, signal.SIGKILL)
    child.join(10)
    wait_until(lambda: not any(map(runs, workers)), 5)

    computed, kept = bench.model.computed, len(bench.files.done())
    assert 100 <= kept < 600
    assert computed - kept <= PART_SAMPLES  # over both workers
    assert bench.run() == (600 - kept, 600)
    assert bench.model.computed == computed + 600 - kept
    assert bench.files.read().values.tolist() == [float(i % 256) for i in range(600)]
    assert bench.run() == (0, 600)


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_loses_nothing_that_is_finished(tmp_path, workers):
    bench = Bench(tmp_path, workers=workers)
    child = bench.start(bench.session)
    pids = [child.pid, *children(child.pid)]
    os.killpg(child.pid, signal.SIGINT)
    child.join(20)
    assert child.exitcode == 7
    assert not any(map(runs, pids[1:]))
    # In one process the signal may hit between a result and its entry in the log.
    computed, kept = bench.model.computed, len(bench.files.done())
    assert computed - kept <= (1 if workers == 1 else 0)
    assert kept < 600
    assert bench.run() == (600 - kept, 600)
    assert len(bench.files.read().ids) == 600


def test_ctrl_c_waits_for_the_image_at_hand_only(tmp_path):
    bench = Bench(tmp_path, 300, Slow(tmp_path / "log", seconds=0.06))
    child = bench.start(bench.session, committed=1)  # each worker has 32 more in its shard
    before = bench.model.computed
    os.killpg(child.pid, signal.SIGINT)
    child.join(20)
    assert child.exitcode == 7
    # Workers hear of it after 0.2 s, or a few images later; 64 would be to the ends of shards.
    assert bench.model.computed - before < 32


def test_a_killed_worker_is_one_line_and_the_rest_is_kept(tmp_path):
    class Killed(Slow):
        def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
            if self.computed >= 300 and not (self.log.parent / "once").exists():
                (self.log.parent / "once").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().score(images)

    # Other tests of this process may have left a helper of multiprocessing running.
    before = children(os.getpid())
    bench = Bench(tmp_path, model=Killed(tmp_path / "log"))
    with pytest.raises(WorkerDied, match="use fewer --workers; what was finished is kept") as e:
        bench.run()
    assert "\n" not in str(e.value)
    assert children(os.getpid()) == before
    computed, kept = bench.model.computed, len(bench.files.done())
    assert computed - kept <= PART_SAMPLES
    assert bench.run() == (600 - kept, 600)


def test_a_full_disk_stops_all_workers_and_keeps_what_is_there(tmp_path, monkeypatch):
    bench, real = Bench(tmp_path), os.fsync

    def full(handle: int) -> None:
        if bench.model.computed >= 200:
            raise OSError(28, "No space left on device")
        real(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="the disk is full; what was finished is kept"):
            bench.run()
    assert bench.model.computed < 300  # the other worker stopped, too
    kept = len(bench.files.done())
    assert kept >= 100
    assert bench.run() == (600 - kept, 600)


def test_nothing_of_a_run_is_left_behind(tmp_path):
    before = children(os.getpid())
    Bench(tmp_path, 40).run()
    assert (processes._work, processes._run) == ((), None)
    assert (processes._taken, processes._finished, processes._stop) == (None, None, None)
    assert children(os.getpid()) == before


def test_two_runs_on_one_store_lose_and_double_nothing(tmp_path):
    bench = Bench(tmp_path, 200)
    other = FORK.Process(target=bench.run)
    other.start()
    bench.run()
    other.join(30)
    assert other.exitcode == 0
    output = bench.files.read()
    assert output.values.tolist() == [float(i) for i in range(200)]
    assert output.ids == tuple(s.id for s in bench.dataset.samples)


def test_a_resumed_run_may_use_another_number_of_workers(tmp_path):
    bench = Bench(tmp_path, 200)
    half = replace(bench.dataset, samples=bench.dataset.samples[:100])
    compute_tasks(half, [bench.task], bench.settings)
    assert compute_tasks(bench.dataset, [bench.task], replace(bench.settings, workers=1)) == (
        100,
        200,
    )
