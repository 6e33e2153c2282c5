"""The benchmark of pretraining runs, and times functions that are there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from baselines.pretraining.photos import Photos
from baselines.slide_iqa.recipe import make
from benchmarks import pretrain
from tests.baselines.pretraining.toy import photographs

ROOT = Path(__file__).parents[1]


def test_the_parts_that_are_timed_are_there() -> None:
    for functions in pretrain.PARTS.values():
        assert all(callable(getattr(home, name)) for home, name in functions)


@pytest.mark.slow
def test_the_benchmark_of_pretraining_at_its_smallest() -> None:
    options = ["--preset", "smoke", "--steps", "1", "--rounds", "1", "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, "benchmarks/pretrain.py", *options],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-1].removeprefix("pretrain ratio ")) > 0
    for part in ("plans", "masks", "cutting", "degradations", "rest"):
        assert f"{part} " in done.stdout


@pytest.mark.slow
def test_what_workers_draw_is_timed_too(tmp_path: Path) -> None:
    photos = Photos(photographs(tmp_path / "photos"))
    assert pretrain.by_workers(make("smoke", {"steps": 4}), photos, 1)["drawn"] > 0
