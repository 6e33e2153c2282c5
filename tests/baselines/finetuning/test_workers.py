"""Fits side by side through the harness: the same weights whatever the number of workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from baselines.finetuning.fitted import Unfitted
from harness import run
from harness.executors import processes
from tests.baselines.finetuning.small import CONTROL, SMALL, pictures
from tests.conftest import card
from tests.harness.test_runner import everything


@pytest.mark.skipif(not processes.available(), reason="workers cannot be forked here")
def test_any_number_of_workers_gives_the_same_weights_and_records(tmp_path: Path) -> None:
    model = Unfitted(CONTROL, SMALL, card("small", options={}, batch_invariant=True))
    dataset = pictures(tmp_path / "images", 6)
    found = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        frame = run(
            [model],
            [dataset],
            ["fine-tune"],
            out=folder,
            cache=folder / "cache",
            workers=workers,
            progress=False,
        )
        assert frame["value"].notna().any()
        fits = sorted((folder / "cache" / "fits").glob("*/*/fitted.safetensors"))
        assert len(fits) == 5
        weights = {path.parent.name: path.read_bytes() for path in fits}
        assert len(set(weights.values())) == 5
        found.append((weights, everything(folder / "records")))
    assert found[0] == found[1]
