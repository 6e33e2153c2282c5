"""The page of a comparison in a real browser: alone, quiet, usable by keyboard, legible."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from harness.images import Decoded
from harness.judging import PairScore, Verdict
from harness.model import TrainedOn, Weights
from harness.reports.compare_page import CROP, Pair, render
from tests.conftest import card
from tests.harness.reports.test_page import CONTRAST

sync_api = pytest.importorskip("playwright.sync_api")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
HOSTILE = '<script>alert("{}")</script>"\'&'


def pair(height: int, width: int, name: str = "a.png") -> Pair:
    ramp = torch.linspace(0, 255, width).expand(3, height, width)
    test, reference = ramp.to(torch.uint8), ramp.flip(2).to(torch.uint8)
    return Pair(name, "b.png", Decoded(test, ("alpha channel dropped",)), Decoded(reference))


def verdict(name: str = "m") -> Verdict:
    maps = np.full((3, 30, 40), 0.5, np.float32)
    maps[0, :10, :13], maps[1, 20:, 27:] = 0.9, 0.3
    return Verdict(
        card(
            name,
            map_channels=("blur", HOSTILE.format("channel"), "faint"),
            trained_on=(TrainedOn("cid22", split=HOSTILE.format("split")),),
            weights=(Weights("w.safetensors", "a" * 64),),
        ),
        PairScore(-1.3, 0, directed=True),
        maps,
        directed=True,
    )


def test_everything_from_outside_is_escaped() -> None:
    page = render(pair(48, 64, HOSTILE.format("file")), [verdict(HOSTILE.format("model"))])
    assert page.count("<script>") == 1  # our own
    for what in ("file", "model", "channel", "split"):
        assert f"&lt;script&gt;alert(&#34;{what}&#34;)" in page


def test_a_large_photograph_is_scaled_and_shown_in_part_at_full_size() -> None:
    whole = render(pair(60, 80), [verdict()])
    assert "At full size" not in whole
    assert "data:image/jpeg" in whole  # what lies under the maps
    large = render(pair(900, 1600), [verdict()])
    assert large.count("At full size") == 2
    assert f"{CROP} × {CROP} pixels" in large
    assert "the models saw every pixel" in large


def test_the_page_says_how_to_read_scores_and_colors() -> None:
    page = render(pair(48, 64), [verdict()])
    assert "Above 0 the test image is the better one" in page
    assert "here the test image has more of it than the reference" in page
    assert "here the reference has more" in page
    # Of a model that tells no direction, nothing of the kind.
    maps = np.full((1, 6, 8), 0.7, np.float32)
    alone = Verdict(card("d", map_channels=("any",), control=True), maps=maps)
    page = render(pair(48, 64), [alone])
    assert "The colors do not tell which of the two is damaged" in page
    assert "reference has more" not in page
    assert "Differs: the whole picture." in page
    assert "a control, to compare with" in page


def test_many_maps_are_folded_but_for_the_strongest() -> None:
    maps = (
        np.full((9, 6, 8), 0.5, np.float32)
        + np.linspace(0.2, 0.4, 9, dtype=np.float32)[:, None, None]
    )
    found = Verdict(card("m", map_channels=tuple("abcdefghi")), maps=maps, directed=True)
    shown, folded = render(pair(48, 64), [found]).split("3 weaker maps</summary>")
    order = [part.split("<")[0] for part in (shown + folded).split("<figcaption><strong>")[1:]]
    assert order == list("ihgfedcba")
    assert folded.count('class="mapped"') == 3


def test_only_a_score() -> None:
    page = render(pair(48, 64), [Verdict(card("psnr"), PairScore(28.3, 80, directed=False))])
    assert "28.3; higher is closer" in page
    assert "The scale of the maps" not in page
    assert 'id="pale"' not in page


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "page.html"
    hostile = verdict(HOSTILE.format("model"))
    path.write_text(render(pair(1000, 1400, HOSTILE.format("file")), [verdict(), hostile]), "utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=BROWSER,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any, url: str) -> Iterator[Open]:
    """``open_page(width, …)``: the loaded page, which must have asked for and said nothing."""
    opened, asked, said = [], [], []

    def go(width: int = 1200, **settings: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 800}, **settings)
        opened.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.goto(url)
        return page

    yield go
    for context in opened:
        context.close()
    assert [target for target in asked if not target.startswith("data:")] == [url] * len(opened)
    assert said == []


def at(page: Any) -> str:
    return page.evaluate("document.getElementById('stage').style.getPropertyValue('--at')")


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
class TestInBrowser:
    def test_the_line_moves_by_keyboard_and_by_pointer(self, open_page: Open) -> None:
        page = open_page()
        slider = page.get_by_role("slider", name="Test to the left").first
        assert at(page) == "50%"
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert at(page) == "51%"
        assert slider.get_attribute("aria-valuetext") == "51 % test, 49 % reference"
        page.keyboard.press("Home")
        assert at(page) == "0%"
        over = "getComputedStyle(document.querySelector('.over')).clipPath"
        assert page.evaluate(over) == "inset(0px 100% 0px 0px)"
        width = page.locator("#stage").bounding_box()["width"]
        page.locator("#stage").click(position={"x": 0.25 * width, "y": 20})
        assert at(page) == "25%"
        assert slider.input_value() == "25"

    def test_the_two_take_turns_until_they_are_stopped(self, open_page: Open) -> None:
        page = open_page()
        button = page.get_by_role("button", name="Flicker").first
        shown = "document.getElementById('stage').dataset.shown"
        button.press("Enter")
        assert button.get_attribute("aria-pressed") == "true"
        first = page.evaluate(shown)
        page.locator(f"#stage:not([data-shown={first}])").wait_for()  # no eval: the page forbids it
        button.press("Enter")
        assert button.get_attribute("aria-pressed") == "false"
        assert (page.evaluate(shown), at(page)) == (None, "50%")

    def test_less_motion_swaps_by_hand(self, open_page: Open) -> None:
        page = open_page(reduced_motion="reduce")
        button = page.get_by_role("button", name="Swap").first
        shown = "document.getElementById('stage').dataset.shown"
        for expected in ("test", "reference", "test"):
            button.press("Enter")
            assert page.evaluate(shown) == expected
            assert page.get_by_role("status").first.inner_text() == f"Shown: {expected}"
        page.wait_for_timeout(1500)
        assert page.evaluate(shown) == "test"

    def test_a_large_pair_takes_turns_at_full_size_too(self, open_page: Open) -> None:
        page = open_page()
        whole, part = page.get_by_role("slider", name="Test to the left").all()
        assert page.locator("#detail").bounding_box()["width"] == CROP
        part.press("End")
        places = "['stage', 'detail'].map((n) => document.getElementById(n).style.cssText)"
        assert page.evaluate(places) == ["--at: 50%;", "--at: 100%;"]
        assert (whole.input_value(), part.input_value()) == ("50", "100")

    def test_every_picture_is_drawn(self, open_page: Open) -> None:
        page = open_page()
        page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        broken = page.evaluate(
            """async () => {
              const found = [...document.querySelectorAll("image")].map((e) => {
                const image = new Image();
                image.src = e.href.baseVal;
                return image.decode().then(() => 0, () => 1);
              });
              return [found.length, (await Promise.all(found)).reduce((a, b) => a + b, 0)];
            }"""
        )
        assert broken == [3 + 2 + 2 * (3 + 2), 0]
        targets = "[...document.querySelectorAll('use')].map((u) => u.getAttribute('href'))"
        for target in set(page.evaluate(targets)):
            assert page.locator(target).count() == 1
        section = page.locator(".model").first
        section.get_by_role("slider").fill("40")
        assert section.evaluate("(e) => getComputedStyle(e.querySelector('.map')).opacity") == "0.4"

    @pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (390, "light"), (1200, "dark")])
    def test_legible_and_never_wider_than_the_screen(
        self, open_page: Open, width: int, scheme: str
    ) -> None:
        page = open_page(width, color_scheme=scheme)
        page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CONTRAST) == []

    def test_a_tall_picture_fits_the_window_and_fills_its_stage(self, browser: Any) -> None:
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        page.set_content(render(pair(1600, 400), [verdict()]))
        box = page.locator("#stage").bounding_box()
        assert box["height"] <= 800
        assert box["width"] == pytest.approx(box["height"] / 4, abs=1)
        over = page.locator("#stage .over").bounding_box()
        assert (over["width"], over["height"]) == (box["width"], box["height"])
        page.close()

    def test_on_paper_without_controls(self, open_page: Open) -> None:
        page = open_page(color_scheme="dark")
        page.emulate_media(media="print")
        assert not page.locator("#stage-split").is_visible()
        assert page.locator(".pair svg").first.is_visible()
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == "rgb(255, 255, 255)"
