"""Maps whose answer is known, and the set itself: the same bits whoever renders it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from harness import run
from harness.sample import Dataset
from tests.probes.known.conftest import Rows, fraction
from tests.probes.known.known_models import Error, Luminance, everywhere, pixels, sha256

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


def fingerprint(probes: Dataset) -> list[str]:
    """The hashes of the set, and those of the pixels of one image in nine."""
    rendered = [pixels(sample) for sample in probes.images[::9]]
    found = ["" if image is None else sha256(image) for image in rendered]
    return [probes.images_hash, probes.labels_hash, *found]


_ALONE = """
import sys
from probes.sets import probe_set
from tests.probes.known.conftest import BUDGET, SMALL
from tests.probes.known.test_known_maps import fingerprint
print(*fingerprint(probe_set("known", sys.argv[1], BUDGET, 0, SMALL)), sep="\\n")
"""


@pytest.mark.slow
def test_the_set_is_the_same_bits_in_another_process(
    root: Path, probes: Dataset, tmp_path: Path
) -> None:
    """Which remembers nothing: neither in memory nor in a cache."""
    other = subprocess.run(
        [sys.executable, "-c", _ALONE, str(root)],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "IQA_EVAL_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.splitlines() == fingerprint(probes)


@pytest.mark.slow
def test_the_rows_are_the_same_for_one_worker_or_two(probes: Dataset, tmp_path: Path) -> None:
    frames = [
        run(
            [Error("everywhere", everywhere), Luminance()], [probes], ["sensitivity"],
            cache=tmp_path / str(workers), workers=workers, progress=False,
        )
        for workers in (1, 2)
    ]  # fmt: skip
    pd.testing.assert_frame_equal(*frames)
