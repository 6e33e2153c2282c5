"""The page of a dataset: its labels by their right name, what it resolves, and its order."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.about import about_bytes, dataset_path
from harness.canonical import slug
from harness.collection.board import Board, read_board
from harness.records import Record, write_record
from harness.site.dataset_page import dataset_pages
from tests.harness.site.test_model_page import NASTY, SRCC, Page, records, row

COST = {  # a line of what iqa-eval cost --out writes
    **{"operation": "score", "width": "512", "height": "384", "batch": "1", "parameters": "10"},
    **{"macs_modules": "1000", "macs_full": "1000", "images_per_second": "12.5"},
    **{"peak_memory_bytes": "", "device": "cpu", "reason": ""},
}


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    folder = records(tmp_path_factory.mktemp("site") / "records")
    pseudo = {"dataset": "demo set", "label_kind": "pseudo", "images_hash": "3" * 64}
    marks = ("pseudo-labels", "few contents (8)")
    for model, value in (("good", 0.6), ("fair", 0.8)):
        made = row(model, **pseudo, marks=marks, value=value, ci_low=value, ci_high=value)
        write_record(folder, Record((made,), {}, slug(model), "correlation"))
    none = {"dataset": "empty", "images_hash": "", "labels_hash": "", "value": None}
    lost = row("good", **none, reason="no such folder; to get it: iqa-eval data get empty")
    write_record(folder, Record((lost,), {}, "good", "correlation"))
    told = {
        **{"name": "live", "label_kind": "mos", "license": f"free {NASTY}", "citation": "A. B."},
        **{"marks": [], "n_samples": 1779, "n_contents": 29, "n_references": 29},
        **{"images_hash": "1" * 64, "labels_hash": "2" * 64},
    }
    path = folder / dataset_path("live", "1" * 64, "2" * 64)
    path.parent.mkdir()
    path.write_bytes(about_bytes(told))
    return read_board(folder)


@pytest.fixture(scope="module")
def site(board: Board) -> dict[str, bytes]:
    return dataset_pages(board)


def test_what_a_dataset_is_stands_first(site: dict[str, bytes]) -> None:
    text = Page(site["datasets/live.html"]).text
    for words in ("MOS", "1,779", "A. B.", f"SHA-256 {'1' * 64}", f"SHA-256 {'2' * 64}"):
        assert words in text, words
    assert "pseudo" not in text.partition("What it is")[0]


def test_pseudo_labels_are_called_so_wherever_they_show(site: dict[str, bytes]) -> None:
    page = Page(site[f"datasets/{slug('demo set')}.html"])
    assert "Labels pseudo-labels (not human opinion)" in page.text
    assert page.text.count("pseudo-labels (not human opinion)") >= 4  # top, facts, section, table
    listed = Page(site["datasets.html"]).text
    assert re.search(r"demo set pseudo-labels \(not human opinion\)", listed)


def test_models_stand_by_falling_srcc_and_controls_below(site: dict[str, bytes]) -> None:
    html = site["datasets/live.html"].decode().partition("-caption")[2].partition("</table>")[0]
    names = re.findall(r'href="\.\./models/([^"]+)\.html"', html)
    order = sorted(SRCC, key=lambda name: SRCC[name], reverse=True)
    assert order[-1].startswith("control")
    assert names == [slug(name) for name in order]


def test_what_it_resolves_is_said_or_why_it_is_not_known(
    site: dict[str, bytes], board: Board
) -> None:
    assert (
        "Resolvable SRCC difference, median over pairs: 0.060"
        in Page(site["datasets/live.html"]).text
    )
    demo = Page(site[f"datasets/{slug('demo set')}.html"]).text
    assert "Models were not compared in pairs here" in demo
    assert re.search(r"live MOS 1,779 29 0\.060", Page(site["datasets.html"]).text)
    assert "figures/live-significance.correlation.ranks.svg" in site


def test_models_without_numbers_are_named_with_the_reason(site: dict[str, bytes]) -> None:
    text = Page(site["datasets/live.html"]).text
    assert "lost : its weights are not here iqa-eval weights get lost" in text
    empty = Page(site["datasets/empty.html"]).text
    assert "good : no such folder iqa-eval data get empty" in empty
    assert "Nothing was measured on it" in empty


def test_what_comes_from_outside_stays_text(site: dict[str, bytes]) -> None:
    for name, data in site.items():
        if name.endswith(".html"):
            assert NASTY.encode() not in data, name
            assert Page(data).scripts == 1
    assert f"free {NASTY}" in Page(site["datasets/live.html"]).text


def test_accuracy_is_drawn_against_cost_where_costs_are_known(
    site: dict[str, bytes], board: Board
) -> None:
    costs = tuple(COST | {"model": name} for name in ("good", "fair"))
    drawn = set(dataset_pages(replace(board, costs=costs))) - set(site)
    names = ("live-correlation", f"{slug('demo set')}-correlation")
    assert drawn == {f"figures/{name}.cost.svg" for name in names}


def test_equal_records_give_equal_bytes(site: dict[str, bytes], board: Board) -> None:
    again = read_board(Path(board.folder))
    assert dataset_pages(again) == site
