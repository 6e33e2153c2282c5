"""The page of probes: made of an index and records alone, and what a reader can do on it."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.canonical import slug
from harness.collection.board import read_board
from harness.records import Record, Row, write_record
from harness.sample_files import write_scores
from harness.site.probe_gallery import read_gallery
from harness.site.probe_scores import limits_of, seen, spread_of
from harness.site.probes_page import probes_page

sync_api = pytest.importorskip("playwright.sync_api")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
in_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
CONTENTS = ("cat", f"dog {NASTY}", "owl")
TYPES = (f"blur {NASTY}", "jpeg")
AREAS = ("1/4", "1/2", "1")


def webp(gray: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (48, 32), (gray, gray, gray)).save(file, "WEBP")
    return file.getvalue()


def index_of(folder: Path) -> dict[str, Any]:
    """A small index with the pictures that it names."""
    (folder / "pictures").mkdir(parents=True)
    contents, probes, null = {}, [], {}
    for c, content in enumerate(CONTENTS):
        file = f"pictures/{slug(content)}.webp"
        (folder / file).write_bytes(webp(200))
        contents[content] = {
            **{"pristine": content, "file": file, "width": 48, "height": 32},
            **{"source": "test", "license": f"CC BY {NASTY}"},
        }
        null[content] = [f"{content}/harmless/{n}" for n in range(4)]
        for t, type in enumerate(TYPES):
            for area in AREAS:
                name = f"{content}/{type}/{area}"
                file = f"pictures/{slug(name)}.webp"
                (folder / file).write_bytes(webp(40 * (1 + c + t)))
                whole = area == "1"
                probes.append(
                    {
                        **{"id": name, "ladder": f"{content}/{type}", "kind": "plain"},
                        **{"control": None, "content": content, "types": [type]},
                        **{"family": "test", "severity": 1 + c, "area": area, "damaged": 0.25},
                        **{"shape": "cell", "placement": "edge", "feather": 4.0, "seed": 0},
                        **{"local_psnr": 30.0, "local_ssim": 0.9, "delta_e": 2.0},
                        **{"visible": True, "changed": True, "file": file},
                        "outlines": [] if whole else ["M0 0L24 0L24 16L0 16Z"],
                    }
                )
    return {
        "schema": 1,
        "dataset": {"name": "set", "images_hash": "1" * 64, "n_probes": len(probes)},
        "chosen": f"all {NASTY}",
        "attribution": f"by {NASTY}",
        "kinds": {"plain": "one damage"},
        "contents": contents,
        "probes": probes,
        "unit": [*CONTENTS, *(p["id"] for p in probes if p["area"] == "1")],
        "null": {"percent": 95, "ids": null},
    }


def record(folder: Path, model: str, scores: dict[str, float], **changes: Any) -> None:
    """A record of sensitivity with the rows that the page looks at."""
    told = write_scores(folder, scores)
    shared: dict[str, Any] = {
        **{"model": model, "model_version": "1", "weights": "", "options": "{}", "mode": "NR"},
        **{"dataset": "set", "images_hash": "1" * 64, "labels_hash": "2" * 64},
        **{"label_kind": "none", "decoding": "d", "device": "cpu", "others": "{}"},
        **{"protocol": "sensitivity", "protocol_version": "5", "protocol_options": "{}"},
        **{"split": "all", "ci_low": None, "ci_high": None, "ci_method": None},
        **{"n_expected": 9, "n_scored": 9, "n_failed": 0, "seed": 0, "published": None},
        **{"published_source": None, "contamination": "none", "scores": told},
    }
    marks = ("pseudo-labels", "few contents (3)")
    rows = (
        {"metric": "response", "subset": "area=1", "value": 1.0, "reason": None, "marks": marks},
        {"metric": "false_alarms", "subset": "all", "value": 0.1,
         "reason": f"rests on 2 {NASTY}", "marks": (*marks, "incomplete (9 of 10)")},
    )  # fmt: skip
    made = tuple(Row(**{**shared, **row, **changes}) for row in rows)
    write_record(folder, Record(made, {}, slug(model), "sensitivity"))


MODELS = {f"model {NASTY}": 1, "steady": 2}


def scores_of(index: dict[str, Any], seed: int) -> dict[str, float]:
    names = [*CONTENTS, *(p["id"] for p in index["probes"])]
    names += [name for ids in index["null"]["ids"].values() for name in ids]
    rng = np.random.default_rng(seed)
    return {name: float(50 + rng.normal() * (0.1 if "harmless" in name else 3)) for name in names}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of three models, one of which counts no detections, and a gallery beside them."""
    root = tmp_path_factory.mktemp("results")
    index = index_of(root / "probes")
    (root / "probes" / "index.json").write_text(json.dumps(index))
    for model, seed in MODELS.items():
        record(root / "records", model, scores_of(index, seed))
    lacking = scores_of(index, 3)
    del lacking[index["probes"][0]["id"]]
    record(root / "records", "uncounted", lacking, value=None)
    record(root / "records", "other pictures", scores_of(index, 4), images_hash="9" * 64)
    return root


@pytest.fixture(scope="module")
def site(folder: Path) -> dict[str, bytes]:
    return probes_page(read_board(folder / "records"))


def test_the_page_says_which_command_makes_a_gallery(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "records", tmp_path / "records")
    files = probes_page(read_board(tmp_path / "records"))
    assert files.keys() == {"probes.html"}
    assert b"iqa-eval probe gallery --out results/probes" in files["probes.html"]


def test_pictures_are_those_of_the_gallery(folder: Path, site: dict[str, bytes]) -> None:
    here = {f"pictures/probes/{p.name}": p.read_bytes()
            for p in (folder / "probes" / "pictures").iterdir()}  # fmt: skip
    assert site == {"probes.html": site["probes.html"], **here}
    assert probes_page(read_board(folder / "records")) == site


def test_what_a_model_saw_follows_from_its_scores(folder: Path) -> None:
    board, gallery = read_board(folder / "records"), read_gallery(folder / "probes")
    index = json.loads((folder / "probes" / "index.json").read_text())
    models = {each.subject.label: each for each in seen(board, gallery)}
    assert models.keys() == {*MODELS, "uncounted"}
    for label, seed in MODELS.items():
        scores, each = scores_of(index, seed), models[label]
        unit = np.std([scores[name] for name in index["unit"]], ddof=1)
        moved = [(scores[p["content"]] - scores[p["id"]]) / unit for p in index["probes"]]
        assert each.responses == pytest.approx(moved)
        assert each.marks == ("head: pseudo-labels", "few contents (3)")
        assert each.notes == (f"rests on 2 {NASTY}",)
        for content in CONTENTS:  # of eight changes, the largest is the limit
            others = [c for c in CONTENTS if c != content]
            sizes = [abs(scores[c] - scores[n]) for c in others for n in index["null"]["ids"][c]]
            assert each.limits[content] == pytest.approx(max(sizes) / unit)
    lacking = models["uncounted"]
    assert (lacking.responses[0], lacking.limits) == (None, {})
    assert None not in lacking.responses[1:]


def test_a_limit_rests_on_contents_that_are_not_shown_too(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "probes", tmp_path / "probes")
    path = tmp_path / "probes" / "index.json"
    index = json.loads(path.read_text())
    index["null"]["ids"] = {"unseen": ["unseen/0"], "cat": []}
    index["null"]["pristine"] = {"unseen": "whole"}
    path.write_text(json.dumps(index))
    gallery = read_gallery(tmp_path / "probes")
    limits = limits_of({"whole": 5.0, "unseen/0": 4.0}, gallery, 2.0)
    assert limits == dict.fromkeys(CONTENTS, 0.5)


def test_scores_without_spread_or_null_have_no_unit_or_limit(folder: Path) -> None:
    gallery = read_gallery(folder / "probes")
    assert spread_of(dict.fromkeys(gallery.unit, 0.3), gallery) is None
    assert spread_of({gallery.unit[0]: 1.0}, gallery) is None
    assert limits_of(dict.fromkeys(gallery.unit, 0.3), gallery, 1.0) == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": 2}, "schema is 2"),
        ({"probes": [{"file": "../../secret.webp"}]}, "no picture of a gallery"),
        ({"probes": [{"outlines": ['M"/>']}]}, "no path"),
        ({"probes": [{"file": "pictures/none.webp"}]}, "No such file"),
        ({"probes": [{"area": "1/0"}]}, "probes.0.area: '1/0' is no part of a frame"),
        ({"probes": [{"severity": "3"}]}, "probes.0.severity"),
        ({"probes": [{"types": "abc"}]}, "probes.0.types"),
        ({"probes": [{"kind": "odd"}]}, "does not tell of kind 'odd'"),
        ({"probes": [{"content": "odd"}]}, "does not tell of content 'odd'"),
        ({"probes": [{"damaged": None}]}, "probes.0.damaged"),
        ({"null": {"percent": 95}}, "null.ids: Field required"),
        ({"null": {"percent": 95, "ids": {"odd": []}}}, "does not tell of content 'odd'"),
        ({"contents": []}, "not a readable gallery"),
        ({"contents": {"cat": {"pristine": "cat"}}}, "contents.cat.file: Field required"),
    ],
)
def test_a_gallery_that_cannot_be_read_is_told(
    folder: Path, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    shutil.copytree(folder / "probes", tmp_path / "probes")
    path = tmp_path / "probes" / "index.json"
    index = json.loads(path.read_text())
    if "probes" in change:  # what is wrong with the first one
        change = {"probes": [index["probes"][0] | change["probes"][0]]}
    path.write_text(json.dumps(index | change))
    with pytest.raises(ValueError, match=said) as raised:
        read_gallery(tmp_path / "probes")
    assert "iqa-eval probe gallery" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["[1]", "{", "7"])
def test_an_index_of_something_else_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(ValueError, match="not a readable gallery"):
        read_gallery(tmp_path)


def test_a_picture_that_links_elsewhere_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "probes", tmp_path / "probes")
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    picture = sorted((tmp_path / "probes" / "pictures").iterdir())[0]
    picture.unlink()
    picture.symlink_to(secret)
    with pytest.raises(ValueError, match="leads out of it"):
        read_gallery(tmp_path / "probes")


def test_what_is_from_outside_stays_text(site: dict[str, bytes]) -> None:
    page = site["probes.html"].decode()
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page


Opened = Callable[..., tuple[Any, list[str], list[str]]]


@pytest.fixture(scope="module")
def url(site: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("site")
    for name, data in site.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(data)
    return (out / "probes.html").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=BROWSER,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser: Any, url: str) -> Iterator[Opened]:
    """``opened(hash, width, scheme)``: the page, what it asked for and what it complained of."""
    contexts = []

    def made(hash: str = "", width: int = 1200, scheme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto(url + hash)
        return page, asked, said

    yield made
    for context in contexts:
        context.close()


def shown(page: Any) -> int:
    return page.locator("#probes li:visible").count()


@pytest.mark.slow
@in_browser
def test_choosing_is_in_the_address(opened: Opened) -> None:
    page, asked, said = opened()
    assert shown(page) == 18
    page.select_option("[name=type]", TYPES[0])
    page.select_option("[name=area]", "1/2")
    assert shown(page) == 3
    assert page.inner_text("#shown") == "3 of 18 shown"
    page.uncheck("#outlines")
    again, _, _ = opened(page.url[page.url.index("#") :])
    assert shown(again) == 3
    assert again.input_value("[name=type]") == TYPES[0]
    assert not again.is_checked("#outlines")
    assert not again.locator("#probes svg:visible").count()
    page.click("text=Show all")
    assert shown(page) == 18
    assert said == []
    assert all(target.startswith("file:") for target in asked)
    unknown, _, said = opened("#type=none&probe=nothing&area=%22")
    assert shown(unknown) == 18
    assert said == []


@pytest.mark.slow
@in_browser
def test_a_probe_opens_tells_all_and_closes_by_keyboard(opened: Opened, folder: Path) -> None:
    page, _, said = opened("#area=1%2F4")
    first = page.locator("#probes li:visible a").first
    first.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog")
    assert dialog.is_visible()
    assert page.inner_text("#open-title") == TYPES[0]
    assert page.inner_text("#place") == "1 of 6 shown"
    assert page.locator("#outline path").count() == 1
    page.wait_for_function("document.getElementById('damaged').naturalWidth == 48")
    page.keyboard.press("s")
    assert page.input_value("#split") == "0"
    page.keyboard.press("o")
    assert not page.locator("#outline").is_visible()
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#open-title") == TYPES[1]
    page.focus("#split")
    page.keyboard.press("ArrowRight")  # moves the slider, not the probe
    assert page.inner_text("#open-title") == TYPES[1]
    assert page.input_value("#split") == "1"
    address = page.url
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert "probe=" not in page.url
    assert page.evaluate("document.activeElement.closest('li').dataset.area") == "1/4"
    first.click()
    page.go_back()
    dialog.wait_for(state="hidden")
    assert said == []
    shared, _, _ = opened(address[address.index("#") :])
    assert shared.inner_text("#open-title") == TYPES[1]
    assert shared.inner_text("#place") == "2 of 6 shown"


@pytest.mark.slow
@in_browser
def test_models_stand_by_falling_response_with_what_they_noticed(
    opened: Opened, folder: Path
) -> None:
    board, gallery = read_board(folder / "records"), read_gallery(folder / "probes")
    models = {each.subject.label: each for each in seen(board, gallery)}
    page, _, said = opened()
    page.locator("#probes li a").first.click()
    lines = [
        [cell.inner_text() for cell in line.locator("th, td").all()]
        for line in page.locator("#models tr").all()
    ]
    assert {line[0].removesuffix(" head: pseudo-labels") for line in lines} == models.keys()
    counted = 0
    for line in lines:
        each = models[line[0].removesuffix(" head: pseudo-labels")]
        response, limit = each.responses[0], each.limits.get(gallery.probes[0]["content"])
        if response is None or limit is None:
            assert line[1] == "–"
            continue
        assert float(line[2].replace("−", "-")) == pytest.approx(response, abs=6e-4)
        assert float(line[3]) == pytest.approx(limit, abs=6e-4)
        noticed = abs(response) > limit
        counted += noticed
        worse = "yes, as worse" if response > 0 else "yes, as better"
        assert line[1] == (worse if noticed else "no")
    values = [float(line[2].replace("−", "-")) for line in lines if line[2] != "–"]
    assert values == sorted(values, reverse=True)
    assert lines[-1][0].startswith("uncounted")  # which has no score of this one
    assert page.inner_text("#summary") == f"{counted} of 2 models noticed it."
    assert "Not shown: the scores of other pictures" in page.inner_text("main")
    assert said == []


@pytest.mark.slow
@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_nothing_is_wider_than_the_page(opened: Opened, width: int, scheme: str) -> None:
    page, _, _ = opened("", width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("#probes li a").first.click()
    sides = "['scrollWidth', 'clientWidth'].map((s) => document.querySelector('dialog')[s])"
    wide, room = page.evaluate(sides)
    assert wide <= room
