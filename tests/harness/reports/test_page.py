"""The page in a real browser: quiet, sortable by keyboard, legible in both color schemes."""

import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from harness.records import Row
from harness.reports import write_report

sync_api = pytest.importorskip("playwright.sync_api")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed"),
]

# For every piece of text: its color against what lies behind it (WCAG 2 contrast).
CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = parse(getComputedStyle(e).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    throw new Error("nothing behind");
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const pair = [parse(getComputedStyle(element).color), behind(element)].map(light);
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < 4.5) poor.push([element.textContent.slice(0, 40), ratio]);
  }
  return poor;
}"""


@pytest.fixture(scope="module")
def url(report: Path) -> str:
    return (report / "index.html").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=BROWSER,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, url: str):
    """``open_page(width, scheme)``: the loaded page, and what it asked for and complained of."""
    contexts = []

    def opened(width: int = 1200, scheme: str = "light", target: str = url):
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto(target)
        return page, asked, said

    yield opened
    for context in contexts:
        context.close()


def test_quiet_and_alone(open_page, url: str) -> None:
    page, asked, said = open_page()
    assert said == []
    assert len(asked) > 5
    assert all(target.startswith(url.removesuffix("index.html")) for target in asked)
    assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")


def test_sorting_by_keyboard(open_page) -> None:
    page, _, said = open_page()
    table = page.locator("#demo-correlation table").first

    def texts(body: int, column: int) -> list[str]:
        return table.locator(f"tbody:nth-of-type({body}) tr:not(.note)").evaluate_all(
            f"(rows) => rows.map((row) => row.children[{column}].innerText.split('\\n')[0])"
        )

    heading = table.locator("thead th", has_text="RMSE")
    column = int(heading.get_attribute("data-column"))
    srcc = table.locator("thead th", has_text="SRCC")
    assert srcc.get_attribute("aria-sort") == "descending"
    ranked, apart = set(texts(1, 1)), set(texts(2, 1))

    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert srcc.get_attribute("aria-sort") is None
    values = [float(text) for text in texts(1, column)]
    assert values == sorted(values, reverse=True)
    page.keyboard.press("Space")
    assert heading.get_attribute("aria-sort") == "ascending"
    values = [float(text) for text in texts(1, column)]
    assert values == sorted(values)

    # What is missing stays last in both directions, and nobody moves into the ranking.
    logistic = table.locator("thead th", has_text="PLCC logistic").locator("button")
    for _ in range(2):
        logistic.press("Enter")
        assert texts(1, column - 2)[-1] == "–"
    table.locator("thead th", has_text="Model").locator("button").press("Enter")
    names = texts(1, 1)
    assert names == sorted(names, key=str.lower)
    assert set(names) == ranked
    assert set(texts(2, 1)) == apart
    assert table.locator("tbody.apart tr").first.get_attribute("class") == "note"
    assert said == []


@pytest.mark.parametrize("width", [320, 375, 1200])
def test_the_page_itself_never_scrolls_sideways(open_page, width: int) -> None:
    page, _, _ = open_page(width)
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator("#demo-correlation .scroll table").first.locator("xpath=..")
    scrolls = box.evaluate("(e) => e.scrollWidth > e.clientWidth")
    assert scrolls == (width < 1200)
    if scrolls:  # the model's name stays in sight
        box.evaluate("(e) => (e.scrollLeft = 200)")
        left = box.evaluate("(e) => e.getBoundingClientRect().left")
        name = box.locator("tbody th").first.bounding_box()
        assert name["x"] == pytest.approx(left, abs=2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(open_page, scheme: str) -> None:
    page, _, _ = open_page(1200, scheme)
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    assert page.evaluate(CONTRAST) == []
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(13, 17, 23)") == (scheme == "dark")


def test_figures_follow_the_color_scheme(open_page) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        page, _, _ = open_page(1200, scheme)
        page.evaluate("document.querySelector('figure img').decode()")
        shot = page.locator("figure img").first.screenshot(type="png")
        shades[scheme] = _corner(shot)
    assert shades["light"] == (255, 255, 255)
    assert shades["dark"] == (22, 27, 34)


@pytest.fixture(scope="module")
def suite_url(
    suite_rows: list[Row], save: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> str:
    return write_report(save(tmp_path_factory.mktemp("suite"), suite_rows)).as_uri()


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (390, "light"), (1200, "dark")])
def test_a_suite_of_datasets(open_page, suite_url: str, width: int, scheme: str) -> None:
    page, _, said = open_page(width, scheme, suite_url)
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")


def _corner(png: bytes) -> tuple[int, ...]:
    with Image.open(io.BytesIO(png)) as image:
        return image.convert("RGB").getpixel((4, 4))
