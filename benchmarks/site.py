"""How soon the leaderboard is on the screen, with 200 models on 12 datasets.

Everything about them is made up and named so, and lies in a temporary folder: no number of it is
of any model. The site is built once; Chromium opens its first page from the disk several times.

The last line is ``first contentful paint VALUE``: the median, in seconds.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.canonical import slug
from harness.collection.board import read_board
from harness.records import Record, Row, write_record
from harness.site.index_page import index_page

PAINTS = "() => performance.getEntriesByType('paint').map((e) => [e.name, e.startTime / 1000])"
READY = "() => performance.getEntriesByType('navigation')[0].loadEventEnd / 1000"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--models", type=int, default=200)
    options.add_argument("--datasets", type=int, default=12)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        records, page = Path(folder, "records"), Path(folder, "index.html")
        make_up(records, given.models, given.datasets)
        start = time.perf_counter()
        board = read_board(records)
        read = time.perf_counter()
        page.write_bytes(index_page(board)["index.html"])
        made = time.perf_counter()
        print(f"{given.models} models × {given.datasets} datasets, {len(board.rows)} rows")
        print(f"records read in {read - start:.2f} s, page made in {made - read:.2f} s")
        print(f"size of the page {page.stat().st_size / 1e6:.2f} MB")
        found = [paints(page) for _ in range(given.rounds)]
    for name in found[0]:
        print(f"{name} {statistics.median(each[name] for each in found):.3f} s")
    median = statistics.median(each["first-contentful-paint"] for each in found)
    print(f"first contentful paint {median:.3f}")


def paints(page: Path) -> dict[str, float]:
    """Seconds until Chromium has painted ``page`` first, and until it has loaded it."""
    from playwright.sync_api import sync_playwright

    browser = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=browser,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        tab = chromium.new_page(viewport={"width": 1200, "height": 900})
        tab.goto(page.as_uri())
        tab.wait_for_function("() => performance.getEntriesByType('paint').length > 1")
        found = {**dict(tab.evaluate(PAINTS)), "loaded": tab.evaluate(READY)}
        chromium.close()
    return found


def make_up(records: Path, n_models: int, n_datasets: int, seed: int = 0) -> None:
    """Records of ``n_models`` × ``n_datasets`` under correlation; some lack some."""
    for record in made_up(n_models, n_datasets, seed):
        write_record(records, record)


def made_up(n_models: int, n_datasets: int, seed: int) -> Iterator[Record]:
    rng = np.random.default_rng(seed)
    for m in range(n_models):
        model, quality = f"made-up-{m:03d}", rng.uniform(0.2, 0.95)
        for d in range(n_datasets):
            row = _row(model, f"made-up-set-{d:02d}", control=m % 40 == 39, pseudo=d == 0)
            if rng.random() < 0.05:
                nothing = replace(row, n_scored=0, reason="made up to be absent")
                yield Record((nothing,), {}, slug(model), "correlation")
                continue
            srcc = float(np.clip(quality + rng.normal(0, 0.05), -0.99, 0.99))
            ends: dict[str, Any] = {"ci_low": srcc - 0.02, "ci_high": min(srcc + 0.015, 0.995)}
            values = {"plcc": 0.97, "plcc_logistic": 0.99, "krcc": 0.78, "rmse": 0.4}
            rows = (
                replace(row, value=srcc, ci_method="made up", **ends),
                *(replace(row, metric=name, value=srcc * by) for name, by in values.items()),
            )
            yield Record(rows, {}, slug(model), "correlation")


def _row(model: str, dataset: str, control: bool, pseudo: bool) -> Row:
    marks = ("control",) if control else ()
    return Row(
        model=model, model_version="1", weights="", options="{}", mode="NR",
        dataset=dataset, images_hash=f"{dataset} images", labels_hash=f"{dataset} labels",
        label_kind="pseudo" if pseudo else "mos", decoding="made up", device="cpu", others="{}",
        protocol="correlation", protocol_version="1", protocol_options="{}", split="all",
        subset="all", metric="srcc", value=None, ci_low=None, ci_high=None, ci_method=None,
        n_expected=1000, n_scored=1000, n_failed=0, seed=0, published=None,
        published_source=None, contamination="none",
        marks=("pseudo-labels", *marks) if pseudo else marks, scores=None, reason=None,
    )  # fmt: skip


if __name__ == "__main__":
    main()
