"""Maps whose answer is known, and the set itself: the same bits whoever renders it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from harness import run
from harness.sample import Dataset
from probes.sets import probe_set
from tests.probes.known.conftest import BUDGET, SMALL, Rows, fraction
from tests.probes.known.known_models import Error, Luminance, everywhere, pixels

PERFECT = ("auroc", "ap", "iou", "iou_oracle", "pointing")


@pytest.mark.parametrize("reading", ["", "change_"])
def test_the_true_mask_is_perfect(rows_of: Callable[..., Rows], reading: str) -> None:
    rows = rows_of("true-mask", "localization")
    subsets = {subset for _, subset in rows.found}
    assert {"area=1/64", "area=1/2", "shape=rectangle", "placement=corner"} < subsets
    for (metric, subset), row in rows.found.items():
        if metric in [reading + name for name in PERFECT]:
            assert (row["value"], row["n_failed"]) == (1, 0), (metric, subset)
        elif metric == "mask_share" and subset.startswith("area="):
            share = fraction(subset.removeprefix("area="))
            assert row["value"] == pytest.approx(share, abs=1e-3)


def test_every_row_has_the_hash_of_the_set(frame: pd.DataFrame, probes: Dataset) -> None:
    assert set(frame.loc[frame["dataset"] == "known", "images_hash"]) == {probes.images_hash}


@pytest.mark.slow
def test_the_set_is_the_same_bits_and_rows_for_one_worker_or_two(
    root: Path, probes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IQA_EVAL_CACHE", str(tmp_path / "probes"))  # nothing is remembered
    again = probe_set("known", str(root), BUDGET, 0, SMALL)
    assert (again.images_hash, again.labels_hash) == (probes.images_hash, probes.labels_hash)
    for one, other in zip(probes.images[::9], again.images[::9], strict=True):
        before, after = pixels(one), pixels(other)
        assert (before is None) == (after is None)
        assert before is None or after is None or before.equal(after)
    frames = [
        run(
            [Error("everywhere", everywhere), Luminance()], [again], ["sensitivity"],
            cache=tmp_path / str(workers), workers=workers, progress=False,
        )
        for workers in (1, 2)
    ]  # fmt: skip
    pd.testing.assert_frame_equal(*frames)
