"""The page of a model: what stands in its records, all of it, escaped, with every link alive."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from posixpath import join, normpath
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.about import about_bytes, card_content, card_path
from harness.canonical import canonical_json, slug
from harness.collection.board import read_board
from harness.model import ModelCard, TrainedOn, Weights
from harness.records import NOT_APPLICABLE, Record, Row, write_record
from harness.reports.entries import Entry
from harness.reports.style import style
from harness.site.beside import Beside, published_table
from harness.site.dataset_page import dataset_pages
from harness.site.learning_figure import learning_figure
from harness.site.model_page import model_pages
from harness.site.model_tables import bars
from harness.site.pages import progress

NASTY = "<script>alert(1)</script>"
SHA = "c0ffee00" * 8
SRCC = {"good": 0.91, "fair": 0.72, NASTY: 0.40, "control:luminance": 0.05}
TYPES = {"jpeg": 0.95, "blur": 0.80, "noise": -0.20}
CURVE = [{"epoch": float(i), "loss": 1 / (i + 1), "note": "text"} for i in range(4)]


def row(model: str, **changes: object) -> Row:
    """A row of ``model`` on a dataset with human labels; every field can be changed."""
    made = Row(
        model=model,
        model_version="1",
        weights="",
        options="{}",
        mode="NR",
        dataset="live",
        images_hash="1" * 64,
        labels_hash="2" * 64,
        label_kind="mos",
        decoding="exif-srgb@1",
        device="cpu",
        others="{}",
        protocol="correlation",
        protocol_version="2",
        protocol_options="{}",
        split="all",
        subset="all",
        metric="srcc",
        value=0.5,
        ci_low=0.4,
        ci_high=0.6,
        ci_method="percentile bootstrap over 29 contents",
        n_expected=779,
        n_scored=779,
        n_failed=0,
        seed=0,
        published=None,
        published_source=None,
        contamination="none",
        marks=("control",) if model.startswith("control") else (),
        scores=None,
        reason=None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def correlations(model: str) -> list[Row]:
    value = SRCC[model]
    seen = {"contamination": "content"} if model == "fair" else {}
    ends = {"ci_low": value - 0.05, "ci_high": value + 0.05}
    found = [row(model, value=value, **ends, **seen), row(model, metric="plcc", value=0.33, **seen)]
    found += [
        row(model, subset=f"type={name}", value=v * value, n_expected=60, n_scored=60, **seen)
        for name, v in TYPES.items()
    ]
    if model == "good":
        found[0] = replace(found[0], published=0.93, published_source="A paper, Table 1")
    return found


def comparisons(model: str) -> list[Row]:
    """Rows of significance: everyone against everyone, by the differences of SRCC."""
    ranked = [name for name in SRCC if not name.startswith("control")]
    plain = {"protocol": "significance", "protocol_version": "1", "subset": "of=correlation"}
    if model not in ranked:
        return [row(model, **plain, metric="top_group", value=None, reason="never ranked")]
    i = ranked.index(model)
    told = {"rank_low": i + 1, "rank_high": i + 1, "top_group": i == 0, "srcc": SRCC[model]}
    told["resolvable_srcc_difference"] = 0.06
    found = [row(model, **plain, metric=m, value=float(v)) for m, v in told.items()]
    for other in set(ranked) - {model}:
        pair = {**plain, "subset": f"of=correlation versus={other}"}
        gap = SRCC[model] - SRCC[other]
        ends = {"ci_low": gap - 0.01, "ci_high": gap + 0.01}
        found.append(row(model, **pair, metric="srcc_difference", value=gap, **ends))
        found.append(row(model, **pair, metric="srcc_p_holm", value=0.0004))
    return found


def records(folder: Path) -> Path:
    """Four measured models, one of them hostile, and one that could not be loaded."""

    def keep(rows: list[Row], failures: object = None, **more: object) -> None:
        first = rows[0]
        names = slug(first.model, json.loads(first.options)), slug(first.protocol)
        write_record(folder, Record(tuple(rows), failures or {}, *names, **more))  # type: ignore[arg-type]

    for model in SRCC:
        lost = {"score": {"b.png": f"cannot be decoded {NASTY}"}} if model == NASTY else None
        fits = ({"key": "k", "seed": 0, "curve": CURVE},) if model == "good" else ()
        keep(correlations(model), lost, fits=fits)
        keep(comparisons(model))
        probe = {"protocol": "linear-probe", "value": None, "reason": NOT_APPLICABLE}
        keep([row(model, **probe)])
    absent = "its weights are not here; to get it: iqa-eval weights get lost"
    for protocol in ("correlation", "linear-probe"):
        keep([row("lost", protocol=protocol, value=None, reason=absent, n_scored=0)])
    card = ModelCard(
        name="good",
        version="1",
        mode="NR",
        summary=f"A good model {NASTY}",
        paper="A. Author: Good (2024)",
        weights=(Weights("good.pth", SHA, source="https://example.org/good.pth", license="MIT"),),
        trained_on=(TrainedOn("koniq10k", role="labels"),),
        coverage="the whole picture at native size",
        tolerance={"cpu": 1e-6, "cuda": 2e-3},
    )
    path = folder / card_path(slug("good"))
    path.parent.mkdir()
    path.write_bytes(about_bytes(card_content(card)))
    pictures = folder.parent / "pictures" / slug("good")
    pictures.mkdir(parents=True)
    (pictures / "map one.png").write_bytes(b"\x89PNG picture")
    (pictures / "map one.txt").write_text(f"Where it looked {NASTY}\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    board = read_board(records(tmp_path_factory.mktemp("site") / "records"))
    return model_pages(board) | dataset_pages(board)


class Page(HTMLParser):
    """Text, ids, and where links and pictures lead."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.words: list[str] = []
        self.ids: list[str] = []
        self.urls: list[str] = []
        self.scripts = 0
        self.hidden = False
        self.feed(html.decode())
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.scripts += tag == "script"
        self.hidden = tag in ("script", "style")
        self.ids += [found["id"]] if found.get("id") else []  # type: ignore[list-item]
        self.urls += [url for name in ("href", "src") if (url := found.get(name))]

    def handle_endtag(self, tag: str) -> None:
        self.hidden = False

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.words.append(data)


def page(site: dict[str, bytes], model: str) -> Page:
    return Page(site[f"models/{slug(model)}.html"])


def test_every_model_has_a_page_and_the_list_leads_to_each(site: dict[str, bytes]) -> None:
    listed = Page(site["models.html"])
    for model in (*SRCC, "lost"):
        assert f"models/{slug(model)}.html" in listed.urls
        assert model in page(site, model).text


def test_links_between_these_pages_lead_somewhere(site: dict[str, bytes]) -> None:
    pages = {name: Page(data) for name, data in site.items() if name.endswith(".html")}
    checked = 0
    for name, found in pages.items():
        assert len(found.ids) == len(set(found.ids)), name
        for url in found.urls:
            path, _, anchor = unquote(url).partition("#")
            target = normpath(join(name.rpartition("/")[0], path)) if path else name
            if target.partition("/")[0] in ("models", "datasets", "figures", "pictures"):
                assert target in site, (name, url)
                assert not anchor or anchor in pages[target].ids, (name, url)
                checked += 1
    assert checked > 50


def test_a_number_has_its_interval_its_count_and_what_was_seen(site: dict[str, bytes]) -> None:
    text = page(site, "fair").text
    assert re.search(r"SRCC ↕? ?0\.720 \[\.670, \.770\] 779/779 content", text)
    assert "29 contents" in text
    assert "seen: content" in text
    assert "the model met this dataset in training" in text


def test_a_published_value_stands_beside_with_the_difference_and_reasons(
    site: dict[str, bytes],
) -> None:
    text = page(site, "good").text
    assert "0.910 [.860, .960] 0.930 −0.020 779/779" in text
    assert "A paper, Table 1" in text
    assert "inside the 95 % interval" in text
    assert f"SHA-256 {SHA[:12]}" in text
    assert "Published beside measured" not in page(site, "fair").text


def test_the_protocol_of_a_published_number_is_the_one_that_measured_it(tmp_path: Path) -> None:
    board = read_board(records(tmp_path / "records"))
    own = replace(correlations("good")[0], protocol_options='{"splits":"80/20"}')
    printed = board.published(own)[0]
    printed = replace(printed, protocol="other", protocol_options='{"splits":"official"}')
    table = published_table(board.subject(correlations("good")[0]), [Beside(own, printed, ())])
    assert table.lines[0][1].text == "correlation (splits 80/20)"


def test_models_are_compared_from_the_side_of_the_page(site: dict[str, bytes]) -> None:
    good, fair = page(site, "good").text, page(site, "fair").text
    assert "rank 1 of 3, in the top group" in good
    assert "rank 2 of 3, not in the top group" in fair
    assert re.search(r"fair 0\.190 \[\.180, \.200\] <0\.001", good)
    assert re.search(r"good −0\.190 \[−\.200, −\.180\] <0\.001", fair)
    assert "rank " not in page(site, "control:luminance").text.partition("Card")[0]


def test_without_a_test_there_is_no_place(tmp_path: Path) -> None:
    for model in ("good", "fair", NASTY):
        rows = [replace(r, marks=("few contents (8)",)) for r in comparisons(model)]
        rows = [replace(r, value=None) if r.metric == "srcc_p_holm" else r for r in rows]
        write_record(tmp_path, Record(tuple(rows), {}, slug(model), "significance"))
    text = model_pages(read_board(tmp_path))["models/good.html"].decode()
    assert "correlation: not tested: 8 contents, 20 are needed" in text
    assert "top group" not in text


def test_the_card_is_told(site: dict[str, bytes]) -> None:
    text = page(site, "good").text
    for words in (
        *(SHA, "https://example.org/good.pth", "license: MIT", "A. Author: Good (2024)"),
        *("encoder: labels of koniq10k", "the whole picture at native size"),
        "0.002 SDs of the scores between runs on cuda",
    ):
        assert words in text, words
    assert "No card is kept" in page(site, "fair").text


def test_what_lacks_is_said_with_the_command(site: dict[str, bytes]) -> None:
    lost = page(site, "lost").text
    assert "live · correlation, live · linear-probe : its weights are not here" in lost
    assert "iqa-eval weights get lost" in lost
    assert f"live · linear-probe : {NOT_APPLICABLE}" in page(site, "good").text
    failed = page(site, NASTY).text
    assert "score failed: cannot be decoded" in failed
    assert "b.png" in failed


def test_what_comes_from_outside_stays_text(site: dict[str, bytes]) -> None:
    for name, data in site.items():
        if name.endswith(".html"):
            assert NASTY.encode() not in data, name
            assert Page(data).scripts == 1  # our own
    assert NASTY in page(site, NASTY).text


def test_a_source_is_linked_only_over_https(tmp_path: Path) -> None:
    folder = records(tmp_path / "records")
    board = read_board(folder)
    printed = board.published(next(r for r in board.rows if r.published is not None))[0]
    for url, linked in (("https://example.org/a", True), ("javascript:alert(1)", False)):

        class Told(type(board)):  # type: ignore[misc]
            def published(self, one: Row, url: str = url) -> tuple[object, ...]:
                return (replace(printed, url=url),) if one.published is not None else ()

        told = Told(**{name: getattr(board, name) for name in board.__dataclass_fields__})
        assert (url in Page(model_pages(told)["models/good.html"]).urls) is linked


def test_pictures_and_learning_curves_are_shown(site: dict[str, bytes]) -> None:
    good = page(site, "good")
    assert site["pictures/good/map one.png"] == b"\x89PNG picture"
    assert "../pictures/good/map%20one.png" in good.urls
    assert f"Where it looked {NASTY}" in good.text
    assert site["figures/live-correlation.good.learning.svg"].startswith(b"<?xml")
    assert "learning" not in "".join(page(site, "fair").urls)


def test_learning_curves_begin_with_what_chooses_the_epoch() -> None:
    curve = [
        {"affinity": 0.1 * i, "epoch": i, "kept": float(i == 1), "loss": 1 / (i + 1), "srcc": 0.1}
        | {"mine": 1.0 * i}
        for i in range(3)
    ]
    with style():
        picture = learning_figure("x", "model", [curve, curve])
        plain = learning_figure("x", "model", [[{"epoch": i, "mine": i} for i in range(3)]])
    assert picture is not None
    assert picture.alt == (
        "Line charts of SRCC of the validation part, Loss, Part of the loss: affinity to a "
        "teacher, mine by epoch, for 2 fits."
    )
    assert "A line is one fit (2 fits, each on a training part of its own)" in picture.caption
    assert "A ring: the epoch that is kept." in picture.caption
    assert plain is not None
    assert "validation" not in plain.caption
    assert "ring" not in plain.caption


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_tells_a_terminal_alone_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    told = io.StringIO()
    monkeypatch.setattr(told, "isatty", lambda: is_terminal)
    monkeypatch.setattr("sys.stderr", told)
    assert list(progress([1, 2, 3], "models")) == [1, 2, 3]
    assert ("pages of models" in told.getvalue()) is is_terminal


def test_equal_records_give_equal_bytes_wherever_they_lie(
    site: dict[str, bytes], tmp_path: Path
) -> None:
    board = read_board(records(tmp_path / "elsewhere" / "records"))
    assert model_pages(board) | dataset_pages(board) == site


@given(st.dictionaries(st.text("abc", min_size=1), st.floats(-3, 3), min_size=1, max_size=8))
def test_bars_fall_and_stay_in_their_frame(values: dict[str, float]) -> None:
    parts = {name: f"type={name} area=1/16" for name in values}
    rows = [row("m", metric="response", subset=parts[n], value=v) for n, v in values.items()]
    found = bars(Entry("m", tuple(rows)))
    assert found is not None
    shares = [bar.share for bar in found.bars]
    assert sorted(bar.name for bar in found.bars) == sorted(values)
    assert shares == sorted(shares, reverse=True)
    assert all(0 <= share <= 1 for share in shares)
    assert [bar.value.raw[0] for bar in found.bars] == sorted(values.values(), reverse=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no browser")
    with api.sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield found
        found.close()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1200, "light")])
def test_pages_fit_their_window_and_stay_alone(
    site: dict[str, bytes], tmp_path: Path, browser: object, width: int, scheme: str
) -> None:
    for name, data in site.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    for name in ("models.html", "models/good.html", "datasets/live.html"):
        opened = browser.new_page(  # type: ignore[attr-defined]
            viewport={"width": width, "height": 800}, color_scheme=scheme
        )
        said, asked = [], []
        opened.on("console", lambda message, said=said: said.append(message.text))
        opened.on("pageerror", lambda error, said=said: said.append(str(error)))
        opened.on("request", lambda request, asked=asked: asked.append(request.url))
        opened.goto((tmp_path / name).as_uri(), timeout=120_000)
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        assert all(url.startswith("file:") for url in asked)
        assert said == []
        opened.close()


def test_a_variant_has_a_page_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    for head in ("live", "koniq"):
        options = {"head": head}
        rows = (row("m", options=canonical_json(options)),)
        write_record(folder, Record(rows, {}, slug("m", options), "correlation"))
    names = [name for name in model_pages(read_board(folder)) if name.endswith(".html")]
    assert sorted(names) == sorted(
        ["models.html", *(f"models/{slug('m', {'head': h})}.html" for h in ("live", "koniq"))]
    )


def test_a_picture_that_links_elsewhere_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    write_record(folder, Record((row("m"),), {}, "m", "correlation"))
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "pictures" / "m").mkdir(parents=True)
    (tmp_path / "pictures" / "m" / "own.png").write_bytes(b"own")
    for name in ("link.png", "own.txt"):
        (tmp_path / "pictures" / "m" / name).symlink_to(tmp_path / "secret")
    found = model_pages(read_board(folder))
    assert [name for name in found if name.startswith("pictures/")] == ["pictures/m/own.png"]
    assert not any(b"secret" in content for content in found.values())
