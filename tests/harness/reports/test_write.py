"""The folder that a report leaves: complete, deterministic, and careful with others' files."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.records import Row
from harness.reports import write_report

MakeRow = Callable[..., Row]
Save = Callable[..., Path]


class Page(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag == name]


def contents(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and "records" not in path.parts
    }


@pytest.fixture(scope="module")
def page(report: Path) -> Page:
    return Page((report / "index.html").read_text("utf-8"))


def test_every_table_and_figure_is_there(report: Path) -> None:
    names = set(contents(report))
    for stem in ("demo-correlation", "demo-correlation.types", "demo-probes-sensitivity"):
        assert {f"tables/{stem}.md", f"tables/{stem}.csv"} <= names
    for stem in ("demo-correlation.srcc", "demo-probes-sensitivity.area"):
        assert {f"figures/{stem}.svg", f"figures/{stem}.png"} <= names
    assert "tables/rows.csv" in names


def test_same_records_same_bytes(report: Path) -> None:
    before = contents(report)
    write_report(report)
    assert contents(report) == before


@pytest.mark.slow
def test_same_bytes_in_another_process_and_folder(
    report: Path, rows: list[Row], save: Save, tmp_path: Path
) -> None:
    other = save(tmp_path / "elsewhere", rows[::-1], json.loads((report / "run.json").read_text()))
    code = "import sys; from pathlib import Path; from harness.reports import write_report; "
    subprocess.run(
        [sys.executable, "-c", code + "write_report(Path(sys.argv[1]))", str(other)],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "12345", "MPLBACKEND": "svg"},
    )
    mine, theirs = contents(report), contents(other)
    shared = set(mine) - {n for n in mine if "contact" in n} - {"index.html", "run.json"}
    assert set(theirs) - {"index.html", "run.json"} == shared
    assert all(mine[name] == theirs[name] for name in shared)


def test_names_from_outside_stay_text(page: Page, nasty: str) -> None:
    assert nasty in page.text.replace("\n", "")
    assert len(page.all("script")) == 1  # ours


def test_nothing_points_outside(page: Page, report: Path) -> None:
    targets = [a["src"] for a in page.all("img")] + [a["href"] for a in page.all("a")]
    for target in targets:
        assert target is not None
        if target.startswith("#"):
            assert any(attrs.get("id") == target[1:] for _, attrs in page.tags)
        else:
            assert (report / target.replace("%20", " ").replace("%23", "#")).is_file()
    assert not page.all("link")
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_tables_and_pictures_can_be_heard(page: Page) -> None:
    names = [name for name, _ in page.tags]
    assert names.count("table") == names.count("caption") == 5
    assert all(a.get("scope") in ("row", "col", "colgroup") for a in page.all("th"))
    assert all(a.get("alt") for a in page.all("img"))
    assert {"header", "nav", "main", "footer"} <= set(names)
    assert ("html", {"lang": "en"}) in page.tags


def test_the_header_is_told(page: Page) -> None:
    for text in ("2025-11-20 14:03:11 UTC", "5 min 12 s", "2 cores", "9f2c1e7 (dirty)", "torch"):
        assert text in page.text
    assert "14 models measured on 2 datasets under 3 protocols" in page.text
    assert "4 models could not be measured" in page.text


def test_words_skips_and_commands_are_told(page: Page) -> None:
    for text in ("Spearman", "A label that was computed", "Few contents (n)"):
        assert text in page.text
    assert "iqa-eval fetch pyiqa:lpips" in page.text
    assert "out of memory | 3.2 GB asked for" in page.text


def test_pictures_of_others_are_shown_with_their_caption(page: Page) -> None:
    assert "figures/contact%20sheet%20%231.png" in [a["src"] for a in page.all("img")]
    assert "Probes & their <masks>." in page.text


def test_a_picture_in_two_formats_is_shown_once(row: MakeRow, save: Save, tmp_path: Path) -> None:
    out = save(tmp_path, [row("a", "d", "p")])
    (out / "figures").mkdir()
    for name in ("maps.d.svg", "maps.d.png", "maps.e.png", "d-p.srcc.svg"):
        (out / "figures" / name).write_text("<svg/>", "utf-8")
    for _ in range(2):
        page = Page(write_report(out).read_text("utf-8"))
        shown = [a["src"] for a in page.all("img") if "d-p" not in str(a["src"])]
        assert shown == ["figures/maps.d.svg", "figures/maps.e.png"]
        assert (out / "figures" / "maps.d.png").exists()


def test_what_an_earlier_report_wrote_is_removed_and_nothing_else(
    row: MakeRow, save: Save, tmp_path: Path
) -> None:
    out = save(tmp_path, [row("a", "old", "p"), row("a", "new", "p")])
    write_report(out)
    assert (out / "figures" / "old-p.srcc.svg").exists()
    (out / "tables" / "notes.md").write_text("mine")
    (out / "precious.txt").write_text("mine")
    listed = json.loads((out / "report.json").read_text())
    listed["files"] += ["../precious.txt", "precious.txt", "tables/../precious.txt", "tables/.."]
    (out / "report.json").write_text(json.dumps(listed))
    (out / "records" / "a" / "old" / "p.json").unlink()
    text = write_report(out).read_text("utf-8")
    assert not list((out / "figures").glob("old-p*"))
    assert not list((out / "tables").glob("old-p*"))
    assert "old-p" not in text
    assert (out / "tables" / "notes.md").read_text() == "mine"
    assert (out / "precious.txt").read_text() == "mine"


def test_a_report_without_header_or_numbers(row: MakeRow, save: Save, tmp_path: Path) -> None:
    skip = row("a", "d", "p", value=None, reason="no; to get it: fetch <a>", images_hash="")
    page = Page(write_report(save(tmp_path, [skip])).read_text("utf-8"))
    assert "0 models measured on 1 dataset under 1 protocol. 1 model could not" in page.text
    assert "fetch <a>" in page.text
    assert not page.all("table")
    assert [a["id"] for a in page.all("section") if "id" in a] == ["empty", "words"]


@pytest.mark.parametrize("folder", ["", "records", "absent"])
def test_no_records(tmp_path: Path, folder: str) -> None:
    if folder == "records":
        (tmp_path / "records").mkdir()
    with pytest.raises(FileNotFoundError, match=r"^[^\n]*no records[^\n]*iqa-eval run[^\n]*$"):
        write_report(tmp_path / "absent" if folder == "absent" else tmp_path)


@pytest.mark.parametrize("text", ["{", "[1]", "\xff"])
def test_a_header_that_is_none(row: MakeRow, save: Save, tmp_path: Path, text: str) -> None:
    out = save(tmp_path, [row("a", "d", "p")])
    (out / "run.json").write_text(text, "latin-1")
    with pytest.raises(ValueError, match=r"run\.json"):
        write_report(out)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"seconds": None, "started": 3, "packages": "none", "command": ["a", "<b>"], "new": {}},
        {"seconds": 7384, "hardware": {"gpus": [{"name": "x"}, "y"]}, "workers": "many"},
    ],
)
def test_odd_headers(row: MakeRow, save: Save, tmp_path: Path, header: dict[str, object]) -> None:
    text = Page(write_report(save(tmp_path, [row("a", "d", "p")], header)).read_text("utf-8")).text
    assert ("a <b>" in text) == ("command" in header)
    assert ("2 h 3 min" in text) == (header.get("seconds") == 7384)
