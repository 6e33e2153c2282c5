"""The leaderboard in a real browser: sorted, filtered, shared, compared; quiet and alone."""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from benchmarks.site import make_up
from harness.canonical import slug
from harness.collection.board import read_board
from harness.protocols.base import word
from harness.records import Record, Row, write_record
from harness.site import build
from harness.site.index_page import index_page

sync_api = pytest.importorskip("playwright.sync_api")
Axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

NASTY = "<script>alert(1)</script>"
FIRST, SECOND, THIRD = "made-up-a", "made-up-b", "made-up-c"
SRCC = {FIRST: 0.91, SECOND: 0.88, THIRD: 0.7, NASTY: 0.4, "judge": 0.97, "control:flat": 0.1}
ON_MADE = {FIRST: 0.6, SECOND: 0.65, NASTY: 0.3, "judge": 0.99, "control:flat": 0.0}


def row(model: str, dataset: str, protocol: str = "correlation", **changes: object) -> Row:
    marks = {"judge": ("circular",), "control:flat": ("control",)}.get(model, ())
    pseudo = dataset == "made"
    found = Row(
        model=model, model_version="1", weights="", options="{}",
        mode="FR" if model == SECOND else "NR", dataset=dataset,
        images_hash=f"images of {dataset}", labels_hash=f"labels of {dataset}",
        label_kind="pseudo" if pseudo else "mos", decoding="exif-srgb@1", device="cpu",
        others="{}", protocol=protocol, protocol_version="1", protocol_options="{}", split="all",
        subset="all", metric="srcc", value=None, ci_low=None, ci_high=None, ci_method=None,
        n_expected=100, n_scored=100, n_failed=0, seed=0, published=None, published_source=None,
        contamination="none", marks=(*(["pseudo-labels"] if pseudo else []), *marks),
        scores=None, reason=None,
    )  # fmt: skip
    return replace(found, **changes)


def rows() -> Iterable[Row]:
    for dataset, found in (("live", SRCC), ("made", ON_MADE)):
        for model, value in found.items():
            ends = {"ci_low": value - 0.03, "ci_high": value + 0.02, "ci_method": "bootstrap"}
            own = row(model, dataset, value=value, **ends)
            yield replace(own, contamination="labels", n_scored=98) if model == SECOND else own
            error = row(model, dataset, metric="rmse", value=10 * (1 - value))
            yield replace(error, published=4.0, published_source=f"{NASTY}, Table 1")
    yield row(THIRD, "made", n_scored=0, reason="no weights; to get it: iqa-eval fetch it")
    yield row("absent", "live", n_scored=0, reason=f"out of memory {NASTY}")
    for model, other, difference, p in (
        (FIRST, SECOND, 0.03, 0.04),
        (SECOND, FIRST, -0.03, 0.04),
        (FIRST, THIRD, 0.21, 0.2),
        (THIRD, FIRST, -0.21, 0.2),
        (SECOND, THIRD, 0.18, 0.3),
        (THIRD, SECOND, -0.18, 0.3),
    ):
        of = row(model, "live", "significance", subset="of=correlation")
        yield replace(of, value=SRCC[model])
        for metric, value in (("rank_low", 1), ("rank_high", 3), ("top_group", model != SECOND)):
            yield replace(of, metric=metric, value=float(value))
        pair = replace(of, subset=f"of=correlation versus={other}")
        ends = {"ci_low": difference - 0.01, "ci_high": difference + 0.02}
        yield replace(pair, metric="srcc_difference", value=difference, **ends)
        yield replace(pair, metric="srcc_p_holm", value=p)
    few = ("pseudo-labels", "few contents (8)")
    for model, other, sign in ((FIRST, NASTY, 1), (NASTY, FIRST, -1)):
        of = row(model, "made", "significance", subset="of=correlation", marks=few)
        for metric, value in (("srcc", ON_MADE[model]), ("rank_low", 1), ("rank_high", 2)):
            yield replace(of, metric=metric, value=float(value))
        yield replace(of, metric="top_group", value=1.0)
        pair = replace(of, subset=f"of=correlation versus={word(other)}")
        for metric, low in (("srcc", 0.2), ("plcc", -0.1)):
            ends = sorted((sign * low, sign * 0.4))
            method = {"ci_method": "paired jackknife", "ci_low": ends[0], "ci_high": ends[1]}
            yield replace(pair, metric=f"{metric}_difference", value=sign * 0.3, **method)
            yield replace(pair, metric=f"{metric}_p_holm", reason="nothing is called significant")
        yield row(model, "made", metric="plcc", value=0.5)
    for k, model in enumerate((FIRST, SECOND)):
        for area in ("1/4", "1/16"):
            of = row(model, "probes", "sensitivity", metric="detected", label_kind="none")
            yield replace(of, subset=f"area={area}", value=0.5 + 0.1 * k)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("site")
    own: dict[tuple[str, str, str], dict[tuple[str, str], Row]] = {}
    for each in rows():
        part = own.setdefault((each.model, each.dataset, each.protocol), {})
        part[each.subset, each.metric] = each
    for (model, _, protocol), part in own.items():
        write_record(folder / "records", Record(tuple(part.values()), {}, slug(model), protocol))
    return build(folder / "records", folder / "site").as_uri()


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
    """``open_page(hash, width, scheme)``: the loaded page. In the end, that it was quiet."""
    contexts = []
    asked: list[str] = []
    said: list[str] = []

    def opened(view: str = "", width: int = 1200, scheme: str = "light"):
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto(url + view)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []
    assert asked
    assert all(each.startswith("file:") for each in asked)


def names(page, body: int = 1) -> list[str]:
    lines = page.locator(f"#board tbody:nth-of-type({body}) th.name")
    return lines.all_inner_texts()


def texts(page, column: str) -> list[str]:
    """What stands in a column, of the lines that are ranked."""
    return page.evaluate(
        """(id) => {
          const heads = [...document.querySelectorAll("#board thead tr:last-child th")];
          const at = heads.findIndex((th) => th.dataset.column === id);
          return [...document.querySelectorAll("#board tbody:first-of-type tr")]
            .map((tr) => tr.children[at].innerText.split("\\n")[0].replace("*", "").trim());
        }""",
        column,
    )


def head(page, column: str):
    return page.locator(f'#board th[data-column="{column}"]')


def tick(page, name: str):
    return page.get_by_role("checkbox", name=f"Compare {name}")


def view_of(page) -> str:
    return unquote(page.evaluate("location.hash"))


def test_opens_with_ranked_models_and_sets_others_apart(open_page) -> None:
    page = open_page()
    assert names(page) == [SECOND, FIRST, NASTY, THIRD]  # by mean; who lacks a number comes last
    assert texts(page, "mean") == ["0.765", "0.755", "0.350", "–"]
    assert names(page, 2) == ["judge", "control:flat"]
    assert page.locator("#board thead .chip.warn").all_inner_texts() == ["pseudo-labels"]
    absent = page.locator("#board .below details")
    assert absent.locator("summary").inner_text() == "1 model without a number here"
    absent.locator("summary").click()
    assert absent.locator("li").inner_text() == (
        f"absent: live: out of memory {NASTY}; made: no record of it"
    )


def test_sorts_by_any_column(open_page) -> None:
    page = open_page("#show=mode,n,rank")
    head(page, "live").locator("button").click()
    assert names(page) == [FIRST, SECOND, THIRD, NASTY]
    assert head(page, "live").get_attribute("aria-sort") == "descending"
    assert "sort=-live" in view_of(page)
    head(page, "live").locator("button").click()
    assert names(page) == [NASTY, THIRD, SECOND, FIRST]
    assert head(page, "live").get_attribute("aria-sort") == "ascending"
    assert page.locator("#board th[aria-sort]").count() == 1
    for column in ("name", "mode", "live.n", "made.rank", "mean", "made"):
        for _ in range(2):
            head(page, column).locator("button").click()
            falls = head(page, column).get_attribute("aria-sort") == "descending"
            found = names(page) if column == "name" else texts(page, column)
            known = [text for text in found if text != "–"]
            key = (
                str.lower if column in ("name", "mode") else lambda text: float(text.split("/")[0])
            )
            assert [key(text) for text in known] == sorted(map(key, known), reverse=falls)
            assert found == known + ["–"] * (len(found) - len(known))
            assert set(names(page, 2)) == {"judge", "control:flat"}


def test_lower_errors_come_first(open_page) -> None:
    page = open_page("#metric=rmse&datasets=live")
    assert names(page) == [FIRST, SECOND, THIRD, NASTY]
    assert head(page, "live").get_attribute("aria-sort") == "ascending"
    assert head(page, "mean").count() == 0


def test_filters_and_back(open_page) -> None:
    page = open_page()
    page.locator("[name=mode]").select_option("FR")
    assert names(page) == [SECOND]
    page.locator("[name=mode]").select_option("")
    page.get_by_label("Name contains").press_sequentially("MADE -b")
    assert names(page) == [SECOND]
    assert "q=MADE -b" in view_of(page)
    page.go_back()  # the letters are one step
    assert names(page) == [SECOND, FIRST, NASTY, THIRD]
    page.locator("#columns summary").click()
    page.get_by_label("Circular models and controls").uncheck()
    assert names(page, 2) == []
    assert "hide=apart" in view_of(page)
    page.go_back()
    assert names(page, 2) == ["judge", "control:flat"]
    page.get_by_role("button", name="Start over").click()
    assert view_of(page) == ""


def test_one_dataset_stays_ticked(open_page) -> None:
    page = open_page("#datasets=live")
    page.locator("#datasets summary").click()
    box = page.locator("#datasets input[value=live]")
    box.click()
    assert box.is_checked()
    assert head(page, "made").count() == 0
    assert page.locator("#told").inner_text() == "One dataset must stay ticked."


def test_a_model_that_is_circular_elsewhere_is_ranked(open_page, tmp_path: Path) -> None:
    mixed = {("live", "a"): 0.9, ("live", "b"): 0.8, ("live", "kin"): 0.7}
    mixed |= {("made", "a"): 0.5, ("made", "b"): 0.6, ("made", "kin"): 0.99}
    for (dataset, model), value in mixed.items():
        own = row(model, dataset, value=value)
        if (dataset, model) == ("made", "kin"):
            own = replace(own, marks=("pseudo-labels", "circular"))
        if (dataset, model) == ("live", "b"):
            own = replace(own, contamination="labels")
        write_record(tmp_path / "records", Record((own,), {}, slug(model), "correlation"))
    page = open_page()
    page.goto(build(tmp_path / "records", tmp_path / "site").as_uri())
    assert (names(page), names(page, 2)) == (["a", "b", "kin"], [])
    assert texts(page, "mean") == ["0.700", "0.700", "0.845"]
    stars = page.locator('#board .why-button[data-key^="mean "]')
    assert [star.get_attribute("aria-label") for star in stars.all()] == [
        "b, mean: take care", "kin, mean: take care",
    ]  # fmt: skip
    said = page.locator(".below").inner_text()
    assert "a mean that holds a circular number is not ranked" in said
    for column, order in (("live", ["a", "b", "kin"]), ("made", ["b", "a", "kin"])):
        head(page, column).locator("button").click()
        assert names(page) == order
    page.goto(f"{page.url.partition('#')[0]}#datasets=made")
    assert (names(page), names(page, 2)) == (["b", "a"], ["kin"])


def test_protocols_measures_and_datasets(open_page) -> None:
    page = open_page()
    page.locator("#datasets summary").click()
    page.get_by_label("made", exact=False).first.uncheck()
    assert head(page, "made").count() == 0
    assert names(page) == [FIRST, SECOND, THIRD, NASTY]
    assert "datasets=live" in view_of(page)
    page.locator("[name=metric]").select_option("RMSE")
    assert texts(page, "live")[0] == "0.900"
    page.locator("[name=protocol]").select_option("sensitivity")
    assert names(page) == [SECOND, FIRST]
    assert "metric=detected area=1/16" in view_of(page)
    assert page.locator("#board-title").inner_text().startswith("Detected at area 1/16")


def test_a_shared_link_shows_what_its_sender_saw(open_page) -> None:
    page = open_page()
    head(page, "made").locator("button").click()
    page.locator("#columns summary").click()
    page.get_by_label("Rank interval").check()
    page.get_by_label("Interval", exact=True).uncheck()
    page.get_by_label("Name contains").fill("made")
    view = page.evaluate("location.hash")
    shown = page.locator("#board table").inner_text()
    other = open_page(view)
    assert other.locator("#board table").inner_text() == shown
    assert head(other, "live.ranks").count() == 1
    assert texts(other, "made.ranks") == ["–", "–", "–"]  # nothing was tested
    assert texts(other, "live.ranks") == ["1–3", "1–3", "1–3"]
    assert other.get_by_label("Name contains").input_value() == "made"
    other.evaluate("() => { navigator.clipboard.writeText = (text) => { window.copied = text; }; }")
    other.get_by_role("button", name="Copy the link").click()
    assert unquote(other.evaluate("window.copied")).endswith(view_of(other))
    assert other.locator("#told").inner_text() == "The link is copied."


def test_a_link_to_what_is_gone_says_so(open_page) -> None:
    page = open_page("#protocol=correlation&datasets=live,gone&compare=nobody&sort=gone")
    assert names(page) == [FIRST, SECOND, THIRD, NASTY]
    assert "what is not here: dataset gone, model nobody" in page.locator("#told").inner_text()
    assert "column gone" in page.locator("#told").inner_text()
    page = open_page("#show=rank,zz&hide=yy&sort=-live.rank")
    assert page.locator("#told").inner_text().endswith("what is not here: column zz, column yy.")


def test_a_model_is_not_compared_with_itself(open_page) -> None:
    page = open_page(f"#compare={FIRST},{FIRST}")
    assert page.locator("#comparison-heading").inner_text() == FIRST
    assert "Tick another model" in page.locator("#comparison").inner_text()


def test_two_models_are_compared(open_page) -> None:
    page = open_page()
    panel = page.locator("#comparison")
    assert panel.is_hidden()
    tick(page, SECOND).check()
    assert "Tick another model" in panel.inner_text()
    tick(page, FIRST).check()
    better = panel.locator(".verdicts li")
    assert better.all_inner_texts() == [
        f"{FIRST} is better than {SECOND} on live: {SECOND} − {FIRST} = −0.030, interval "
        "[−.050, −.020], p 0.040."
    ]
    assert f"iqa-eval results compare {SECOND} {FIRST}" in panel.inner_text()  # none on made
    assert f"compare={SECOND},{FIRST}" in view_of(page)
    tick(page, THIRD).check()  # takes the place of the first that was ticked
    assert not tick(page, SECOND).is_checked()
    assert better.all_inner_texts() == [
        f"{FIRST} and {THIRD} cannot be told apart on live: {FIRST} − {THIRD} = 0.210, interval "
        "[.200, .230], p 0.200."
    ]
    page.go_back()
    assert tick(page, SECOND).is_checked()
    assert "is better than" in better.inner_text()
    panel.get_by_role("button", name="Close").click()
    assert panel.is_hidden()
    same = open_page(f"#compare={SECOND},{slug(NASTY)}")
    assert same.locator("#comparison .command").inner_text() == (
        f"iqa-eval results compare {SECOND} '{NASTY}'"
    )
    assert same.locator("#comparison .verdicts").count() == 0


def test_closing_a_comparison_leads_back_to_the_table(open_page) -> None:
    page = open_page(f"#compare={FIRST},{SECOND}")
    page.locator("#close").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.value") == SECOND
    page = open_page(f"#compare={FIRST},{SECOND}&q={THIRD}")  # their lines are filtered away
    page.locator("#close").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.className") == "scroll"


def test_what_was_not_tested_is_no_tie(open_page) -> None:
    page = open_page(f"#compare={slug(NASTY)},{FIRST}")
    said = page.locator("#comparison .verdicts li")
    why = "not tested: 8 contents, 20 are needed; the interval"
    assert said.all_inner_texts() == [
        f"made, {why} excludes 0: {NASTY} − {FIRST} = −0.300, interval [−.400, −.200]."
    ]
    note = page.locator("#comparison .note").first.inner_text()
    assert note.endswith("share; paired jackknife.")
    assert "bootstrap" not in note
    page.locator("[name=metric]").select_option("PLCC")
    assert f"{why} holds 0: {NASTY} − {FIRST} = −0.300, interval [−.400, .100]." in (
        said.inner_text()
    )


def test_rank_intervals_say_among_whom_and_where_there_are_none(open_page) -> None:
    page = open_page("#show=ranks")
    below = page.locator("#board .below")
    box = page.locator("[name=show][value=ranks]")
    assert f"on live: tested among 3 models, without {NASTY}." in below.inner_text()
    assert "on made: not tested: 8 contents, 20 are needed." in below.inner_text()
    assert box.is_enabled()
    page.locator("[name=metric]").select_option("RMSE")
    assert box.is_disabled()
    assert head(page, "live.ranks").count() == 0
    assert "Rank interval and top group: of SRCC alone" in below.inner_text()


def test_what_was_seen_in_training_stands_in_the_line(open_page) -> None:
    page = open_page()
    line = page.locator("#board tbody tr").filter(has_text=SECOND)
    assert line.locator("td .chip.warn").all_inner_texts() == ["seen: labels"] * 2
    other = open_page("#show=marks")
    line = other.locator("#board tbody tr").filter(has_text=SECOND)
    assert line.locator("td .chip").all_inner_texts() == ["seen: labels"] * 2
    assert texts(other, "live.marks") == ["seen: labels", "–", "–", "–"]


@pytest.mark.parametrize("width", [390, 1200])
def test_a_bar_leads_to_the_comparison(open_page, width: int) -> None:
    page = open_page("", width)
    bar, panel = page.locator("#lead"), page.locator("#comparison")
    page.get_by_text("What the words mean").scroll_into_view_if_needed()
    page.set_viewport_size({"width": width, "height": 300})
    tick(page, NASTY).press("Space")
    assert bar.is_hidden()
    tick(page, FIRST).press("Space")
    sync_api.expect(bar).to_be_in_viewport(ratio=1)
    assert bar.inner_text() == f"Compare {NASTY} and {FIRST}"
    assert f"comparison of {NASTY} and {FIRST} is shown" in page.locator("#told").inner_text()
    sync_api.expect(panel.locator("h2")).not_to_be_in_viewport()
    tick(page, FIRST).press("Enter")
    assert panel.evaluate("(e) => e === document.activeElement")
    sync_api.expect(panel.locator("h2")).to_be_in_viewport(ratio=1)  # scrolling is smooth
    sync_api.expect(bar).to_be_hidden()
    page.get_by_text("What the words mean").scroll_into_view_if_needed()
    bar.get_by_role("button").press("Enter")
    assert panel.evaluate("(e) => e === document.activeElement")
    panel.get_by_role("button", name="Close").press("Enter")
    assert tick(page, FIRST).evaluate("(e) => e === document.activeElement")
    assert bar.is_hidden()


def test_what_was_told_of_a_line_goes_with_it(open_page) -> None:
    page = open_page()
    page.get_by_role("button", name=f"{SECOND} on live: take care").click()
    assert page.locator("#why").is_visible()
    page.get_by_label("Name contains").fill("made-up-a")
    assert page.locator("#why").is_hidden()


def test_reasons_and_cautions_by_keyboard_alone(open_page) -> None:
    page = open_page()
    bar = page.locator("#why")
    page.get_by_role("button", name=f"{THIRD} on made: not measured").focus()
    page.keyboard.press("Enter")
    assert bar.locator("p").inner_text() == (
        f"{THIRD} on made: not measured: no weights; to get it: iqa-eval fetch it."
    )
    page.keyboard.press("Escape")
    assert bar.is_hidden()
    star = page.get_by_role("button", name=f"{SECOND} on live: take care")
    assert star.inner_text() == "*"
    star.press("Enter")
    assert "seen: labels, 98/100" in bar.inner_text()
    page.keyboard.press("Escape")
    assert star.evaluate("(e) => e === document.activeElement")

    # From the top: the skip link, the way to the other parts, the controls, the headings.
    page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
    page.goto(page.url.partition("#")[0])
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                """() => {
                  const e = document.activeElement, s = getComputedStyle(e);
                  const place = e.name || e.closest("th")?.dataset.column || e.innerText;
                  return [place, e === document.body ? "" : s.outlineStyle];
                }"""
            )
        )
    places = [place for place, _ in reached]
    for place in ("To the content", "Models", "protocol", "metric", "mode", "q", "live", "made"):
        assert place in places
    assert all(outline != "none" for _, outline in reached if outline)
    head(page, "live").locator("button").press("Space")
    assert head(page, "live").get_attribute("aria-sort") == "descending"
    assert head(page, "live").locator("button").evaluate("(e) => e === document.activeElement")
    tick(page, FIRST).press("Space")
    assert tick(page, FIRST).evaluate("(e) => e === document.activeElement && e.checked")


def test_published_values_and_their_difference(open_page) -> None:
    page = open_page("#metric=rmse&datasets=live&show=published,difference&sort=live.difference")
    assert texts(page, "live.published") == ["4.000"] * 4
    assert texts(page, "live.difference") == ["−3.100", "−2.800", "−1.000", "+2.000"]
    assert f"Published: {NASTY}, Table 1" in page.locator("#board .below").inner_text()


def test_names_stay_text_and_lead_to_their_pages(open_page, url: str) -> None:
    page = open_page()
    assert NASTY in names(page)
    page.locator("#board tbody a", has_text="alert").click()
    assert page.url.endswith(f"models/{slug(NASTY)}.html")
    assert NASTY in page.locator("h1").inner_text()
    page.go_back()
    page.locator("#board thead a", has_text="live").click()
    assert page.url.endswith("datasets/live.html")
    assert "live" in page.locator("h1").inner_text()


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_the_page_itself_never_scrolls_sideways(open_page, width: int) -> None:
    every = "rank,ranks,published,difference,n,contamination,marks,mode"
    page = open_page(f"#show={every}&compare={FIRST},{slug(NASTY)}", width)
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    page.locator(".why-button").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_of_accessibility(open_page, scheme: str) -> None:
    axe = Axe()
    for view in ("", f"#show=rank,ranks,n,contamination,marks,mode&compare={FIRST},{SECOND}"):
        page = open_page(view, scheme=scheme)
        page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        page.locator(".why-button").first.click()
        assert serious_faults(axe, page) == []


OTHERS = ("models", f"models/{FIRST}", "datasets", "datasets/live", "papers", "probes")


@pytest.mark.parametrize("name", OTHERS)
def test_no_serious_fault_on_the_other_pages(open_page, url: str, name: str) -> None:
    page = open_page(scheme="dark")
    page.goto(url.replace("index.html", f"{name}.html"))
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    assert serious_faults(Axe(), page) == []


def serious_faults(axe, page) -> list[tuple[str, list[str]]]:
    found = axe.run(page).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in serious]


def test_says_where_the_numbers_are_without_scripts(browser, url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url)
    page.get_by_role("main").get_by_role("link", name="live").click()
    assert page.url.endswith("datasets/live.html")
    assert FIRST in page.get_by_role("main").inner_text()
    context.close()


@pytest.mark.slow
def test_works_with_200_models_on_12_datasets(open_page, tmp_path: Path) -> None:
    make_up(tmp_path / "records", 200, 12)
    board = read_board(tmp_path / "records")
    (tmp_path / "index.html").write_bytes(index_page(board)["index.html"])
    page = open_page()
    page.goto((tmp_path / "index.html").as_uri())
    assert len(names(page)) == 195
    assert len(names(page, 2)) == 5
    on = [r for r in board.rows if (r.dataset, r.metric) == ("made-up-set-07", "srcc")]
    srcc = {r.model: r.value for r in on}
    head(page, "made-up-set-07").locator("button").click()
    found = names(page)
    known = [name for name in found if srcc[name] is not None]
    assert known == sorted(known, key=lambda name: (-srcc[name], name))
    assert found[: len(known)] == known
    page.get_by_label("Name contains").fill("up-01")
    assert sorted(names(page)) == [f"made-up-01{k}" for k in range(10)]
    assert "sort=-made-up-set-07" in view_of(page)
