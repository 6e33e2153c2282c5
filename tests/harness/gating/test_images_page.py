"""The page of a gate for pictures in a real browser: alone, quiet, legible, and no wider."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.gating import Finding, Report, Verdict
from harness.gating.images_gate import Outcome
from harness.gating.images_page import CROP, render
from harness.gating.images_worst import Change, Damaged
from harness.images import DEFAULT_POLICY
from tests.conftest import Difference
from tests.harness.reports.test_page import CONTRAST

sync_api = pytest.importorskip("playwright.sync_api")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
HOSTILE = "<script>alert(1)</script><img src=http://example.org/a.png onerror=alert(2)>"


def outcome(folder: Path, height: int, width: int) -> Outcome:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "old.png")
    pixels[-CROP // 4 :, -CROP // 4 :] = 90
    Image.fromarray(pixels).save(folder / "new.png")
    changes = (Change(HOSTILE, 1.0, 0.5, -2.0), Change("m", 30.0, 29.0, -0.1))
    paths = folder / "old.png", folder / "new.png", folder / "old.png"
    findings = [
        Finding("Quality", (HOSTILE, "2 pictures"), verdict, f"{HOSTILE} " * 3)
        for verdict in (Verdict.REGRESSED, Verdict.NOT_COMPARABLE)
    ]
    report = Report(HOSTILE, ("model", "pictures"), ("Quality",), tuple(findings), (HOSTILE,))
    return Outcome(report, (Damaged(HOSTILE, *paths, changes),) * 2)


def test_the_part_at_full_size_is_where_the_two_differ(tmp_path: Path) -> None:
    page = render(outcome(tmp_path, 600, 900), [Difference()], DEFAULT_POLICY)
    (x, y), *_ = [
        (int(part.split('"')[0]), int(part.split('y="')[1].split('"')[0]))
        for part in page.split('class="frame" x="')[1:]
    ]
    assert (x, y) == (900 - CROP, 600 - CROP)


def test_in_a_browser_nothing_runs_nothing_is_asked_for_and_all_is_legible(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(render(outcome(tmp_path, 600, 900), [Difference()], DEFAULT_POLICY), "utf-8")
    asked: list[str] = []
    said: list[str] = []

    def refuse(dialog: Any) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=BROWSER,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for width, scheme in ((1200, "light"), (390, "dark")):
            page = browser.new_context(
                viewport={"width": width, "height": 800}, color_scheme=scheme
            ).new_page()
            page.on("request", lambda request: asked.append(request.url))
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("dialog", refuse)
            page.goto(path.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(CONTRAST) == []
            assert page.evaluate("document.images.length + document.scripts.length") == 0
            assert page.locator("h2").nth(2).inner_text() == f"1. {HOSTILE}"
            widest = "Math.max(...[...document.querySelectorAll('svg')].map(e => e.clientWidth))"
            assert page.evaluate(widest) <= width
        browser.close()
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()] * 2
    assert said == []
